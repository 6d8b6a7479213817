internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics

/// How SLOs stood (`/1/reporting/slos/historical`) and what they counted (`/1/slos/…/counts`), in Honeycomb's
/// shapes.
struct SLOHistoryRoutes: Sendable {
    let slos: HoneycombSLORoutes

    private var metrics: DerivedMetrics { slos.metrics }

    var routes: [Route] {
        let counts = "/1/slos/{dataset}/{id}/counts"
        return [
            Route("POST", "/1/reporting/slos/historical", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(.object(try history(call)))
            },
            Route("GET", counts, .askQuestions, lane: .query) { call throws(HTTPRefusal) in
                .json(.object(try minutes(call)))
            },
            Route("GET", counts + "/history", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                .json(.object(try hours(call)))
            },
        ]
    }

    private static let minute: Int64 = 60_000
    private static let hour: Int64 = 3_600_000
    private static let week: Int64 = 7 * 86_400_000
    /// SLOs that one report is about.
    private static let reported = 24
    /// Seconds that a report reaches back.
    private static let reportedSeconds = 366 * 86_400 as Int64
    /// Milliseconds of hours that are told at once: cells are of hours up to a year.
    private static let hoursRange = 350 * 86_400_000 as Int64
    /// Milliseconds after which a minute is no longer said to be provisional.
    private static let provisional = 600_000 as Int64

    private var now: Int64 { metrics.service.clock.wallNanoseconds() / 1_000_000 }

    // MARK: - Report

    /// Of each week how the SLO stood at its end.
    private func history(_ call: RouteCall) throws(HTTPRefusal) -> JSONObject {
        let body = try DefinitionBody(call.request)
        let ids = try body.texts("ids", countMax: SLOHistoryRoutes.reported) ?? []
        guard !ids.isEmpty else { throw body.wrong("ids", "is missing", code: "missing") }
        let now = now
        let earliest = now / 1000 - SLOHistoryRoutes.reportedSeconds
        let end = try required(body, "end_time", in: earliest + 1...now / 1000)
        let start = try required(body, "start_time", in: earliest...end / 1000 - 1)
        let weeks = Array(
            stride(from: start, to: end, by: Int64.Stride(SLOHistoryRoutes.week)))
        var report = JSONObject()
        for id in ids {
            guard let objective = metrics.levels.objective(id, of: call.principal.environment)
            else { throw HTTPRefusal(.problem(.notFound, "SLO not found: \(id)")) }
            let ends = weeks.map { min($0 + SLOHistoryRoutes.week, end) }
            let ranges = ends.map { objective.period.range(at: $0 - 1).lowerBound..<$0 }
            let entries = try entries(of: objective, ranges, call)
            report[id] = .array(
                entries.map { entry in
                    let compliance = entry.count.compliance ?? 1
                    let left = entry.count.budgetLeft(budget: objective.budget) ?? 1
                    let week = weeks.last { $0 < entry.range.upperBound } ?? start
                    return [
                        "timestamp": .int(week / 1000), "compliance": .double(compliance * 100),
                        "budget_remaining": .double(left * 100),
                    ]
                })
        }
        return report
    }

    /// Milliseconds since 1970 of a member in seconds.
    private func required(
        _ body: DefinitionBody, _ name: String, in range: ClosedRange<Int64>
    ) throws(HTTPRefusal) -> Int64 {
        guard let value = try body.integer(name, in: range) else {
            throw body.wrong(name, "is missing", code: "missing")
        }
        return value * 1000
    }

    // MARK: - Counts

