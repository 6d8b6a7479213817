internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Host
internal import Metrics

/// `/1/slos/{dataset}`: SLOs whose indicator is a derived column, in Honeycomb's shapes.
///
/// They are SLOs like others; those with a general condition or a calendar's period have no such shape.
struct HoneycombSLORoutes: Sendable {
    let metrics: DerivedMetrics
    let watch: ClientWatch
    let alerts: AlertKeeper?
    let machine: Machine

    private var definitions: DefinitionStore { metrics.service.definitions }

    var routes: [Route] {
        let all = "/1/slos/{dataset}"
        let one = "/1/slos/{dataset}/{id}"
        return [
            Route("GET", all, .askQuestions) { call throws(HTTPRefusal) in
                .json(.array(try list(call).map { .object(HoneycombSLO($0).json) }))
            },
            Route("POST", all, .define, lane: .query) { call throws(HTTPRefusal) in
                let id = Definitions.Document.newID(machine.random)
                return .json(.object(try put(id, call, isNew: true)), status: 201)
            },
            Route("GET", one, .askQuestions, lane: .query) { call throws(HTTPRefusal) in
                .json(.object(try shown(call)))
            },
            Route("PUT", one, .define, lane: .query) { call throws(HTTPRefusal) in
                .json(.object(try put(try found(call).id, call, isNew: false)))
            },
            Route("DELETE", one, .define, lane: .query) { call throws(HTTPRefusal) in
                let found = try found(call)
                try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                    all.remove(slo: found)
                }
                alerts?.readAgain()
                return HTTPResponse(status: 204)
            },
        ]
    }

    // MARK: - Reading

    /// Those of a dataset alone, or with `__all__` all of them.
    private func list(_ call: RouteCall) throws(HTTPRefusal) -> [Definitions.Document] {
        let scope = try metrics.service.datasets.scope(of: call)
        return definitions.definitions(of: call.principal.environment).all(.slos).filter { slo in
            let own = HoneycombSLO(slo)
            guard own.alias != nil, own.days != nil else { return false }
            return scope == Query.allDatasets || own.slugs == [scope]
        }
    }

    /// Throws a 404 when no SLO of the call's dataset has the id and the shape.
    func found(_ call: RouteCall) throws(HTTPRefusal) -> Definitions.Document {
        guard let found = try list(call).first(where: { $0.id == call.parameters[1] }) else {
            throw HTTPRefusal(.problem(.notFound, "SLO not found"))
        }
        return found
    }

    /// With `?detailed=true` how it stands as well.
    private func shown(_ call: RouteCall) throws(HTTPRefusal) -> JSONObject {
        let slo = try found(call)
        let environment = call.principal.environment
        var object = HoneycombSLO(slo).json
        guard call.head.target.queryValue("detailed") == "true",
            let objective = metrics.levels.objective(slo.id, of: environment)
        else { return object }
        let report = try watch.watching(call.head.connection) {
            (cancellation) throws(HTTPRefusal) in
            try metrics.report(
                on: objective, windows: [14_400_000], of: environment, cancellation)
        }
        func percent(_ share: Double?) -> JSONValue { share.map { .double($0 * 100) } ?? .null }
        object["compliance"] = percent(report.count.compliance)
        object["budget_remaining"] = percent(report.budgetLeft)
        let rate = report.windows.first.flatMap { report.burnRate($0) }
        object["burn_rate"] = rate.map { .double($0) } ?? .null
        let group = alerts?.book(of: environment)?.groups.first {
            $0.group.file == RuleFile.objectiveFile && $0.group.name == slo.id
        }
        let isFiring = group?.rules.contains { rule in
            rule.alerts.values.contains { $0.state == .firing }
        }
        let state = isFiring.map { $0 ? "triggered" : "normal" } ?? "no_alerts"
        object["status"] = .string(report.count.total > 0 ? state : "no_events")
        return object
    }

    // MARK: - Changing

    private func put(
        _ id: String, _ call: RouteCall, isNew: Bool
    ) throws(HTTPRefusal) -> JSONObject {
        let environment = call.principal.environment
        let sent = try DefinitionBody(call.request)
        let scope = try metrics.service.datasets.scope(of: call)
        var document = try definition(sent, scope, environment)
        let body = DefinitionBody(document)
        let objective = try ServiceLevelObjective(id, body)
        try metrics.refuseUnknownDatasets(of: objective, body, in: environment)
        let made = try definitions.change(environment) { (all) throws(HTTPRefusal) in
            try metrics.levels.refuseClash(of: objective, in: all)
            let known = try? all.slo(id)
            document.note(known, at: machine.clock.wallNanoseconds())
            let made = Definitions.Document(id: id, dataset: Query.allDatasets, body: document)
            all.put(made, .slos)
            return made
        }
        alerts?.readAgain()
        return HoneycombSLO(made).json
    }

    /// What a body says, in the members of our own definitions.
    private func definition(
        _ sent: DefinitionBody, _ scope: String, _ environment: String
    ) throws(HTTPRefusal) -> JSONObject {
        let alias = try sent.object("sli").requiredText("alias", charactersMax: 255)
        let slugs = try sent.texts("dataset_slugs", countMax: ServiceLimits.datasetsOfSLO)
        let names = scope == Query.allDatasets ? slugs ?? [] : [scope]
        guard !names.isEmpty else {
            throw sent.wrong("dataset_slugs", "is missing", code: "missing")
        }
        let columns = definitions.definitions(of: environment).all(.derivedColumns)
        let places = [Query.allDatasets] + (names.count == 1 ? [DatasetName.key(names[0])] : [])
        guard
            columns.contains(where: {
                $0.body["alias"] == .string(alias) && places.contains($0.dataset)
            })
        else { throw sent.wrong("sli", "names no derived column: \(alias)") }
        let days = try sent.integer("time_period_days", in: 1...366)
        let target = try sent.integer("target_per_million", in: 0...999_999)
        guard let days, let target else {
            let missing = days == nil ? "time_period_days" : "target_per_million"
            throw sent.wrong(missing, "is missing", code: "missing")
        }
        var document = JSONObject()
        document["displayName"] = .string(try sent.requiredText("name", charactersMax: 120))
        document["description"] = .string(try sent.text("description", charactersMax: 1023) ?? "")
        document["datasets"] = .array(
            names.map { .string(metrics.service.datasets.name(for: $0, in: environment)) })
        document["sli"] = .string(Expression.field(.named(alias)).text)
        document["target"] = .double(Double(target) / 1e6)
        document["timeWindow"] = [["duration": .string("\(days)d"), "isRolling": true]]
        document["tags"] = sent.has("tags") ? sent.member("tags") : .array([])
        return document
    }
}

