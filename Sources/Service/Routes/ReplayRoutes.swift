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
        let (start, end) = (try time(body, "from"), try time(body, "to"))
        let environment = call.principal.environment
        let files = try files(of: DefinitionBody(body.object ?? JSONObject()), environment)
        let clock = metrics.service.clock
        let deadline = clock.monotonicNanoseconds() + ServiceLimits.replayNanosecondsMax
        return try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            do {
                let replay = try RuleReplay(
                    files, from: start, to: end, interval: keeper.interval,
                    over: try metrics.series(of: environment, cancellation),
                    ask: metrics.ask(
                        environment, cancellation, timeLimit: ServiceLimits.ruleNanosecondsMax)
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

    /// The rules that a body means: a file's text, a trigger, an SLO's alerts, or without any of these
    /// all that the environment has.
    private func files(
        of body: DefinitionBody, _ environment: String
    ) throws(HTTPRefusal) -> [RuleFile] {
        let given = ["rules", "trigger", "slo"].filter { body.has($0) }
        guard given.count <= 1 else {
            throw HTTPRefusal(.error(400, "/\(given[1]): is there beside /\(given[0])"))
        }
        if let id = try body.text("trigger", charactersMax: 64) {
            return [try trigger(id, environment)]
        }
        if let id = try body.text("slo", charactersMax: 63),
            metrics.levels.objective(id, of: environment) == nil
        {
            throw HTTPRefusal(.error(404, "no SLO is called '\(id)'"))
        }
        do throws(RuleFileError) {
            if let text = body.member("rules")?.string {
                return [
                    try RuleFile(
                        Array(text.utf8), name: body.member("name")?.string ?? "rules")
                ]
            }
            guard let id = body.member("slo")?.string else {
                return keeper.sources.files(of: environment)
            }
            return [try RuleFile(metrics.levels.objectives(of: environment).filter { $0.id == id })]
        } catch {
            throw HTTPRefusal(.error(422, error.description))
        }
    }

    /// A trigger as a file of its own, also one that is disabled.
    private func trigger(
        _ id: String, _ environment: String
    ) throws(HTTPRefusal) -> RuleFile {
        let all = metrics.service.definitions.definitions(of: environment)
        guard var document = all.all(.triggers).first(where: { $0.id == id }) else {
            throw HTTPRefusal(.error(404, "no trigger has the id '\(id)'"))
        }
        document.body["disabled"] = false
        let group = try TriggerDefinition(document).group
        return RuleFile(name: RuleGroup.triggerFile, groups: group.map { [$0] } ?? [])
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
                        "time": .string(RFC3339.text(milliseconds: change.time)),
                        "state": .string(change.step.rawValue),
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
        let incidents = keeper.incidents.incidents(of: environment)
        let id = incidents.incident(called: call.parameters[0])?.id
        if let id, let book = keeper.book(of: environment),
            let alert = book.alerts.first(where: { incidents[$0]?.id == id })
        {
            let rule = book.groups.lazy.flatMap(\.rules).first {
                $0.alerts[alert.labels]?.activeAt == alert.activeAt
            }?.rule
            return try watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
                AlertExplanation(
                    metrics: metrics, environment: environment,
                    externalURL: keeper.externalURL, cancellation: cancellation,
                    recorded: RecordedSelectors(book.groups.map(\.group))
                ).document(alert, rule)
            }
        }
        throw HTTPRefusal(.error(404, "no alert that fires or ended lately has this id"))
    }
}
