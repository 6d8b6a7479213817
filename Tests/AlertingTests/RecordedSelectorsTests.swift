import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// What an expression over recorded series asks for in the end.
@Suite struct RecordedSelectorsTests {
    private func selectors(_ expression: String, _ rules: String) throws -> [String] {
        let text = "groups:\n- name: g\n  rules:\n" + rules
        let file = try RuleFile(Array(text.utf8), name: "r")
        return RecordedSelectors(file.groups).selectors(of: try PromQLQuery(expression)).map {
            $0.map { "\($0.name)\($0.operation.rawValue)\($0.value)" }.sorted()
                .joined(separator: ",")
        }
    }

    @Test
    func `a recorded series stands for what its rule reads, as often as that is recorded too`()
        throws
    {
        let found = try selectors(
            "job:ratio > 0.1 and up",
            """
              - {record: 'job:bad', expr: 'rate(x_total{code="500"}[5m])'}
              - {record: 'job:ratio', expr: 'job:bad / rate(x_total[5m])'}
            """)
        #expect(found == ["__name__=x_total,code=500", "__name__=x_total", "__name__=up"])
    }

    @Test func `what is asked of a recorded series' labels is asked of what it is recorded of`()
        throws
    {
        let found = try selectors(
            "job:bad{job=~\"a.*\", origin=\"rule\"} > 1",
            """
              - {record: 'job:bad', expr: 'sum by (job) (x_total)', labels: {origin: rule}}
            """)
        #expect(found == ["__name__=x_total,job=~a.*"])
    }

    @Test func `rules that read one another end where the circle closes, and many are cut off`()
        throws
    {
        let circle = """
              - {record: a, expr: 'b + x'}
              - {record: b, expr: 'a + y'}
            """
        #expect(try selectors("a > 1", circle) == ["__name__=y", "__name__=x"])
        let doubling = (1...40).map { "  - {record: r\($0), expr: 'r\($0 - 1) + r\($0 - 1)'}" }
            .joined(separator: "\n")
        #expect(try selectors("r40", doubling).count == AlertingLimits.recordedSelectors)
    }
}
