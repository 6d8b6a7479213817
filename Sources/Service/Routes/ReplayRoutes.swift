internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics
internal import SeriesStore

/// What rules would have done over past events (`/api/replay`), and what is behind an alert
/// (`/api/alerts/{id}/explanation`).
struct ReplayRoutes: Sendable {
    let keeper: AlertKeeper
    let metrics: DerivedMetrics
    let watch: ClientWatch

    var routes: [Route] {
        [
            Route("POST", "/api/replay", .askQuestions, lane: .query) { call throws(HTTPRefusal) in
                .json(try replay(call))
            },
            Route("GET", "/api/alerts/{id}/explanation", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(try explain(call))
            },
        ]
    }

    // MARK: - Replay

    private func replay(_ call: RouteCall) throws(HTTPRefusal) -> JSONValue {
        let body = try call.request.json()
        guard let text = body["rules"]?.string else {
            throw HTTPRefusal(.error(400, "/rules: expected a file of rules as text"))
        }
        let (start, end) = (try time(body, "from"), try time(body, "to"))
        let file: RuleFile
        do throws(RuleFileError) {
            file = try RuleFile(Array(text.utf8), name: body["name"]?.string ?? "rules")
        } catch {
            throw HTTPRefusal(.error(422, error.description))
        }
        let environment = call.principal.environment
        let clock = metrics.service.clock
        let deadline = clock.monotonicNanoseconds() + ServiceLimits.replayNanosecondsMax
        return try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            do {
                let replay = try RuleReplay(
                    file, from: start, to: end, interval: 60_000,
                    over: try metrics.series(of: environment, cancellation)
                ) {
                    if cancellation.isCancelled { return PromQLError(.canceled, "nobody waits") }
                    return clock.monotonicNanoseconds() < deadline
                        ? nil : PromQLError(.timeout, "the replay takes too long")
                }
                return json(replay)
            } catch {
                throw HTTPRefusal(.error(422, "\(error)"))
            }
        }
    }

    /// Milliseconds since 1970.
    private func time(_ body: JSONValue, _ member: String) throws(HTTPRefusal) -> Int64 {
        guard let text = body[member]?.string, let time = RFC3339.nanoseconds(text) else {
            throw HTTPRefusal(.error(400, "/\(member): expected a time as RFC 3339 has it"))
        }
        return time / 1_000_000
    }

    private func json(_ replay: RuleReplay) -> JSONValue {
        [
            "changes": .array(
                replay.changes.map { change in
                    [
                        "time": .string(RFC3339.text(nanoseconds: change.time * 1_000_000)),
                        "state": .string(
                            change.state == .inactive ? "resolved" : change.state.rawValue),
                        "labels": RuleDocument.json(change.labels),
                        "value": .string(NumberText.json(change.value)),
                    ]
                }),
            "cut": .bool(replay.isCut),
            "failures": .array(
                replay.failures.map {
                    ["rule": .string($0.rule), "reason": .string($0.reason)]
                }),
        ]
    }

    // MARK: - Explanation

    private func explain(_ call: RouteCall) throws(HTTPRefusal) -> JSONValue {
        let environment = call.principal.environment
        let book = keeper.book(of: environment)
        let incidents = keeper.incidents.incidents(of: environment)
        for state in book?.groups.flatMap(\.rules) ?? [] {
            for alert in state.alerts.values where incidents[alert]?.id == call.parameters[0] {
                return try watch.watching(call.head.connection) {
                    (cancellation) throws(HTTPRefusal) in
                    AlertExplanation(
                        metrics: metrics, environment: environment,
                        externalURL: keeper.externalURL, cancellation: cancellation
                    ).document(alert, state.rule)
                }
            }
        }
        throw HTTPRefusal(.error(404, "no alert that fires or ended lately has this id"))
    }
}
