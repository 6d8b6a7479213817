import Compute
import EventQuery
import Metrics
import Synchronization
import Testing

@testable import Service

/// Totals that scrapers are told of metrics which cannot be counted over all events.
@Suite struct ScrapedTotalsTests {
    @Test func `what takes too long is left out for a while and holds up nothing else`() throws {
        let minute: Int64 = 60_000_000_000
        let slow = MetricDefinition(name: "slow_total", source: .named(["slow"]))
        let quick = MetricDefinition(name: "quick_total")
        let asked = Mutex<[String: Int]>([:])
        let totals = ScrapedTotals()
        func found(_ now: Int64, isSlow: Bool) throws -> Set<String> {
            let found = try totals.totals(of: [slow, quick], in: "e", now: now) { query in
                let name = query.source == slow.source ? "slow" : "quick"
                asked.withLock { $0[name, default: 0] += 1 }
                if isSlow && name == "slow" { throw PromQLError(.timeout, "too long") }
                return .empty
            }
            return Set(found.keys.map(\.name))
        }
        var now = 1_000_000 * minute
        #expect(try found(now, isSlow: true) == ["slow_total", "quick_total"])
        now += 2 * minute
        for _ in 0..<5 {
            #expect(try found(now, isSlow: true) == ["quick_total"])
            now += minute
        }
        #expect(asked.withLock { $0 } == ["slow": 1, "quick": 5])
        now += 10 * minute
        #expect(try found(now, isSlow: false) == ["slow_total", "quick_total"])
        #expect(try found(now + minute, isSlow: false) == ["slow_total", "quick_total"])
        #expect(asked.withLock { $0["slow"] } == 2)
    }
}
