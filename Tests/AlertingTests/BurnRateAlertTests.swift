import Foundation
import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// When burn-rate alerts fire and end, on a clock of the test's own.
@Suite struct BurnRateAlertTests {
    private typealias Unit = SLOFixture

    /// Traffic of a hundred requests a minute, of which each stretch has a share of bad ones.
    private struct Traffic {
        let fixture: SLOFixture
        var book: RuleBook
        let context: RuleContext
        let step: Int64
        private(set) var time: Int64 = 100 * SLOFixture.day
        private(set) var bad = 0.0

        init(
            _ fixture: SLOFixture = SLOFixture(), step: Int64 = SLOFixture.minute
        ) throws {
            self.fixture = fixture
            self.step = step
            book = RuleBook(interval: step, standstill: .max, at: 0)
            book.replace([try RuleFile([fixture.objective])], at: 0)
            // Each evaluation counts afresh, as those of a server do.
            context = RuleContext(
                answer: { [objective = fixture.objective, counters = fixture.series] query, time in
                    let series = SLOSeries(
                        [objective], over: counters,
                        now: time + DerivedSeries.settling)
                    return try PromQLEngine(series).answer(query, at: time).value
                }, write: { _ in })
        }

        /// The share of the budget of thirty days that went.
        var spent: Double {
            let perPeriod = 100 * 30 * 24 * 60 * fixture.objective.budget
            return bad / perPeriod
        }

        /// Goes on for at most so long.
        ///
        /// - Returns: milliseconds until alerts of a severity fire, or no longer do; nil when they do not.
        mutating func run(
            _ milliseconds: Int64, bad share: Double, until isFiring: Bool? = nil,
            _ severity: BurnRateAlert.Severity = .page, evaluates: Bool = true
        ) -> Int64? {
            let start = time
            while time - start < milliseconds {
                time += step
                let requests = 100 * Double(step / SLOFixture.minute)
                fixture.add(requests, bad: requests * share, at: time)
                bad += requests * share
                guard evaluates else { continue }
                _ = book.evaluate(at: time, context)
                if isFiring == !firing(severity).isEmpty { return time - start }
            }
            return nil
        }

        /// Goes on for at most so long without any traffic.
        ///
        /// - Returns: milliseconds until no page fires any more; nil when one does.
        mutating func wait(_ milliseconds: Int64) -> Int64? {
            let start = time
            while time - start < milliseconds {
                time += step
                fixture.add(0, at: time)
                _ = book.evaluate(at: time, context)
                if firing(.page).isEmpty { return time - start }
            }
            return nil
        }

        /// The windows of alerts of which nothing is known.
        var unobserved: [String] {
            book.groups.flatMap(\.rules).filter { $0.unobserved != nil }
                .flatMap { $0.alerts.keys.map { $0["window"] } }
        }

        /// The windows of what fires.
        func firing(_ severity: BurnRateAlert.Severity) -> [String] {
            book.alerts.filter {
                $0.state == .firing && $0.labels["severity"] == severity.rawValue
            }.map { $0.labels["window"] }.sorted()
        }
    }

    @Test func `two percent of the budget within an hour page, and the page ends in five minutes`()
        throws
    {
        var traffic = try Traffic()
        _ = traffic.run(7 * Unit.hour, bad: 0, evaluates: false)
        let spent = traffic.spent
        let found = traffic.run(Unit.hour, bad: 0.2, until: true)
        // 14.4 times a thousandth of an hour's requests, of which a fifth are bad: 4 minutes 19 seconds.
        #expect(found == 5 * Unit.minute)
        #expect(traffic.firing(.page) == ["1h"])
        #expect((0.02...0.025).contains(traffic.spent - spent), "\(traffic.spent)")
        #expect(traffic.book.groups.flatMap(\.rules).allSatisfy { $0.failure == nil })
        let ended = traffic.run(Unit.hour, bad: 0, until: false) ?? .max
        #expect(ended <= 5 * Unit.minute)
        // The hour has it still, and it does not come again.
        #expect(traffic.run(Unit.hour, bad: 0, until: true) == nil)
    }

