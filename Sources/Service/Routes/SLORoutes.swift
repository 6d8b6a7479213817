internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics

/// `/api/slos`: which share of events must be good, and how that stands.
struct SLORoutes: Sendable {
    let metrics: DerivedMetrics
    let watch: ClientWatch
    /// Told when what is evaluated has changed.
    let changed: @Sendable () -> Void

    private var definitions: DefinitionStore { metrics.service.definitions }

    var routes: [Route] {
        [
            Route("GET", "/api/slos", .askQuestions) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment).all(.slos)
                let objects =
                    metrics.levels.configured.map(SLODocument.configured)
                    + all.map(SLODocument.stored)
                return .json(.array(objects.map(JSONValue.object)))
            },
            Route("GET", "/api/slos/{id}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(try shown(call.parameters[0], call))
            },
            Route("POST", "/api/slos", .define, lane: .query) { call throws(HTTPRefusal) in
                let body = try SLORoutes.body(call)
                return try put(try body.requiredText("name", charactersMax: 63), body, call)
            },
            Route("PUT", "/api/slos/{id}", .define, lane: .query) { call throws(HTTPRefusal) in
                try put(call.parameters[0], try SLORoutes.body(call), call)
            },
            Route("DELETE", "/api/slos/{id}", .define, lane: .query) { call throws(HTTPRefusal) in
                let id = call.parameters[0]
                try refuseConfigured(id)
                try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                    all.remove(slo: try all.slo(id))
                }
                changed()
                return HTTPResponse(status: 204)
            },
        ]
    }

    /// A definition in our own form, or as OpenSLO writes it; JSON or YAML.
    private static func body(_ call: RouteCall) throws(HTTPRefusal) -> DefinitionBody {
        guard call.head.contentType?.contains("yaml") == true else {
            return try OpenSLO.definition(try DefinitionBody(call.request))
        }
        let limit = ServiceLimits.definitionBodyBytesMax
        let bytes = try call.request.openedBody(limit: limit + 1).withBytes { Array($0) }
        guard bytes.count <= limit else {
            throw HTTPRefusal(.problem(.tooLarge, "the body is larger than \(limit) bytes"))
        }
        let document: JSONValue
        do throws(YAMLTextError) {
            document = try JSONValue(parsingYAML: bytes)
        } catch {
            throw HTTPRefusal(.problem(.unparseable, "the body is not YAML: \(error)"))
        }
        guard let object = document.object else {
            throw HTTPRefusal(.problem(.unparseable, "the body is not a mapping"))
        }
        return try OpenSLO.definition(DefinitionBody(object))
    }

    // MARK: - Changing

    private func refuseConfigured(_ id: String) throws(HTTPRefusal) {
        guard metrics.levels.isConfigured(id) else { return }
        throw HTTPRefusal(
            .problem(
                .conflict, "\(id) is configured, and stays as it is", field: "name",
                code: "already_exists"))
    }

    /// Keeps an SLO in the place of what had its name, and says how it stands.
    private func put(
        _ id: String, _ body: DefinitionBody, _ call: RouteCall
    ) throws(HTTPRefusal) -> HTTPResponse {
        if let named = try body.text("name", charactersMax: 63), named != id {
            throw body.wrong("name", "is not the name in the path")
        }
        try refuseConfigured(id)
        let objective = try ServiceLevelObjective(id, body)
        let environment = call.principal.environment
        try metrics.refuseUnknownDatasets(of: objective, body, in: environment)
        // What cannot be counted is not kept.
        let status = try status(of: objective, call)
        var document = JSONObject(body.members.filter { $0.key != "name" && $0.value != .null })
        let isNew = try definitions.change(environment) { (all) throws(HTTPRefusal) in
            try metrics.levels.refuseClash(of: objective, in: all)
            let known = try? all.slo(id)
            document.note(known, at: metrics.service.clock.wallNanoseconds())
            all.put(
                Definitions.Document(id: id, dataset: Query.allDatasets, body: document), .slos)
            return known == nil
        }
        changed()
        let stored = Definitions.Document(id: id, dataset: Query.allDatasets, body: document)
        var object = SLODocument.stored(stored)
        object["status"] = status
        return .json(.object(object), status: isNew ? 201 : 200)
    }

    // MARK: - Showing

    private func shown(_ id: String, _ call: RouteCall) throws(HTTPRefusal) -> JSONValue {
        let environment = call.principal.environment
        let configured = metrics.levels.configured.first { $0.id == id }
        var object: JSONObject
        if let configured {
            object = SLODocument.configured(configured)
        } else {
            object = SLODocument.stored(try definitions.definitions(of: environment).slo(id))
        }
        if let objective = metrics.levels.objective(id, of: environment) {
            object["status"] = try status(of: objective, call)
        }
        return .object(object)
    }

    /// How an SLO stands, with the burn rates of each `window` that is asked for, else of those it has.
    private func status(
        of objective: ServiceLevelObjective, _ call: RouteCall
    ) throws(HTTPRefusal) -> JSONValue {
        var windows: [Int64] = []
        for item in call.head.target.query where item.name == "window" {
            guard let window = DurationText.milliseconds(item.value), window % 10_000 == 0,
                10_000...objective.period.length ~= window
            else {
                throw HTTPRefusal(
                    .error(
                        400,
                        "window: expected whole tens of seconds, at most the SLO's time window"))
            }
            windows.append(window)
        }
        guard windows.count <= ServiceLimits.windowsToldOf else {
            throw HTTPRefusal(.error(400, "window: at most \(ServiceLimits.windowsToldOf)"))
        }
        let asked = windows.isEmpty ? objective.windows : windows
        return try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            SLODocument.status(
                objective,
                try metrics.report(
                    on: objective, windows: asked, of: call.principal.environment, cancellation))
        }
    }
}

