import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// When alerts on what is left of a budget fire and end, on a clock of the test's own.
@Suite struct BudgetAlertTests {
    private typealias Unit = SLOFixture
    private static let step = 10 * SLOFixture.minute

    /// A day's budget of a tenth of a hundred requests in each ten minutes.
    private struct Traffic {
        let fixture: SLOFixture
        let objective: ServiceLevelObjective
        var book: RuleBook
        var time: Int64 = 100 * SLOFixture.day
        var bad = 0.0

        init(_ alerts: [BudgetAlert], minimumEvents: Double = 1) throws {
            fixture = SLOFixture(
                target: 0.9, period: .rolling(SLOFixture.day), minimumEvents: minimumEvents,
                alerts: [])
            var objective = fixture.objective
            objective.budgetAlerts = alerts
            self.objective = objective
            book = RuleBook(interval: BudgetAlertTests.step, standstill: .max, at: 0)
            book.replace([try RuleFile([objective])], at: 0)
            run(steps: 144, bad: 0)
        }

        mutating func run(steps: Int, bad share: Double) {
            let context = RuleContext(
                answer: { [objective, counters = fixture.series] query, time in
                    let series = SLOSeries(
                        [objective], over: counters, now: time + DerivedSeries.settling)
                    return try PromQLEngine(series).answer(query, at: time).value
                }, write: { _ in })
            for _ in 0..<steps {
                time += BudgetAlertTests.step
                fixture.add(100, bad: 100 * share, at: time)
                bad += 100 * share
                _ = book.evaluate(at: time, context)
            }
        }

        /// The ids of those that fire.
        var firing: [String] {
            book.alerts.filter { $0.state == .firing }.map { $0.labels[BudgetAlert.label] }.sorted()
        }
    }

    private func alert(_ condition: BudgetAlert.Condition, _ id: String = "a") -> BudgetAlert {
        BudgetAlert(id: id, condition, summary: "{{ why", receivers: ["r"])
    }

    @Test func `a share of the budget within an hour fires, and is over an hour later`() throws {
        // The budget is 1,440 events: 5 % of it are 72.
        var traffic = try Traffic([alert(.spent(share: 0.05, within: Unit.hour))])
        traffic.run(steps: 1, bad: 0.7)
        #expect(traffic.firing == [])
        traffic.run(steps: 1, bad: 0.03)
        #expect(traffic.firing == ["a"])
        let told = try #require(traffic.book.alerts.first)
        #expect(told.labels["window"] == "1h")
        #expect(told.labels["slo"] == "shop")
        #expect(told.annotations["summary"] == "shop spent 5.069% of its error budget in 1h")
        #expect(told.annotations["description"] == "{{ why")
        #expect(told.receivers == ["r"])
        traffic.run(steps: 4, bad: 0)
        #expect(traffic.firing == ["a"])
        traffic.run(steps: 1, bad: 0)
        #expect(traffic.firing == [])
    }

    @Test func `a budget that lasts no longer than said fires before it is gone`() throws {
        var traffic = try Traffic([
            alert(.exhaustion(within: 2 * Unit.hour), "soon"),
            alert(.exhaustion(within: 0), "gone"),
        ])
        // At ten times what is allowed a full budget lasts 2.4 hours.
        traffic.run(steps: 3, bad: 1)
        #expect(traffic.firing == ["soon"])
        #expect(traffic.bad == 300)
        traffic.run(steps: 11, bad: 1)
        #expect(traffic.firing == ["soon"])
        traffic.run(steps: 1, bad: 1)
        #expect(traffic.firing == ["gone", "soon"])
        // It is gone as long as it is, also when all is well again.
        traffic.run(steps: 100, bad: 0)
        #expect(traffic.firing == ["gone", "soon"])
        traffic.run(steps: 45, bad: 0)
        #expect(traffic.firing == [])
    }

    @Test func `fewer events than the least that count fire nothing`() throws {
        let alerts = [
            alert(.spent(share: 0.01, within: Unit.hour)),
            alert(.exhaustion(within: 4 * Unit.hour), "b"),
        ]
        var traffic = try Traffic(alerts, minimumEvents: 10_000)
        traffic.run(steps: 5, bad: 1)
        #expect(traffic.firing == [])
        var counted = try Traffic(alerts, minimumEvents: 600)
        counted.run(steps: 3, bad: 1)
        #expect(counted.firing == ["a", "b"])
    }

    @Test func `a budget that is gone after a few events fires nothing`() throws {
        let alerts = [alert(.exhaustion(within: 0))]
        // The day has 14,400 events, the last five minutes at most 100.
        var few = try Traffic(alerts, minimumEvents: 14_401)
        few.run(steps: 30, bad: 1)
        #expect(few.firing == [])
        var enough = try Traffic(alerts, minimumEvents: 14_400)
        enough.run(steps: 30, bad: 1)
        #expect(enough.firing == ["a"])
        enough.run(steps: 30, bad: 0)
        #expect(enough.firing == ["a"])
        #expect(enough.book.groups.flatMap(\.rules).allSatisfy { $0.failure == nil })
    }

    @Test(arguments: [(120, 30), (1, 5), (121, 31), (100_000, 1440)] as [(Int64, Int64)])
    func `how fast it goes is told by a quarter of the time it is put forward by`(
        minutes: Int64, window: Int64
    ) {
        let alert = alert(.exhaustion(within: minutes * Unit.minute))
        #expect(alert.window(in: Unit.day) == window * Unit.minute)
    }
}
