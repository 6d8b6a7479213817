import Compute
import EventQuery
import Testing

@Suite struct QueryPrinterTests {
    @Test(arguments: [UInt64](0..<20))
    func `a query's text reads back as the query`(seed: UInt64) throws {
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<100 {
            let query = generator.query()
            let text = query.text
            let again = try Query(parsing: text)
            #expect(again == query, "seed \(seed): \(text)")
            #expect(again.text == text)
        }
    }

    @Test(arguments: [UInt64](0..<20))
    func `a condition's text reads back as the condition`(seed: UInt64) throws {
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<100 {
            let condition = generator.expression(depth: 6)
            let text = condition.text
            #expect(try Expression(parsingCondition: text) == condition, "seed \(seed): \(text)")
        }
    }

    @Test(arguments: [
        (
            "from shop|last 120m|where a='x' and (b>1)|stats count(),p99(d) by s|sort count() desc",
            "from shop | last 2h | where a = \"x\" and b > 1 | stats count(), p99(d) by s "
                + "| sort count() desc"
        ),
        ("from *", "from * | last 2h | fields *"),
        (
            "from a, `b c` | between 2026-03-10 and now-2h step 60s | stats e = count_if(error)",
            "from a, `b c` | between 2026-03-10T00:00:00Z and now-2h step 1m "
                + "| stats e = count_if(error)"
        ),
        (
            "from a | stats quantile(d, 0.95), count() where x exists by k = (a = 1)",
            "from a | last 2h | stats p95(d), count_if(x exists) by k = (a = 1)"
        ),
        (
            "from a | where timestamp >= 2026-03-10T14:00:00+01:00 and field(\"timestamp\") = 1",
            "from a | last 2h | where timestamp >= 2026-03-10T13:00:00Z and "
                + "field(\"timestamp\") = 1 | fields *"
        ),
        (
            "from a | where a not in (1, 2) or b not contains 'x' or not exists(c)",
            "from a | last 2h | where a not in (1, 2) or b does-not-contain \"x\" or not c exists "
                + "| fields *"
        ),
    ])
    func `the canonical form of a query`(written: String, canonical: String) throws {
        #expect(try Query(parsing: written).text == canonical)
    }
}
