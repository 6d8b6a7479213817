import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// What rules would have done over the past.
@Suite struct RuleReplayTests {
    private func past() -> MemorySeries {
        let series = MemorySeries()
        let labels = Labels([Label("__name__", "ratio"), Label("job", "shop")])
        for step in 0..<60 {
            let isBad = 10..<30 ~= step || step == 40
            series.write([
                LabeledSample(labels, Int64(step) * 60_000, .float(isBad ? 0.06 : 0.01))
            ])
        }
        return series
    }

    private func file(_ text: String) throws -> RuleFile {
        try RuleFile(Array(text.utf8), name: "r")
    }

    @Test func `a replay tells each step of each alert`() throws {
        let rules = try file(
            """
            groups:
              - name: a
                rules:
                  - {record: doubled, expr: ratio * 2}
                  - {alert: A, expr: doubled > 0.1, for: 5m}
            """)
        let replay = try RuleReplay(
            [rules], from: 0, to: 3_540_000, interval: 60_000, over: past())
        let found = replay.changes.map { "\($0.time / 60_000) \($0.step.rawValue)" }
        #expect(
            found == ["10 pending", "15 firing", "30 resolved", "40 pending", "41 resolved"])
        #expect(replay.failures.isEmpty && !replay.isCut)
    }

    @Test func `a replay tells when a machine's alert would have paged, and paged again`() throws {
        let rules = try file(
            """
            groups:
              - name: a
                interval: 45s
                rules:
                  - alert: A
                    expr: ratio > 0.05
                    labels: {tier: automate}
                    annotations: {escalate_after: 10m, acknowledge_within: 4m20s}
              - {name: b, rules: [{alert: B, expr: ratio > 0.05, labels: {tier: page}}]}
            """)
        let replay = try RuleReplay(
            [rules], from: 7_000, to: 3_540_000, interval: 60_000, over: past())
        let found = replay.changes.map { change in
            "\(change.time / 1000) \(change.labels["alertname"]) \(change.labels["tier"]) "
                + change.step.rawValue
        }
        // Each group at its own times, deadlines between them.
        #expect(
            found == [
                "600 B page firing", "630 A automate firing", "900 B page unacknowledged",
                "1230 A page escalated", "1490 A page unacknowledged", "1800 A automate resolved",
                "1800 A page resolved", "1800 A page resolved", "1800 B page resolved",
                "1800 B page resolved", "2400 B page firing", "2430 A automate firing",
                "2460 B page resolved", "2475 A automate resolved",
            ])
    }

    @Test func `a rule that fails is told once`() throws {
        let rules = try file(
            """
            groups:
              - {name: a, rules: [{record: a, expr: a + 1}, {alert: B, expr: ratio > 0.05}]}
            """)
        let replay = try RuleReplay(
            [rules], from: 0, to: 3_540_000, interval: 60_000, over: past())
        #expect(replay.failures.map(\.rule) == ["a"])
        #expect(replay.changes.count { $0.step == .firing } == 2)
    }

    @Test func `more evaluations than the bound are refused`() throws {
        let rules = try file("groups: [{name: a, interval: 1s, rules: [{alert: A, expr: '1'}]}]")
        #expect(throws: PromQLError.self) {
            try RuleReplay(
                [rules], from: 0, to: 1_000_000_000_000, interval: 60_000, over: MemorySeries())
        }
    }

    @Test func `an end before the beginning is told as what it is`() throws {
        let rules = try file("groups: [{name: a, rules: [{alert: A, expr: '1'}]}]")
        let error = #expect(throws: PromQLError.self) {
            try RuleReplay([rules], from: 2, to: 1, interval: 60_000, over: MemorySeries())
        }
        #expect(error?.message == "a replay ends before it begins")
    }
}
