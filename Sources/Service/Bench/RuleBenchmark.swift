internal import Alerting
internal import Compute
internal import EventQuery
internal import EventStore
internal import Host
internal import Metrics
internal import SeriesStore

/// What alert rules over a metric that is derived from events cost, with one reading shared by all rules
/// of a round and with a reading for each rule.
struct RuleBenchmark {
    private let timer: BenchmarkTimer
    private let rules: Int
    private let segment: Segment
    private let engine: QueryEngine
    private let definition: MetricDefinition

    /// Rules that ask afresh, which is slow, are measured over fewer.
    private static let freshRules = 50

    /// - Parameter events: generated events, sealed in one segment in memory.
    init(rules: Int, events: Int, timer: BenchmarkTimer) throws {
        self.timer = timer
        self.rules = rules
        segment = try EventBenchmark(count: events, timer: timer).segment()
        engine = QueryEngine(
            pool: try WorkerPool(parallelism: 1), clock: Machine.real.clock,
            cacheBytes: QueryLimits.partialCacheBytes)
        definition = MetricDefinition(
            name: "shop_requests_total",
            labels: try [
                ("service", "service.name"), ("route", "http.route"),
                ("status", "http.status_code"),
            ].map { MetricDefinition.Dimension($0.0, try Expression(parsingCondition: $0.1)) })
    }

    func run(_ report: (SeriesBenchmark.Figure) -> Void) throws {
        func tell(_ name: String, _ value: Double, _ unit: String, _ note: String = "") {
            report(SeriesBenchmark.Figure(name: name, value: value, unit: unit, note: note))
        }
        let services = try source().labelValues(of: "service", [], from: .min, to: .max)
        var book = try book(of: rules, services)
        var time = now
        let shared = try timer.best {
            time += 15_000
            let failed = try evaluate(&book, at: time, RoundSeries(try source()))
            precondition(failed == 0, "BUG: rules that fail are not measured")
        }
        let few = min(rules, RuleBenchmark.freshRules)
        var small = try self.book(of: few, services)
        let fresh = try timer.best {
            time += 15_000
            _ = try evaluate(&small, at: time, try source())
        }
        let firing = book.alerts.count { $0.state == .firing }
        precondition(firing > 0, "BUG: rules without events are measured")
        tell("\(rules) rules, one round", shared * 1000, "ms", "\(firing) fire")
        tell("of one core, every 15 s", 100 * shared / 15, "%")
        let perRule = shared / Double(rules)
        let perFreshRule = fresh / Double(few)
        tell("one rule", perRule * 1e6, "µs")
        tell("one rule that asks events afresh", perFreshRule * 1e6, "µs")
        tell("rules for the same time", perFreshRule / perRule, "times")
    }

    /// Milliseconds since 1970, so that the last events are settled.
    private var now: Int64 { EventBenchmark.end / 1_000_000 + DerivedSeries.settling + 60_000 }

    private func source() throws -> DerivedSeries {
        let (engine, segment, now) = (engine, segment, now)
        return DerivedSeries([definition], now: now + 600_000) { query in
            let answer = try engine.answer(query, over: segment.rowGroups, now: now * 1_000_000)
            guard case .statistics(let table) = answer.content else {
                preconditionFailure("BUG: the query of a metric is about events")
            }
            return table
        }
    }

    /// Rules that differ in the service they watch and in their thresholds; one in a hundred fires.
    private func book(of count: Int, _ services: [String]) throws -> RuleBook {
        var text = "groups: [{name: bench, interval: 15s, rules: [\n"
        for number in 0..<count {
            let service = services.isEmpty ? "" : services[number % services.count]
            text += "{alert: 'A\(number)', expr: 'sum by (route) (rate("
            text += "shop_requests_total{service=\"\(service)\"}[5m])) > "
            let threshold = number % 100 == 0 ? -1 : 1_000_000 + number
            text += "\(threshold)', labels: {tier: page}},\n"
        }
        text += "]}]"
        var book = RuleBook(interval: 15_000, standstill: .max, at: 0)
        book.replace([try RuleFile(Array(text.utf8), name: "bench")], at: 0)
        return book
    }

    /// - Returns: how many rules failed.
    private func evaluate(
        _ book: inout RuleBook, at time: Int64, _ source: any SeriesSource
    ) throws -> Int {
        let engine = PromQLEngine(source)
        let start = now
        // All at one time, at which there are events: the first round must not be the only full one.
        // Twice, as the server looks at counts up to the present too.
        let context = RuleContext(
            answer: { query, _ in try engine.answer(query, at: start - 60_000).value },
            fresh: { query, _ in try engine.answer(query, at: start - 60_000).value },
            write: { _ in })
        _ = book.evaluate(at: time, context)
        return book.groups.flatMap(\.rules).count { $0.failure != nil }
    }
}
