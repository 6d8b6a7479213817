import Bytes
import Testing

@testable import Alerting

/// How an objective stands, of counted events.
@Suite struct SLOReportTests {
    private typealias Unit = SLOFixture

    @Test func `what is left of the budget is told of events and not of time`() throws {
        let fixture = SLOFixture(target: 0.9, period: .rolling(10 * Unit.day))
        // Twenty days: of the first ten all are bad, and no longer count.
        for day in 1...20 {
            let isNew = day > 10
            fixture.add(isNew ? 100 : 50, bad: isNew ? 5 : 50, at: Int64(day) * Unit.day)
        }
        let report = try SLOReport(
            fixture.objective, at: 20 * Unit.day, windows: [Unit.day, 2 * Unit.day], fixture.series)
        #expect(report.count == SLOCount(total: 1000, bad: 50))
        #expect(report.count.compliance == 0.95)
        #expect(try abs(#require(report.budgetLeft) - 0.5) < 1e-9)
        #expect(report.windows.map(\.count.total) == [100, 200])
        let rate = try #require(report.burnRate(report.windows[0]))
        #expect(abs(rate - 0.5) < 1e-9)
        // Half of the budget, at half of the speed that is allowed: ten days.
        let left = try #require(report.exhaustion(report.windows[0]))
        #expect(abs(left - Double(10 * Unit.day)) < 1)
        #expect(report.beginning == nil)
    }

    @Test func `before the first event nothing is good`() throws {
        let fixture = SLOFixture(period: .rolling(7 * Unit.day))
        fixture.add(10, at: 100 * Unit.day + Unit.hour)
        fixture.add(0, at: 102 * Unit.day)
        let report = try SLOReport(
            fixture.objective, at: 102 * Unit.day, windows: [], fixture.series)
        #expect(
            report.days.map { $0.count == nil } == [true, true, true, true, true, false, false])
        #expect(report.beginning == 100 * Unit.day + Unit.hour - 10_000)
        #expect(report.days.last?.count == SLOCount(total: 0, bad: 0))
        #expect(report.budgetLeft == 1)
        let none = try SLOReport(
            SLOFixture().objective, at: 102 * Unit.day, windows: [Unit.hour], SLOFixture().series)
        #expect(none.budgetLeft == nil)
        #expect(none.burnRate(none.windows[0]) == nil)
        #expect(none.days.allSatisfy { $0.count == nil })
    }

    @Test func `the longest period is counted to the hour`() throws {
        let fixture = SLOFixture(period: .rolling(366 * Unit.day))
        let morning = 400 * Unit.day + 7 * Unit.hour
        fixture.add(10, bad: 1, at: morning)
        fixture.add(0, at: morning + 2 * Unit.hour)
        let report = try SLOReport(
            fixture.objective, at: morning + Unit.hour + 60_000, windows: [], fixture.series)
        #expect(report.end == morning + Unit.hour)
        #expect(report.count == SLOCount(total: 10, bad: 1))
    }

    @Test func `periods of a calendar begin where it says`() {
        func time(_ text: String) -> Int64 { (RFC3339.nanoseconds(text) ?? 0) / 1_000_000 }
        func range(_ period: SLOPeriod, _ text: String) -> [String] {
            let range = period.range(at: time(text))
            return [range.lowerBound, range.upperBound].map {
                String(RFC3339.text(nanoseconds: $0 * 1_000_000).prefix(10))
            }
        }
        let month = SLOPeriod.months(from: time("2022-01-31"), 1)
        #expect(range(month, "2026-02-28") == ["2026-02-28", "2026-03-31"])
        #expect(range(month, "2026-03-30") == ["2026-02-28", "2026-03-31"])
        #expect(range(month, "2021-11-01") == ["2021-10-31", "2021-11-30"])
        let quarter = SLOPeriod.months(from: time("1970-01-01"), 3)
        #expect(range(quarter, "2026-03-31T23:59:59Z") == ["2026-01-01", "2026-04-01"])
        #expect(range(quarter, "2026-04-01") == ["2026-04-01", "2026-07-01"])
        let week = SLOPeriod.fixed(from: time("2026-03-02"), 7 * Unit.day)
        #expect(range(week, "2026-03-08T23:59:59Z") == ["2026-03-02", "2026-03-09"])
        #expect(range(week, "2026-03-01") == ["2026-02-23", "2026-03-02"])
    }

    @Test func `the usual alerts have the burn rates that every book has`() {
        let alerts = BurnRateAlert.usual(over: 30 * Unit.day)
        #expect(alerts.map(\.burnRate) == [14.4, 6, 1])
        #expect(alerts.map(\.long) == [Unit.hour, 6 * Unit.hour, 3 * Unit.day])
        #expect(alerts.map(\.severity) == [.page, .page, .ticket])
        #expect(BurnRateAlert.usual(over: 7 * Unit.day).map(\.burnRate) == [3.36, 1.4, 1])
        #expect(BurnRateAlert.usual(over: Unit.day).count == 2)
    }
}
