internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics

/// `/api/metrics`: the metrics that are derived from events, and the totals of all for a scraper.
struct MetricRoutes: Sendable {
    let metrics: DerivedMetrics
    let scraped: ScrapedTotals
    let watch: ClientWatch

    private var definitions: DefinitionStore { metrics.service.definitions }

    var routes: [Route] {
        [
            Route("GET", "/api/metrics", .askQuestions) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment).all(.metrics)
                let objects =
                    metrics.fixed.map(MetricDocument.fixed) + all.map(MetricDocument.stored)
                return .json(.array(objects.map(JSONValue.object)))
            },
            Route("GET", "/api/metrics/{name}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try show(call)
            },
            Route("GET", "/api/metrics/{name}/explain", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try explain(call)
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
        let expected = try expectedSeries(of: definition, body, call)
        var document = JSONObject()
        for member in MetricDefinition.members
        where !["name", "retroactive", MetricDefinition.definedAt].contains(member) {
            if let value = body.member(member), value != .null { document[member] = value }
        }
        if try body.flag("retroactive") == false, document["since"] == nil {
            let now = metrics.service.clock.wallNanoseconds()
            document["since"] = .string(RFC3339.text(nanoseconds: now))
        }
        let known = definitions.definitions(of: environment)
            .document(.metrics, name, of: Query.allDatasets)
        let stored = Definitions.Document(
            id: name, dataset: Query.allDatasets,
            body: MetricDefinition.dated(
                document, after: known?.body, now: metrics.service.clock.wallNanoseconds()))
        let isNew = try definitions.change(environment) { (all) throws(HTTPRefusal) in
            let isNew = (try? all.metric(name)) == nil
            guard !isNew || all.all(.metrics).count < ServiceLimits.metricsMax else {
                throw HTTPRefusal(.error(422, "there are \(ServiceLimits.metricsMax) metrics"))
            }
            all.put(stored, .metrics)
            return isNew
        }
        var object = MetricDocument.stored(stored)
        MetricDocument.add(expected.cardinality, expected.overflow, to: &object)
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
        if let origin = metrics.fixed.first(where: { $0.definition.name == definition.name })?
            .origin
        {
            throw HTTPRefusal(
                .problem(
                    .conflict, "\(definition.name) is \(origin.rawValue), and stays as it is",
                    field: "name",
                    code: "already_exists"))
        }
    }

    /// Counts the series that the stored events make; refuses more than the limit, unless they are wanted.
    private func expectedSeries(
        of definition: MetricDefinition, _ body: DefinitionBody, _ call: RouteCall
    ) throws(HTTPRefusal) -> (
        cardinality: MetricCardinality, overflow: MetricCardinality.Overflow?
    ) {
        let found = try cardinality(of: definition, call)
        let isForced = call.head.target.queryValue("force") == "true"
        if let overflow = found.overflow, !isForced {
            throw body.wrong(
                "labels",
                "make more series than series_limit: "
                    + MetricDocument.warning(found.cardinality, overflow)
                    + ". Take fewer labels, a higher limit, or force=true")
        }
        return found
    }

    private func cardinality(
        of definition: MetricDefinition, _ call: RouteCall
    ) throws(HTTPRefusal) -> (
        cardinality: MetricCardinality, overflow: MetricCardinality.Overflow?
    ) {
        try read(call) { ask, _ in
            let now = metrics.service.clock.wallNanoseconds()
            let cardinality = try MetricCardinality(definition, now: now, ask)
            return (cardinality, try cardinality.overflow(of: definition, ask))
        }
    }

    // MARK: - Showing

    /// A definition with the series that it has.
    private func show(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let name = call.parameters[0]
        var object: JSONObject
        if let fixed = metrics.fixed.first(where: { $0.definition.name == name }) {
            object = MetricDocument.fixed(fixed)
        } else {
            let all = definitions.definitions(of: call.principal.environment)
            object = MetricDocument.stored(try all.metric(name))
        }
        // A dataset that is gone has no series.
        let all = metrics.definitions(of: call.principal.environment)
        if let definition = all.first(where: { $0.name == name }) {
            let found = try cardinality(of: definition, call)
            MetricDocument.add(found.cardinality, found.overflow, to: &object)
        }
        return .json(.object(object))
    }

    /// What stands behind a sample: of `match={label="value",…}` and `time`.
    private func explain(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let name = call.parameters[0]
        let all = metrics.definitions(of: call.principal.environment)
        guard let definition = all.first(where: { $0.name == name }) else {
            throw HTTPRefusal(.error(404, "no metric is called '\(name)'"))
        }
        let selector = name + (call.head.target.queryValue("match") ?? "")
        let labels: [String: String]
        do {
            labels = try MetricExplanation.labels(of: selector)
        } catch {
            throw HTTPRefusal(.error(400, "match: \(error)"))
        }
        let now = metrics.service.clock.wallNanoseconds() / 1_000_000
        var time = now - MetricExplanation.settling
        if let text = call.head.target.queryValue("time") {
            guard let asked = PrometheusRequest.time(of: text) else {
                throw HTTPRefusal(.error(400, "time: expected seconds since 1970 or RFC 3339"))
            }
            time = asked
        }
        let defined = definedAt(name, in: call.principal.environment)
        return try read(call) { ask, _ in
            let past = try metrics.past.series(of: call.principal.environment)
            func explanation() throws -> MetricExplanation {
                try MetricExplanation(definition, labels, at: time, past: past, ask)
            }
            let found = try past?.consistently(explanation) ?? explanation()
            return .json(
                MetricDocument.explanation(
                    definition, labels, found, definedAt: defined, now: now))
        }
    }

    /// When a metric was defined as it is; null of those that no call made.
    private func definedAt(_ name: String, in environment: String) -> JSONValue {
        definitions.definitions(of: environment).document(.metrics, name, of: Query.allDatasets)?
            .body[MetricDefinition.definedAt] ?? .null
    }

    private func export(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let accepted = call.head.headers["Accept"] ?? ""
        let format: MetricsExposition.Format =
            accepted.contains("application/openmetrics-text") ? .openMetrics : .prometheus
        let now = metrics.service.clock.wallNanoseconds()
        let all = metrics.definitions(of: call.principal.environment)
        let text = try read(call) { ask, cancellation in
            let environment = call.principal.environment
            let bounded = metrics.ask(
                environment, cancellation, timeLimit: ServiceLimits.scrapedTimeNanoseconds)
            let past = try metrics.past.series(of: environment)
            let running = try scraped.totals(
                of: all.filter(\.isTotalOfRelatives), in: environment, now: now, bounded)
            let levels = metrics.levelSeries(
                of: environment,
                over: DerivedSeries(all, now: now / 1_000_000, past: past, ask))
            return try MetricsExposition.text(
                all, format, until: now, past: past, running: running,
                gauges: try levels?.gauges() ?? [], ask)
        }
        return HTTPResponse(
            status: 200, headers: ["Content-Type": format.contentType], body: Array(text.utf8))
    }

    /// Runs what asks about events; what it throws becomes a refusal.
    private func read<Value>(
        _ call: RouteCall,
        _ work: (@escaping DerivedSeries.Ask, QueryCancellation) throws -> Value
    ) throws(HTTPRefusal) -> Value {
        try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            do {
                return try work(
                    metrics.ask(call.principal.environment, cancellation), cancellation)
            } catch {
                throw HTTPRefusal(.error(422, "\(error)"))
            }
        }
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