extension DerivedMetrics {
    /// How an SLO stands; throws the refusal to send.
    func report(
        on objective: ServiceLevelObjective, windows: [Int64], of environment: String,
        _ cancellation: QueryCancellation
    ) throws(HTTPRefusal) -> SLOReport {
        let now = service.clock.wallNanoseconds() / 1_000_000
        do {
            return try SLOReport(
                objective, at: now - DerivedSeries.settling, windows: windows,
                try counters(of: objective, in: environment, cancellation))
        } catch {
            throw HTTPRefusal(.error(422, "\(error)"))
        }
    }

    /// The two counters of an SLO.
    func counters(
        of objective: ServiceLevelObjective, in environment: String,
        _ cancellation: QueryCancellation
    ) throws -> DerivedSeries {
        DerivedSeries(
            [objective.total, objective.bad],
            now: service.clock.wallNanoseconds() / 1_000_000,
            past: try past.series(of: environment), ask(environment, cancellation))
    }

    /// Throws a problem when an SLO names a dataset that is not there.
    func refuseUnknownDatasets(
        of objective: ServiceLevelObjective, _ body: DefinitionBody, in environment: String
    ) throws(HTTPRefusal) {
        guard case .named(let names) = objective.total.source else { return }
        for name in names where !service.datasets.knows(name, in: environment) {
            throw body.wrong(
                body.has("datasets") ? "datasets" : "dataset", "names '\(name)', which is not there"
            )
        }
    }
}

extension ServiceLevels {
    /// Refuses an SLO whose metrics are those of another, and one too many.
    func refuseClash(
        of objective: ServiceLevelObjective, in all: Definitions
    ) throws(HTTPRefusal) {
        let stored = all.all(.slos).map(\.id)
        let others = (configured.map(\.id) + stored).filter { $0 != objective.id }
        let name = objective.total.name
        if let other = others.first(where: {
            ServiceLevelObjective.metricNames(of: $0).total == name
        }) {
            throw HTTPRefusal(
                .problem(
                    .conflict, "\(name) is a metric of the SLO \(other) too", field: "name",
                    code: "already_exists"))
        }
        guard stored.contains(objective.id) || stored.count < ServiceLimits.slosMax else {
            throw HTTPRefusal(.problem(.invalid, "there are \(ServiceLimits.slosMax) SLOs"))
        }
    }
}

extension Definitions {
    /// Throws a 404 when no SLO has the id.
    func slo(_ id: String) throws(HTTPRefusal) -> Document {
        guard let slo = document(.slos, id, of: Query.allDatasets) else {
            let hint =
                nearestName(to: id, among: all(.slos).map(\.id))
                .map { "; did you mean '\($0)'?" } ?? ""
            throw HTTPRefusal(.problem(.notFound, "no SLO is called '\(id)'\(hint)"))
        }
        return slo
    }
}

extension JSONObject {
    /// Notes when a definition was made and changed, nanoseconds since 1970.
    mutating func note(_ known: Definitions.Document?, at now: Int64) {
        let text = JSONValue.string(RFC3339.text(nanoseconds: now))
        self["created_at"] = known?.body["created_at"] ?? text
        self["updated_at"] = text
    }
}