    @Test func `a page does not end because nothing is counted any more, for an hour`() throws {
        for goodAgain in [true, false] {
            var traffic = try Traffic()
            _ = traffic.run(7 * Unit.hour, bad: 0, evaluates: false)
            _ = traffic.run(Unit.hour, bad: 0.2, until: true)
            #expect(traffic.firing(.page) == ["1h"])
            #expect(traffic.wait(50 * Unit.minute) == nil)
            #expect(traffic.unobserved == ["1h"])
            if goodAgain {
                #expect(traffic.run(5 * Unit.minute, bad: 0, until: false) == Unit.minute)
                #expect(traffic.unobserved.isEmpty)
            } else {
                #expect((traffic.wait(20 * Unit.minute) ?? 0) > 10 * Unit.minute)
            }
        }
    }

    @Test func `five percent within six hours page`() throws {
        var traffic = try Traffic(step: 2 * Unit.minute)
        _ = traffic.run(7 * Unit.hour, bad: 0, evaluates: false)
        let found = traffic.run(7 * Unit.hour, bad: 0.007, until: true) ?? 0
        #expect(traffic.firing(.page) == ["6h"])
        #expect((0.05...0.051).contains(traffic.spent), "\(traffic.spent) after \(found)")
        let ended = traffic.run(Unit.hour, bad: 0, until: false) ?? .max
        #expect(ended <= 30 * Unit.minute)
    }

    @Test func `ten percent within three days make a ticket and no page`() throws {
        var traffic = try Traffic(step: 20 * Unit.minute)
        _ = traffic.run(4 * Unit.day, bad: 0, evaluates: false)
        let found = traffic.run(3 * Unit.day, bad: 0.0015, until: true, .ticket) ?? 0
        #expect(traffic.firing(.page) == [])
        #expect((0.1...0.102).contains(traffic.spent), "\(traffic.spent) after \(found)")
        let ended = traffic.run(Unit.day, bad: 0, until: false, .ticket) ?? .max
        #expect(ended <= 6 * Unit.hour)
    }

    @Test func `what is within the budget wakes nobody`() throws {
        var traffic = try Traffic(step: 10 * Unit.minute)
        _ = traffic.run(4 * Unit.day, bad: 0.0009, evaluates: false)
        #expect(traffic.run(6 * Unit.hour, bad: 0.0009, until: true) == nil)
        #expect(traffic.book.alerts.isEmpty)
    }

    @Test func `a service with few requests needs more than one of them to be bad`() throws {
        func fires(_ bad: Double, of requests: Double, minimum: Double = 1) throws -> Bool {
            let fixture = SLOFixture(minimumEvents: minimum)
            fixture.add(1, at: 100 * Unit.day)
            fixture.add(requests, bad: bad, at: 101 * Unit.day)
            var book = RuleBook(interval: Unit.minute, standstill: .max, at: 0)
            book.replace([try RuleFile([fixture.objective])], at: 0)
            let series = SLOSeries(
                [fixture.objective], over: fixture.series, now: 101 * Unit.day + 60_000)
            let engine = PromQLEngine(series)
            let context = RuleContext(
                answer: { query, time in try engine.answer(query, at: time).value },
                write: { _ in })
            _ = book.evaluate(at: 101 * Unit.day, context)
            #expect(book.groups.flatMap(\.rules).allSatisfy { $0.failure == nil })
            let counts = SLOCount(total: requests, bad: bad)
            let alert = try #require(fixture.objective.alerts.first)
            let fires = book.alerts.contains { $0.labels["window"] == "1h" }
            #expect(fires == alert.holds(long: counts, short: counts, fixture.objective))
            return fires
        }
        #expect(try !fires(1, of: 10))
        #expect(try fires(2, of: 10))
        #expect(try !fires(2, of: 10, minimum: 20))
        #expect(try !fires(3, of: 100))
        #expect(try fires(4, of: 100))
        #expect(try !fires(14, of: 1000))
        #expect(try fires(15, of: 1000))
        #expect(try fires(10, of: 10))
    }

