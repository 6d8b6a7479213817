internal import Alerting
internal import Bytes
internal import EventQuery
internal import Events
internal import Host

/// Triggers in Honeycomb's addresses (`/1/triggers/{dataset}`) and in ours (`/api/triggers`).
struct TriggerRoutes: Sendable {
    let keeper: AlertKeeper
    let datasets: DatasetDirectory
    let definitions: DefinitionStore
    let machine: Machine

    var routes: [Route] { honeycombs + own }

    private var honeycombs: [Route] {
        let all = "/1/triggers/{dataset}"
        let one = "/1/triggers/{dataset}/{id}"
        return [
            Route("GET", all, .askQuestions) { call throws(HTTPRefusal) in
                let scope = try datasets.scope(of: call)
                return .json(list(call) { $0.dataset == scope })
            },
            Route("POST", all, .define, lane: .query) { call throws(HTTPRefusal) in
                try create(call, of: try datasets.scope(of: call))
            },
            Route("GET", one, .askQuestions) { call throws(HTTPRefusal) in
                .json(json(try found(call, of: try datasets.scope(of: call)), call))
            },
            Route("PUT", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try update(call, of: try datasets.scope(of: call))
            },
            Route("DELETE", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try delete(call, of: try datasets.scope(of: call))
            },
        ]
    }

    private var own: [Route] {
        let one = "/api/triggers/{id}"
        return [
            Route("GET", "/api/triggers", .askQuestions) { call throws(HTTPRefusal) in
                .json(list(call))
            },
            Route("POST", "/api/triggers", .define, lane: .query) { call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", one, .askQuestions) { call throws(HTTPRefusal) in
                .json(json(try found(call), call))
            },
            Route("PUT", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try update(call)
            },
            Route("DELETE", one, .define, lane: .query) { call throws(HTTPRefusal) in
                try delete(call)
            },
        ]
    }

    // MARK: - Reading

    /// Those of all datasets that are wanted.
    func list(
        _ call: RouteCall, where isWanted: (Definitions.Document) -> Bool = { _ in true }
    ) -> JSONValue {
        let all = definitions.definitions(of: call.principal.environment).all(.triggers)
        return .array(all.filter(isWanted).map { json($0, call) })
    }

    private func found(
        _ call: RouteCall, of dataset: String? = nil
    ) throws(HTTPRefusal) -> Definitions.Document {
        try definitions.definitions(of: call.principal.environment)
            .trigger(call.parameters[call.parameters.count - 1], of: dataset)
    }

    /// A trigger with what it has come to.
    private func json(_ document: Definitions.Document, _ call: RouteCall) -> JSONValue {
        var object = JSONObject()
        object["id"] = .string(document.id)
        object["dataset_slug"] = .string(document.dataset)
        for member in document.body.members where member.key != "specification" {
            object[member.key] = member.value
        }
        let book = keeper.book(of: call.principal.environment)
        let group = book?.groups.first {
            $0.group.file == RuleGroup.triggerFile && $0.group.name == document.id
        }
        let state = group?.rules.first
        let states = Set(state?.alerts.values.map(\.state) ?? [])
        object["triggered"] = .bool(states.contains(.firing))
        let now = machine.clock.wallNanoseconds() / 1_000_000
        let isObserved = book?.isObserved(at: now) ?? false
        let unobserved = state?.unobserved ?? (isObserved ? nil : "no event has arrived lately")
        if states.contains(.firing) {
            object["state"] = "firing"
        } else if document.body["disabled"] == .bool(true) {
            object["state"] = "disabled"
        } else if unobserved != nil || state?.evaluatedAt == nil {
            object["state"] = "unobserved"
        } else {
            object["state"] = states.contains(.pending) ? "pending" : "inactive"
        }
        if state != nil { object["unobserved"] = unobserved.map { .string($0) } }
        object["last_error"] = state?.failure.map { .string($0) }
        return .object(object)
    }

    // MARK: - Changing