    /// Of each minute of a stretch within one hour the events that are settled.
    private func minutes(_ call: RouteCall) throws(HTTPRefusal) -> JSONObject {
        let (slo, objective) = try found(call)
        let now = now
        let asked = try range(call)
        let hour = asked.lowerBound / SLOHistoryRoutes.hour * SLOHistoryRoutes.hour
        guard asked.upperBound <= hour + SLOHistoryRoutes.hour else {
            throw HTTPRefusal(.error(400, "end_time: expected one within the hour of start_time"))
        }
        guard asked.lowerBound >= now - 24 * SLOHistoryRoutes.hour else {
            throw HTTPRefusal(.error(400, "start_time: expected one of the last 24 hours"))
        }
        let width = SLOHistoryRoutes.minute
        let settled = now - DerivedSeries.settling
        let entries = try entries(of: objective, asked.cells(width, upTo: settled), call)
        let definition = JSONValue.object(slo.definition).text
        var object = JSONObject()
        object["slo_id"] = .string(slo.id)
        object["resolution_seconds"] = .int(width / 1000)
        object["epoch"] = .string(String(hexadecimal(sha256(Array(definition.utf8))).prefix(16)))
        object["period_start"] = .int(hour / 1000)
        object["windows"] = .array(
            entries.map { entry in
                let isFresh = entry.range.lowerBound > now - SLOHistoryRoutes.provisional
                return json(entry, "window_start", "window_end", isPartial: isFresh)
            })
        return object
    }

    /// Of each hour of a stretch the events.
    private func hours(_ call: RouteCall) throws(HTTPRefusal) -> JSONObject {
        let (slo, objective) = try found(call)
        let asked = try range(call)
        guard asked.upperBound - asked.lowerBound <= SLOHistoryRoutes.hoursRange else {
            throw HTTPRefusal(
                .error(400, "end_time: expected one at most 350 days after start_time"))
        }
        let width = SLOHistoryRoutes.hour
        let now = now
        let entries = try entries(
            of: objective, asked.cells(width, upTo: now + width), call)
        var object = JSONObject()
        object["slo_id"] = .string(slo.id)
        object["resolution_seconds"] = .int(width / 1000)
        object["buckets"] = .array(
            entries.map { entry in
                json(entry, "start_time", "end_time", isPartial: entry.range.upperBound > now)
            })
        return object
    }

    private func found(
        _ call: RouteCall
    ) throws(HTTPRefusal) -> (Definitions.Document, ServiceLevelObjective) {
        let slo = try slos.found(call)
        guard let objective = metrics.levels.objective(slo.id, of: call.principal.environment)
        else { throw HTTPRefusal(.problem(.notFound, "SLO not found")) }
        return (slo, objective)
    }

    /// Milliseconds since 1970 of what a call's parameters say in seconds.
    private func range(_ call: RouteCall) throws(HTTPRefusal) -> Range<Int64> {
        func time(_ name: String) throws(HTTPRefusal) -> Int64 {
            let text = call.head.target.queryValue(name)
            guard let time = text.flatMap({ Int64($0) }), 0...now / 1000 + 86_400 ~= time else {
                throw HTTPRefusal(.error(400, "\(name): expected seconds since 1970"))
            }
            return time * 1000
        }
        let (start, end) = (try time("start_time"), try time("end_time"))
        guard start < end else {
            throw HTTPRefusal(.error(400, "end_time: expected one after start_time"))
        }
        return start..<end
    }

    private func entries(
        of objective: ServiceLevelObjective, _ ranges: [Range<Int64>], _ call: RouteCall
    ) throws(HTTPRefusal) -> [SLOHistory.Entry] {
        try slos.watch.watching(call.head.connection) { (cancellation) throws(HTTPRefusal) in
            do {
                return try SLOHistory(
                    objective, ranges,
                    try metrics.counters(
                        of: objective, in: call.principal.environment, cancellation)
                ).entries
            } catch {
                throw HTTPRefusal(.error(422, "\(error)"))
            }
        }
    }

    private func json(
        _ entry: SLOHistory.Entry, _ start: String, _ end: String, isPartial: Bool
    ) -> JSONValue {
        .object(
            JSONObject([
                .init(start, .int(entry.range.lowerBound / 1000)),
                .init(end, .int(entry.range.upperBound / 1000)),
                .init("total_count", .int(Int64(entry.count.total.rounded()))),
                .init("error_count", .int(Int64(entry.count.bad.rounded()))),
                .init("is_partial", .bool(isPartial)),
            ]))
    }
}

extension Range<Int64> {
    /// The cells of a width that it touches and that end by a time.
    fileprivate func cells(_ width: Int64, upTo end: Int64) -> [Range<Int64>] {
        stride(
            from: lowerBound / width * width, to: upperBound, by: Int64.Stride(width)
        ).map { $0..<$0 + width }.filter { $0.upperBound <= end }
    }
}
