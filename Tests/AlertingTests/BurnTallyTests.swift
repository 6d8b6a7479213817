import EventQuery
import Metrics
import SeriesStore
import TestSupport
import Testing

@testable import Alerting

/// What is counted for burn-rate alerts from round to round, against all events and against the expressions.
@Suite struct BurnTallyTests {
    private typealias Unit = SLOFixture

    private static let start = 100 * Unit.day

    private static func objective(_ id: String, _ alerts: [BurnRateAlert]) -> ServiceLevelObjective
    {
        let names = ServiceLevelObjective.metricNames(of: id)
        return ServiceLevelObjective(
            id: id, target: 0.9, period: .rolling(30 * Unit.day),
            total: MetricDefinition(name: names.total), bad: MetricDefinition(name: names.bad),
            alerts: alerts)
    }

    /// Events of objectives, each in a cell of ten seconds.
    private struct Events {
        struct Event {
            let time: Int64
            let objective: String
            let isBad: Bool
        }

        var all: [Event] = []

        /// As the tally asks for them.
        func counts(
            _ counters: [MetricDefinition], _ range: Range<Int64>, _ width: Int64
        ) -> [[CellCount]] {
            counters.map { counter in
                var cells: [Int64: Double] = [:]
                for event in all where range.contains(event.time) {
                    let names = ServiceLevelObjective.metricNames(of: event.objective)
                    guard counter.name == names.total || event.isBad && counter.name == names.bad
                    else { continue }
                    cells[event.time / width * width + width, default: 0] += 1
                }
                return cells.sorted { $0.key < $1.key }.map { CellCount(end: $0, count: $1) }
            }
        }

        func count(_ id: String, after from: Int64, upTo to: Int64) -> SLOCount {
            let found = all.filter { $0.objective == id && from <= $0.time && $0.time < to }
            return SLOCount(
                total: Double(found.count), bad: Double(found.count { $0.isBad }))
        }
    }