    private func create(
        _ call: RouteCall, of dataset: String? = nil
    ) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try TriggerRoutes.members(try DefinitionBody(call.request))
        let id = Definitions.Document.newID(machine.random)
        let now = now
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard all.all(.triggers).count < ServiceLimits.triggersMax else {
                throw HTTPRefusal(
                    .problem(.invalid, "there are \(ServiceLimits.triggersMax) triggers"))
            }
            var body = TriggerRoutes.defaults
            for member in sent { body[member.key] = member.value }
            body["created_at"] = now
            body["updated_at"] = now
            let scope = if let dataset { dataset } else { try self.dataset(of: body, call) }
            let document = try all.trigger(id, scope, body, machine)
            all.put(document, .triggers)
            return document
        }
        keeper.readAgain()
        return .json(json(made, call), status: 201)
    }

    private func update(
        _ call: RouteCall, of dataset: String? = nil
    ) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try TriggerRoutes.members(try DefinitionBody(call.request))
        let now = now
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            let before = try all.trigger(call.parameters[call.parameters.count - 1], of: dataset)
            var body = before.body
            let names = Set(sent.map(\.key))
            if !names.isDisjoint(with: ["query", "query_id"]) {
                let gone: Set = ["query", "query_id", "specification"]
                body = JSONObject(body.members.filter { !gone.contains($0.key) })
            }
            for member in sent { body[member.key] = member.value }
            body["updated_at"] = now
            let document = try all.trigger(before.id, before.dataset, body, machine)
            all.put(document, .triggers)
            return document
        }
        keeper.readAgain()
        return .json(json(made, call))
    }

    private func delete(
        _ call: RouteCall, of dataset: String? = nil
    ) throws(HTTPRefusal) -> HTTPResponse {
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let found = try all.trigger(call.parameters[call.parameters.count - 1], of: dataset)
            _ = all.remove(.triggers, found.id, of: found.dataset)
        }
        keeper.readAgain()
        return HTTPResponse(status: 204)
    }

    private var now: JSONValue {
        .string(RFC3339.text(nanoseconds: machine.clock.wallNanoseconds()))
    }

    private static let defaults = JSONObject([
        .init("description", ""), .init("disabled", false), .init("frequency", .int(900)),
        .init("alert_type", "on_change"), .init("evaluation_schedule_type", "frequency"),
    ])

    /// What is kept of a body: neither what the server says itself nor `null`.
    private static func members(
        _ body: DefinitionBody
    ) throws(HTTPRefusal) -> [JSONObject.Member] {
        let told: Set = [
            "id", "dataset_slug", "created_at", "updated_at", "triggered", "state", "unobserved",
            "last_error",
        ]
        var members: [JSONObject.Member] = []
        for name in body.names where !told.contains(name) {
            if name == "specification" { throw body.wrong(name, "is no member of a trigger") }
            members.append(.init(name, body.member(name) ?? .null))
        }
        if body.has("evaluation_schedule"), !body.has("evaluation_schedule_type") {
            members.append(.init("evaluation_schedule_type", "window"))
        }
        return members
    }

    /// The dataset of a trigger that was put to no address of one: what its member says, or its text.
    private func dataset(
        of body: JSONObject, _ call: RouteCall
    ) throws(HTTPRefusal) -> String {
        let reader = DefinitionBody(body)
        if let name = try reader.text("dataset", charactersMax: EventLimits.datasetNameBytes) {
            guard name == Query.allDatasets || datasets.knows(name, in: call.principal.environment)
            else { throw reader.wrong("dataset", "is not there") }
            return name == Query.allDatasets ? name : DatasetName.key(name)
        }
        if let text = body["query"]?.string,
            case .named(let names) = try Question(text: text).query.source,
            let name = names.first, names.count == 1
        {
            return DatasetName.key(name)
        }
        return Query.allDatasets
    }
}

extension Definitions {
    /// Throws a 404 when there is no such trigger.
    ///
    /// - Parameter dataset: nil for the triggers of all.
    fileprivate func trigger(
        _ id: String, of dataset: String?
    ) throws(HTTPRefusal) -> Document {
        let found = all(.triggers).first {
            $0.id == id && (dataset == nil || $0.dataset == dataset)
        }
        guard let found else { throw HTTPRefusal(.problem(.notFound, "trigger not found")) }
        return found
    }

    /// A trigger of what was sent, with the query and the receivers that it names; throws a problem when
    /// it cannot be.
    fileprivate mutating func trigger(
        _ id: String, _ dataset: String, _ sent: JSONObject, _ machine: Machine
    ) throws(HTTPRefusal) -> Document {
        let reader = DefinitionBody(sent)
        var body = JSONObject(sent.members.filter { $0.value != .null })
        if let queryID = try reader.text("query_id", charactersMax: 64) {
            guard !reader.has("query") else {
                throw reader.wrong("query", "stands beside query_id")
            }
            guard let query = savedQuery(queryID, of: dataset) else {
                throw reader.wrong("query_id", "is no query of this dataset")
            }
            // Queries are forgotten when there are very many.
            body["specification"] = query.specification
        }
        if reader.has("recipients") {
            let found = try recipients(
                of: reader, at: machine.clock.wallNanoseconds(), machine.random)
            body["recipients"] = .array(found)
        }
        let document = Document(id: id, dataset: dataset, body: body)
        _ = try TriggerDefinition(document)
        try TriggerDefinition.refuseUnreadableDeadlines(reader)
        return document
    }
}
