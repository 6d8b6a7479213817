internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics
internal import SeriesStore

/// `/api/v1/…`: Prometheus's HTTP API over the derived series, for Grafana and scripts.
struct PrometheusRoutes: Sendable {
    let metrics: DerivedMetrics
    let watch: ClientWatch

    /// Of this program, as `status/buildinfo` tells it.
    private static let version = "0.1.0"

    private static let paths = [
        "query", "query_range", "query_exemplars", "series", "labels", "label/{name}/values",
        "metadata",
        "format_query", "status/buildinfo",
    ]

    var routes: [Route] {
        PrometheusRoutes.paths.flatMap { path in
            ["GET", "POST"].map { method in
                Route(method, "/api/v1/\(path)", .askQuestions, lane: .query) {
                    call throws(HTTPRefusal) in
                    try answer(
                        path.replacing("{name}", with: call.parameters.first ?? ""), call)
                }
            }
        }
    }

    private func answer(_ path: String, _ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let parameters = try call.parametersOfForm()
        let clock = metrics.service.clock
        let environment = call.principal.environment
        let connection = call.head.connection
        let answer = try watch.watching(connection) { (cancellation) throws(HTTPRefusal) in
            let isSettled = try PrometheusRoutes.isSettled(path, parameters)
            let notes = SeriesNotes(isUnsettled: !isSettled)
            let api = PrometheusAPI(
                try series(of: environment, cancellation, notes, isSettled: isSettled),
                metadata: metrics.metadata(of: environment),
                exemplars: metrics.exemplars(of: environment, cancellation), notes: notes,
                version: PrometheusRoutes.version)
            return api.answer(
                path,
                PrometheusRequest(
                    parameters: parameters, now: clock.wallNanoseconds() / 1_000_000,
                    clock: { clock.monotonicNanoseconds() / 1_000_000 },
                    isCanceled: { cancellation.isCancelled }))
        }
        guard let answer else { throw HTTPRefusal(.error(404, "page not found")) }
        return HTTPResponse(
            status: answer.status, headers: ["Content-Type": "application/json"],
            body: answer.body)
    }

    /// Whether a query is about samples alone that will not change; `settled=false` says that it is not.
    private static func isSettled(
        _ path: String, _ parameters: [(name: String, value: String)]
    ) throws(HTTPRefusal) -> Bool {
        guard path == "query" || path == "query_range",
            let text = parameters.first(where: { $0.name == "settled" })?.value
        else { return true }
        guard ["true", "false"].contains(text) else {
            throw HTTPRefusal(.error(400, "settled: expected true or false"))
        }
        return text == "true"
    }

    private func series(
        of environment: String, _ cancellation: QueryCancellation, _ notes: SeriesNotes,
        isSettled: Bool
    ) throws(HTTPRefusal) -> any SeriesSource {
        do {
            return try metrics.series(
                of: environment, cancellation, notes: notes, isSettled: isSettled)
        } catch {
            throw HTTPRefusal(.error(500, "stored series cannot be read: \(error)"))
        }
    }
}

extension RouteCall {
    /// What the address and, of a form, the body say, in that order.
    fileprivate func parametersOfForm() throws(HTTPRefusal) -> [(name: String, value: String)] {
        var items = head.target.query
        if head.contentType == "application/x-www-form-urlencoded" {
            let body = try request.openedBody(limit: ServiceLimits.questionBytesMax)
            let text = body.withBytes { String(decoding: $0, as: UTF8.self) }
            guard let form = RequestTarget.items(of: Substring(text)) else {
                throw HTTPRefusal(.error(400, "the form has a broken percent escape"))
            }
            items += form
        }
        return items.map { ($0.name, $0.value) }
    }
}