    @Test func `a restart forgets no page`() throws {
        var traffic = try Traffic()
        _ = traffic.run(2 * Unit.hour, bad: 0, evaluates: false)
        #expect(traffic.run(Unit.hour, bad: 1, until: true) != nil)
        let fired = traffic.book.alerts.compactMap(\.firedAt)
        let bytes = traffic.book.encoded()
        traffic.book = RuleBook(interval: Unit.minute, standstill: .max, at: traffic.time)
        try traffic.book.restore(bytes)
        traffic.book.replace([try RuleFile([traffic.fixture.objective])], at: traffic.time)
        #expect(traffic.run(Unit.minute, bad: 1, until: true) == Unit.minute)
        #expect(traffic.book.alerts.compactMap(\.firedAt) == fired)
    }

    @Test func `what people wrote stands in an alert as they wrote it`() throws {
        let fixture = SLOFixture()
        var objective = fixture.objective
        objective.title = "{{ .x }} {{"
        objective.owner = "a {{ b"
        let rule = try #require(try RuleFile([objective]).groups.first?.rules.first)
        let data = TemplateData(
            labels: .empty, value: 15, externalLabels: .empty, externalURL: "", time: 0
        ) { _, _ in [] }
        let texts = (rule.annotations + rule.labels).map { $0.template.expanded(data) }
        #expect(texts.contains { $0.hasPrefix("{{ .x }} {{ burns its error budget 15 times") })
        #expect(texts.contains("a {{ b"))
    }

    @Test(arguments: [
        (bad: 1.0, total: 10.0, share: 0.001, chance: 0.009955119790251766),
        (bad: 2, total: 10, share: 0.001, chance: 4.476062899304928e-05),
        (bad: 4, total: 100, share: 0.001, chance: 3.6316817007724445e-06),
        (bad: 30, total: 1000, share: 0.01, chance: 2.0599888509688971e-07),
        (bad: 1200, total: 1_000_000, share: 0.001, chance: 4.589638605173311e-10),
        (bad: 10, total: 10, share: 0.5, chance: 0.0009765625),
        (bad: 1, total: 1000, share: 0.001, chance: 1),
        (bad: 0, total: 10, share: 0.1, chance: 1),
    ])
    func `chances are those of the binomial distribution`(
        bad: Double, total: Double, share: Double, chance: Double
    ) {
        let found = BinomialTail.probability(bad: bad, total: total, share: share)
        #expect(abs(found / chance - 1) < 1e-6, "\(found)")
    }

    @Test
    func `the lowest burn rate that is sure is where so many bad events are just likely enough`() {
        for (bad, total) in [(1.0, 10.0), (4, 100), (30, 1000), (1200, 1_000_000), (10, 10)] {
            let share = BinomialTail.lowestShare(bad: bad, total: total, chance: 1e-4)
            let chance = BinomialTail.probability(bad: bad, total: total, share: share)
            #expect(abs(chance / 1e-4 - 1) < 1e-3, "\(bad) of \(total): \(share)")
        }
        #expect(BinomialTail.lowestShare(bad: 0, total: 10, chance: 1e-4) == 0)
    }

    /// Alerts of a service that spends what it may, in so many days at each of three rates.
    ///
    /// `WIDEFIELD_SIMULATED_DAYS` takes more of them; what is printed then stands in the documents.
    @Test func `a service that spends what it may is not paged for`() {
        let told = ProcessInfo.processInfo.environment["WIDEFIELD_SIMULATED_DAYS"]
        let days = told.flatMap { Int($0) } ?? 10
        let simulation = BurnRateSimulation(SLOFixture().objective)
        for burn in [0.5, 1.0] {
            for rate in [10.0, 100, 1000] {
                func run(_ isBounded: Bool) -> BurnRateSimulation.Result {
                    simulation.run(
                        requestsPerHour: rate, burn: burn, days: days, seed: 7, isBounded: isBounded
                    )
                }
                let (bounded, alone) = (run(true), run(false))
                #expect(bounded.pages <= max(1, days / 100), "\(rate) an hour: \(bounded)")
                #expect(
                    rate > 10 || burn < 1 || alone.pages > days / 10, "\(rate) an hour: \(alone)")
                if told != nil {
                    print(
                        "burn \(burn), \(rate) an hour, \(days) days: \(bounded); rates alone: \(alone)"
                    )
                }
            }
        }
    }
}
