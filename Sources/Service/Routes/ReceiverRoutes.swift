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
            receivers.deletion("/api/receivers/{name}", .define) {
                (all, receiver) throws(HTTPRefusal) in
                try all.refuseInUse(receiver: receiver)
            },
        ]
    }

    private var receivers: NamedDefinitions {
        NamedDefinitions(
            kind: .receivers, noun: "receiver", limit: ServiceLimits.receiversMax,
            store: definitions, changed: keeper.readAgain)
    }

    private func list(_ environment: String) -> JSONValue {
        let stored = receivers.all(of: environment)
        return .array(
            keeper.tellers(of: environment).map { teller in
                var object = JSONObject()
                object["name"] = .string(teller.name)
                let document = stored.first { $0.id == teller.name }
                if document == nil { object["type"] = .string(teller.typeName) }
                for member in document?.body.members ?? [] {
                    object[member.key] = Receiver.shown(member, type: teller.typeName)
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
        let all = definitions.definitions(of: call.principal.environment)
        if all.document(.recipients, name, of: Query.allDatasets) != nil {
            throw HTTPRefusal(.problem(.conflict, "a recipient has this id"))
        }
        var document = JSONObject()
        for member in body.names where member != "name" { document[member] = body.member(member) }
        let made = document
        let isNew = try receivers.put(name, in: call.principal.environment) { _ in made }.isNew
        return .json(["name": .string(name)], status: isNew ? 201 : 200)
    }
}