/// An SLO as Honeycomb's clients know it.
private struct HoneycombSLO {
    private let document: Definitions.Document

    init(_ document: Definitions.Document) { self.document = document }

    /// The derived column that says what is good; nil where something else does.
    var alias: String? {
        guard let text = document.body["sli"]?.string,
            case .field(.named(let name))? = try? Expression(parsingCondition: text),
            document.body["total"] == nil
        else { return nil }
        return name
    }

    /// The days of its period; nil of a calendar's.
    var days: Int64? {
        let objective = try? ServiceLevelObjective(
            document.id, DefinitionBody(document.definition))
        guard case .rolling(let length)? = objective?.period, length % 86_400_000 == 0 else {
            return nil
        }
        return length / 86_400_000
    }

    var slugs: [String] { document.countedDatasets }

    var json: JSONObject {
        let body = document.body
        let target = body["target"]?.number ?? (body["targetPercent"]?.number ?? 0) / 100
        return JSONObject([
            .init("id", .string(document.id)),
            .init("name", body["displayName"] ?? .string(document.id)),
            .init("description", body["description"] ?? ""),
            .init("sli", ["alias": .string(alias ?? "")]),
            .init("time_period_days", days.map { .int($0) } ?? .null),
            .init("target_per_million", .int(Int64((target * 1e6).rounded()))),
            .init("dataset_slugs", .array(slugs.map { .string($0) })),
            .init("tags", body["tags"] ?? .array([])), .init("reset_at", .null),
            .init("created_at", body["created_at"] ?? .null),
            .init("updated_at", body["updated_at"] ?? .null),
        ])
    }
}
