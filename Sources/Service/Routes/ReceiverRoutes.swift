internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host

/// `/api/receivers`: who is told of alerts directly, and how telling them and the Alertmanagers goes.
struct ReceiverRoutes: Sendable {
    let keeper: AlertKeeper
    let definitions: DefinitionStore

    var routes: [Route] {
        [
            Route("GET", "/api/receivers", .askQuestions) { call throws(HTTPRefusal) in
                .json(list(call.principal.environment))
            },
            Route("PUT", "/api/receivers/{name}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try put(call)
            },
            Route("DELETE", "/api/receivers/{name}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                    guard all.remove(.receivers, call.parameters[0], of: Query.allDatasets) else {
                        throw HTTPRefusal(
                            .error(404, "no receiver is called '\(call.parameters[0])'"))
                    }
                }
                keeper.readAgain()
                return HTTPResponse(status: 204)
            },
        ]
    }

    private func list(_ environment: String) -> JSONValue {
        let stored = definitions.definitions(of: environment).all(.receivers)
        return .array(
            keeper.tellers(of: environment).map { teller in
                var object = JSONObject()
                object["name"] = .string(teller.name)
                let document = stored.first { $0.id == teller.name }
                if document == nil { object["type"] = "alertmanager" }
                for member in document?.body.members ?? [] {
                    let isSecret = Receiver.secrets.contains(member.key)
                    object[member.key] = isSecret ? "(kept)" : member.value
                }
                let figures = teller.figures
                object["messages_taken"] = .int(Int64(figures.sent))
                object["messages_failed"] = .int(Int64(figures.failed))
                object["last_error"] = figures.failure.map { .string($0) }
                return .object(object)
            })
    }

    private func put(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let name = call.parameters[0]
        guard isEnvironmentName(name) else {
            throw HTTPRefusal(
                .error(400, "a name is of lower-case letters, digits, - and _, at most 64"))
        }
        let body = try DefinitionBody(call.request)
        _ = try Receiver(name, body)
        var document = JSONObject()
        for member in body.names where member != "name" { document[member] = body.member(member) }
        let stored = Definitions.Document(id: name, dataset: Query.allDatasets, body: document)
        let isNew = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            let isNew = all.document(.receivers, name, of: Query.allDatasets) == nil
            guard !isNew || all.all(.receivers).count < ServiceLimits.receiversMax else {
                throw HTTPRefusal(.error(422, "there are \(ServiceLimits.receiversMax) receivers"))
            }
            all.put(stored, .receivers)
            return isNew
        }
        keeper.readAgain()
        return .json(["name": .string(name)], status: isNew ? 201 : 200)
    }
}