    @Test(arguments: [UInt64](0..<6))
    func `windows have the events that are in them, late ones too`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let objectives = [
            Self.objective("a", BurnRateAlert.usual(over: 30 * Unit.day)),
            Self.objective(
                "b",
                [.init(burnRate: 2, long: 2 * Unit.hour, short: 300_000, severity: .page)]),
        ]
        var events = Events()
        func add(before end: Int64, within: Int64) -> Int64 {
            let time = end - 1 - Int64.random(in: 0..<within, using: &random)
            let id = random.chance(1, in: 2) ? "a" : "b"
            events.all.append(
                .init(time: time, objective: id, isBad: random.chance(1, in: 3)))
            return time / 60_000 * 60_000
        }
        for _ in 0..<500 { _ = add(before: Self.start, within: 4 * Unit.day) }
        var tally = BurnTally(objectives)
        var time = Self.start
        var late: Set<Int64> = []
        for round in 0..<60 {
            try tally.advance(to: time, late: late, events.counts)
            let at = time - Int64.random(in: 0..<Unit.hour / 2, using: &random)
            for objective in objectives {
                for alert in objective.alerts {
                    for window in [alert.long, alert.short] {
                        let width: Int64 = window > Unit.day ? 60_000 : 10_000
                        let from = (at - window) / width * width
                        let expected = events.count(
                            objective.id, after: from, upTo: at / width * width)
                        let found = tally.count(of: objective.id, window: window, at: at)
                        #expect(found == expected, "round \(round), \(window), seed \(seed)")
                    }
                }
            }
            late = []
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                late.insert(add(before: time / 10_000 * 10_000, within: 4 * Unit.day))
            }
            // Now and then it is not looked at for longer than what is kept.
            let step = random.chance(1, in: 20) ? 8 * Unit.hour : 15_000 * Int64(round % 9 + 1)
            for _ in 0..<5 { _ = add(before: time + step, within: step) }
            time += step
        }
    }

    @Test func `what is not kept is not told`() throws {
        let long = Self.objective(
            "long",
            [.init(burnRate: 1, long: 60 * Unit.day, short: Unit.day, severity: .ticket)])
        let usual = Self.objective("usual", BurnRateAlert.usual(over: 30 * Unit.day))
        var tally = BurnTally([long, usual])
        #expect(tally.count(of: "usual", window: Unit.hour, at: Self.start) == nil)
        let none = Events()
        try tally.advance(to: Self.start, late: [], none.counts)
        let nothing = SLOCount(total: 0, bad: 0)
        #expect(tally.count(of: "usual", window: Unit.hour, at: Self.start) == nothing)
        // A window that is counted in hours, times that are too late or too early, and who is not there.
        #expect(tally.count(of: "long", window: 60 * Unit.day, at: Self.start) == nil)
        #expect(tally.count(of: "usual", window: Unit.hour, at: Self.start + 10_000) == nil)
        #expect(tally.count(of: "usual", window: Unit.hour, at: Self.start - Unit.day) == nil)
        #expect(tally.count(of: "other", window: Unit.hour, at: Self.start) == nil)
    }

    @Test func `an alert is what its expression finds`() throws {
        let fixture = SLOFixture(target: 0.99, minimumEvents: 20)
        var random = SeededRandom(seed: 11)
        var tally = BurnTally([fixture.objective])
        var cells: [CellCount] = []
        var bads: [CellCount] = []
        var time = Self.start
        let rules = try RuleFile([fixture.objective]).groups.flatMap(\.rules)
        var fired = 0
        for round in 0..<400 {
            time += [60_000, 120_000, 20 * 60_000].randomElement(using: &random) ?? 60_000
            let events = Double(Int.random(in: 0..<60, using: &random))
            let share = [0, 0.02, 0.3][round / 20 % 3]
            let bad = (events * share).rounded()
            fixture.add(events, bad: bad, at: time)
            if events > 0 { cells.append(CellCount(end: time, count: events)) }
            if bad > 0 { bads.append(CellCount(end: time, count: bad)) }
            try tally.advance(to: time, late: []) { counters, range, width in
                counters.map { counter in
                    let all = counter.name == fixture.objective.bad.name ? bads : cells
                    let own = all.filter {
                        range.lowerBound < $0.end && $0.end <= range.upperBound
                    }
                    let sums = Dictionary(grouping: own) { ($0.end + width - 1) / width * width }
                    return sums.sorted { $0.key < $1.key }
                        .map { CellCount(end: $0, count: $1.reduce(0) { $0 + $1.count }) }
                }
            }
            let series = SLOSeries(
                [fixture.objective], over: fixture.series, now: time + DerivedSeries.settling)
            let engine = PromQLEngine(series)
            let context = RuleContext(
                answer: { query, time in try engine.answer(query, at: time).value }, write: { _ in }
            )
            for rule in rules {
                let expression = try #require(rule.expression)
                let expected = try context.series(expression, at: time)
                let alert = try #require(rule.burnRate)
                let found = try #require(tally.series(alert, at: time))
                #expect(found.map(\.0) == expected.map(\.0), "round \(round) of \(rule.text)")
                for (one, other) in zip(found, expected) {
                    #expect(abs(one.1.plain / other.1.plain - 1) < 1e-9)
                }
                fired += found.count
            }
        }
        // Not idle.
        #expect((50...1_000).contains(fired), "\(fired)")
    }

    @Test func `where events cannot be counted nothing is known of the alerts`() throws {
        let fixture = SLOFixture()
        var book = RuleBook(interval: 60_000, standstill: .max, at: 0)
        book.replace([try RuleFile([fixture.objective])], at: 0)
        var context = RuleContext(
            answer: { _, _ in .vector([]) }, write: { _ in })
        context.tallyFailure = PromQLError(.timeout, "counting took too long")
        _ = book.evaluate(at: Self.start, context)
        let failures = book.groups.flatMap(\.rules).map { $0.failure }
        #expect(failures == Array(repeating: "counting took too long", count: 3))
    }
}
