internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics

/// `/api/metrics`: the metrics that are derived from events, and the totals of all for a scraper.
struct MetricRoutes: Sendable {
    let metrics: DerivedMetrics
    let watch: ClientWatch

    private var definitions: DefinitionStore { metrics.service.definitions }

    var routes: [Route] {
        [
            Route("GET", "/api/metrics", .askQuestions) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment).all(.metrics)
                let builtIn = SpanMetrics.definitions.map { json(builtIn: $0) }
                return .json(.array(builtIn + all.map(json)))
            },
            Route("GET", "/api/metrics/{name}", .askQuestions) { call throws(HTTPRefusal) in
                let name = call.parameters[0]
                if let found = SpanMetrics.definitions.first(where: { $0.name == name }) {
                    return .json(json(builtIn: found))
                }
                let all = definitions.definitions(of: call.principal.environment)
                return .json(json(try all.metric(name)))
            },
            Route("POST", "/api/metrics", .define, lane: .query) { call throws(HTTPRefusal) in
                let body = try DefinitionBody(call.request)
                return try put(try body.requiredText("name", charactersMax: 255), body, call)
            },
            Route("PUT", "/api/metrics/{name}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                let body = try DefinitionBody(call.request)
                return try put(call.parameters[0], body, call)
            },
            Route("DELETE", "/api/metrics/{name}", .define, lane: .query) {
                call throws(HTTPRefusal) in
                try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                    let metric = try all.metric(call.parameters[0])
                    _ = all.remove(.metrics, metric.id, of: metric.dataset)
                }
                return HTTPResponse(status: 204)
            },
            Route("GET", "/export/metrics", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try export(call)
            },
        ]
    }

    /// Keeps a metric in the place of what had its name, and says how many series it has.
    private func put(
        _ name: String, _ body: DefinitionBody, _ call: RouteCall
    ) throws(HTTPRefusal) -> HTTPResponse {
        if let named = try body.text("name", charactersMax: 255), named != name {
            throw body.wrong("name", "is not the name in the path")
        }
        let definition = try MetricDefinition(name, body)
        let environment = call.principal.environment
        if case .named(let datasets) = definition.source {
            for dataset in datasets where !metrics.service.datasets.knows(dataset, in: environment)
            {
                throw body.wrong("dataset", "'\(dataset)' is not there")
            }
        }
        try refuseClash(of: definition, in: environment)
        let groups = try read(call) { ask in
            try definition.expectedSeries(ask)
        }
        var document = JSONObject()
        for member in MetricDefinition.members where !["name", "retroactive"].contains(member) {
            if let value = body.member(member), value != .null { document[member] = value }
        }
        if try body.flag("retroactive") == false, document["since"] == nil {
            let now = metrics.service.clock.wallNanoseconds()
            document["since"] = .string(RFC3339.text(nanoseconds: now))
        }
        let stored = Definitions.Document(id: name, dataset: Query.allDatasets, body: document)
        let isNew = try definitions.change(environment) { (all) throws(HTTPRefusal) in
            let isNew = (try? all.metric(name)) == nil
            guard !isNew || all.all(.metrics).count < ServiceLimits.metricsMax else {
                throw HTTPRefusal(.error(422, "there are \(ServiceLimits.metricsMax) metrics"))
            }
            all.put(stored, .metrics)
            return isNew
        }
        guard case .object(var object) = json(stored) else { return HTTPResponse(status: 500) }
        object["series"] = .int(Int64(groups))
        return .json(.object(object), status: isNew ? 201 : 200)
    }

    /// Refuses a metric with a series of a name that another one has.
    private func refuseClash(
        of definition: MetricDefinition, in environment: String
    ) throws(HTTPRefusal) {
        let names = Set(definition.seriesNames + definition.scrapedNames)
        for other in metrics.definitions(of: environment) where other.name != definition.name {
            let common = names.intersection(other.seriesNames + other.scrapedNames)
            guard let name = common.min() else { continue }
            throw HTTPRefusal(
                .problem(
                    .conflict, "\(name) is a name of \(other.name) too", field: "name",
                    code: "already_exists"))
        }
        if SpanMetrics.definitions.contains(where: { $0.name == definition.name }) {
            throw HTTPRefusal(
                .problem(
                    .conflict, "\(definition.name) is built in", field: "name",
                    code: "already_exists"))
        }
    }

    private func export(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let accepted = call.head.headers["Accept"] ?? ""
        let format: MetricsExposition.Format =
            accepted.contains("application/openmetrics-text") ? .openMetrics : .prometheus
        let now = metrics.service.clock.wallNanoseconds()
        let all = metrics.definitions(of: call.principal.environment)
        let text = try read(call) { ask in
            try MetricsExposition.text(all, format, until: now, ask)
        }
        return HTTPResponse(
            status: 200, headers: ["Content-Type": format.contentType], body: Array(text.utf8))
    }

    /// Runs what asks about events; what it throws becomes a refusal.
    private func read<Value>(
        _ call: RouteCall, _ work: (DerivedSeries.Ask) throws -> Value
    ) throws(HTTPRefusal) -> Value {
        try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            do {
                return try work(metrics.ask(call.principal.environment, cancellation))
            } catch {
                throw HTTPRefusal(.error(422, "\(error)"))
            }
        }
    }

    // MARK: - JSON

    private func json(_ metric: Definitions.Document) -> JSONValue {
        var object = JSONObject()
        object["name"] = .string(metric.id)
        for member in metric.body.members { object[member.key] = member.value }
        return .object(object)
    }

    private func json(builtIn definition: MetricDefinition) -> JSONValue {
        [
            "name": .string(definition.name), "type": .string(definition.kind.typeName),
            "help": .string(definition.help), "unit": .string(definition.unit),
            "labels": .array(definition.labels.map { .string($0.name) }), "builtin": true,
        ]
    }
}

extension Definitions {
    /// Throws a 404 when no metric has the name.
    fileprivate func metric(_ name: String) throws(HTTPRefusal) -> Document {
        guard let metric = document(.metrics, name, of: Query.allDatasets) else {
            let names = all(.metrics).map(\.id)
            let hint = nearestName(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw HTTPRefusal(.error(404, "no metric is called '\(name)'\(hint)"))
        }
        return metric
    }
}
