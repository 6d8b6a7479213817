internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host

/// `/1/recipients`: who triggers and burn alerts tell, in Honeycomb's shapes.
///
/// Their answers hold the secrets that were sent, as Honeycomb's do, so only who may define them reads them.
struct RecipientRoutes: Sendable {
    let keeper: AlertKeeper
    let definitions: DefinitionStore
    let triggers: TriggerRoutes
    let machine: Machine

    var routes: [Route] {
        let all = "/1/recipients"
        let one = "/1/recipients/{id}"
        return [
            Route("GET", all, .define) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                return .json(.array(all.all(.recipients).map(\.json)))
            },
            Route("POST", all, .define, lane: .query) { call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", one, .define) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                return .json(try all.recipient(call.parameters[0]).json)
            },
            Route("PUT", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try delete(call)
            },
            Route("GET", "/1/recipients/{id}/triggers", .define) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                let id = try all.recipient(call.parameters[0]).id
                return .json(triggers.list(call) { $0.names(id) })
            },
        ]
    }

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try RecipientRoutes.members(try DefinitionBody(call.request))
        let now = machine.clock.wallNanoseconds()
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            try all.add(recipient: sent, at: now, machine.random)
        }
        keeper.readAgain()
        return .json(made.json, status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try DefinitionBody(call.request)
        let now = machine.clock.wallNanoseconds()
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            let before = try all.recipient(call.parameters[0])
            var body = try RecipientRoutes.members(sent)
            guard body["type"] == before.body["type"] else {
                throw sent.wrong("type", "is another than before, and stays as it was")
            }
            try all.refuseUnreachable(body, before.id)
            body.note(before, at: now)
            let document = Definitions.Document(id: before.id, dataset: before.dataset, body: body)
            all.put(document, .recipients)
            return document
        }
        keeper.readAgain()
        return .json(made.json)
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let found = try all.recipient(call.parameters[0])
            try all.refuseInUse(found.id)
            _ = all.remove(.recipients, found.id, of: found.dataset)
        }
        keeper.readAgain()
        return HTTPResponse(status: 204)
    }

    /// What is kept of a body: what the server says itself is not.
    private static func members(_ body: DefinitionBody) throws(HTTPRefusal) -> JSONObject {
        _ = try RecipientDefinition(body)
        return JSONObject(body.members.filter { ["type", "details"].contains($0.key) })
    }
}

extension Definitions {
    /// Throws a 404 when there is no such recipient.
    fileprivate func recipient(_ id: String) throws(HTTPRefusal) -> Document {
        guard let found = document(.recipients, id, of: Query.allDatasets) else {
            throw HTTPRefusal(.problem(.notFound, "recipient not found"))
        }
        return found
    }
}
