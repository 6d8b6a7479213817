internal import Alerting
internal import Bytes
internal import EventQuery
internal import Events
internal import Host
internal import Metrics
internal import SeriesStore

/// `/1/burn_alerts/{dataset}`: alerts on the budget of an SLO, in Honeycomb's shapes.
///
/// Each is a rule beside those that its SLO has; with `__all__` any SLO may be meant, also one that has no
/// shape of Honeycomb's.
struct BurnAlertRoutes: Sendable {
    let keeper: AlertKeeper
    let metrics: DerivedMetrics
    let machine: Machine

    private var definitions: DefinitionStore { metrics.service.definitions }

    var routes: [Route] {
        let all = "/1/burn_alerts/{dataset}"
        let one = "/1/burn_alerts/{dataset}/{id}"
        return [
            Route("GET", all, .askQuestions) { call throws(HTTPRefusal) in
                .json(try list(call))
            },
            Route("POST", all, .define, lane: .query) { call throws(HTTPRefusal) in
                try create(call)
            },
            Route("GET", one, .askQuestions) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                return .json(json(try found(call, in: all), call))
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

    /// Those of the SLO `slo_id`, without their recipients.
    private func list(_ call: RouteCall) throws(HTTPRefusal) -> JSONValue {
        guard let id = call.head.target.queryValue("slo_id"), !id.isEmpty else {
            throw HTTPRefusal(
                .problem(.invalid, "slo_id is missing", field: "slo_id", code: "missing"))
        }
        _ = try objective(id, call)
        let all = definitions.definitions(of: call.principal.environment).all(.burnAlerts)
        let own = all.filter { (try? BurnAlertDefinition($0))?.objective == id }
        return .array(
            own.map { document in
                let object = json(document, call).object ?? JSONObject()
                return .object(JSONObject(object.members.filter { $0.key != "recipients" }))
            })
    }

    private func found(
        _ call: RouteCall, in all: Definitions
    ) throws(HTTPRefusal) -> Definitions.Document {
        guard let document = all.document(.burnAlerts, call.parameters[1], of: Query.allDatasets),
            let definition = try? BurnAlertDefinition(document),
            (try? objective(definition.objective, call)) != nil
        else { throw HTTPRefusal(.problem(.notFound, "burn alert not found")) }
        return document
    }

    /// An SLO of the call's dataset, or of any with `__all__`; throws a 404 when there is none.
    private func objective(
        _ id: String, _ call: RouteCall
    ) throws(HTTPRefusal) -> ServiceLevelObjective {
        let scope = try metrics.service.datasets.scope(of: call)
        guard let found = metrics.levels.objective(id, of: call.principal.environment),
            scope == Query.allDatasets || found.total.source.isOnly(scope)
        else { throw HTTPRefusal(.problem(.notFound, "SLO not found")) }
        return found
    }

    /// A burn alert with whether it fires.
    private func json(_ document: Definitions.Document, _ call: RouteCall) -> JSONValue {
        var object = JSONObject()
        object["id"] = .string(document.id)
        let ends: Set = ["created_at", "updated_at"]
        for member in document.body.members where !ends.contains(member.key) {
            object[member.key] = member.value
        }
        object["triggered"] = .bool(isTriggered(document.id, call.principal.environment))
        for name in ends.sorted() { object[name] = document.body[name] }
        return .object(object)
    }

    private func isTriggered(_ id: String, _ environment: String) -> Bool {
        let groups = keeper.book(of: environment)?.groups ?? []
        return groups.lazy.filter { $0.group.file == RuleFile.objectiveFile }
            .flatMap(\.rules).flatMap(\.alerts.values)
            .contains { $0.state == .firing && $0.labels[BudgetAlert.label] == id }
    }

    // MARK: - Changing

    private func create(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try DefinitionBody(call.request)
        let id = Definitions.Document.newID(machine.random)
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            guard all.all(.burnAlerts).count < ServiceLimits.burnAlertsMax else {
                throw HTTPRefusal(
                    .problem(.invalid, "there are \(ServiceLimits.burnAlertsMax) burn alerts"))
            }
            return try put(id, sent, nil, call, &all)
        }
        keeper.readAgain()
        return .json(json(made, call), status: 201)
    }

    private func update(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let sent = try DefinitionBody(call.request)
        let made = try definitions.change(call.principal.environment) {
            (all) throws(HTTPRefusal) in
            let before = try found(call, in: all)
            return try put(before.id, sent, before, call, &all)
        }
        keeper.readAgain()
        return .json(json(made, call))
    }

    private func delete(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            let found = try found(call, in: all)
            _ = all.remove(.burnAlerts, found.id, of: found.dataset)
        }
        keeper.readAgain()
        return HTTPResponse(status: 204)
    }

    /// Keeps what was sent in the place of what was there.
    private func put(
        _ id: String, _ sent: DefinitionBody, _ before: Definitions.Document?, _ call: RouteCall,
        _ all: inout Definitions
    ) throws(HTTPRefusal) -> Definitions.Document {
        let now = machine.clock.wallNanoseconds()
        var body = JSONObject([
            .init("alert_type", before?.body["alert_type"] ?? "exhaustion_time"),
            .init("slo", before?.body["slo"] ?? .null), .init("recipients", .array([])),
            .init("description", ""), .init("auto_investigate", false),
        ])
        for member in sent.members
        where !BurnAlertDefinition.told.contains(member.key) && member.value != .null {
            body[member.key] = member.value
        }
        let reader = DefinitionBody(body)
        if before != nil, body["slo"]?["id"] != before?.body["slo"]?["id"] {
            throw reader.wrong("slo", "is another than before, and stays as it was")
        }
        let slo = try BurnAlertDefinition.objective(reader)
        body["slo"] = ["id": .string(slo)]
        body["recipients"] = .array(try all.recipients(of: reader, at: now, machine.random))
        body.note(before, at: now)
        let document = Definitions.Document(id: id, dataset: Query.allDatasets, body: body)
        let definition = try BurnAlertDefinition(document)
        let objective = try objective(slo, call)
        if case .spent(_, let window) = definition.alert.condition,
            window > objective.period.length
        {
            throw reader.wrong(
                "budget_rate_window_minutes", "is longer than the SLO's time period")
        }
        all.put(document, .burnAlerts)
        return document
    }
}

extension DatasetSelection {
    /// Whether it is about one dataset alone, given by its `DatasetName.key`.
    fileprivate func isOnly(_ key: String) -> Bool {
        guard case .named(let names) = self else { return false }
        return names.map(DatasetName.key) == [key]
    }
}
