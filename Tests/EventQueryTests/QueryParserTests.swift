import Compute
import EventQuery
import Events
import Testing

@Suite struct QueryParserTests {
    private func field(_ name: String) -> Expression { .field(.named(name)) }

    private func statistics(_ text: String) throws -> Statistics {
        guard case .statistics(let statistics) = try Query(parsing: text).shape else {
            throw QueryError(line: 0, column: 0, message: "no statistics: \(text)")
        }
        return statistics
    }

    @Test func `every part of a query is read`() throws {
        let text = """
            from shop | last 2h step auto | where service.name = "checkout" and duration_ms > 1000
              | eval slow = if(duration_ms > 5e3, "slow", "fast")
              | stats count(), p99(duration_ms), u = distinct(user_id) by app.flag.new_pricing, slow
              | having count() > 10 and u < 5 | sort p99(duration_ms) desc, slow | limit 20
              | compare 1d | unweighted
            """
        var expected = Query()
        expected.source = .named(["shop"])
        expected.step = .automatic
        expected.transforms = [
            .filter(
                .and([
                    .compare(.equal, field("service.name"), .literal(.string("checkout"))),
                    .compare(.greater, field("duration_ms"), .literal(.int(1000))),
                ])),
            .evaluate(
                name: "slow",
                .call(
                    .if,
                    [
                        .compare(.greater, field("duration_ms"), .literal(.float(5000))),
                        .literal(.string("slow")), .literal(.string("fast")),
                    ])),
        ]
        expected.shape = .statistics(
            Statistics(
                calculations: [
                    Calculation(.count),
                    Calculation(.quantile(0.99), of: field("duration_ms")),
                    Calculation(.distinct, of: field("user_id"), alias: "u"),
                ],
                groupBy: [
                    GroupKey(
                        name: "app.flag.new_pricing", expression: field("app.flag.new_pricing")),
                    GroupKey(name: "slow", expression: field("slow")),
                ],
                having: .and([
                    .compare(.greater, field("COUNT"), .literal(.int(10))),
                    .compare(.less, field("u"), .literal(.int(5))),
                ])))
        expected.sort = [
            SortKey("P99(duration_ms)", descending: true), SortKey("slow", descending: false),
        ]
        expected.limit = 20
        expected.compareOffset = 86_400_000_000_000
        expected.isUnweighted = true
        #expect(try Query(parsing: text) == expected)
    }

    @Test(arguments: [
        ("count()", "COUNT"), ("count(a)", "COUNT(a)"), ("p999(d)", "P999(d)"),
        ("distinct(user_id)", "COUNT_DISTINCT(user_id)"), ("heatmap(`a b`)", "HEATMAP(a b)"),
        ("latest(a)", "latest(a)"), ("exponential_histogram(a)", "exponential_histogram(a)"),
        ("p33(d)", "p33(d)"), ("quantile(d, 0.5)", "P50(d)"),
        ("quantile(d, 1)", "quantile(d, 1.0)"),
        ("count_if(a>1)", "count_if(a > 1)"), ("sum(a*b)", "sum(a * b)"),
        ("avg(d) where e", "avg(d) where e"), ("x = avg(d)", "x"),
        ("max(timestamp)", "MAX(timestamp)"),
        ("max(field('timestamp'))", "max(field(\"timestamp\"))"), ("concurrency()", "CONCURRENCY"),
        ("rate_sum(d)", "RATE_SUM(d)"),
    ])
    func `calculations are keyed as Honeycomb names them`(call: String, key: String) throws {
        #expect(try statistics("from a | stats \(call)").calculations.first?.key == key)
    }

    @Test func `min and max in having are what stats computes, else functions`() throws {
        let text = "from a | stats max(d), count() | having max(d) > 1 and max(count(), 5) > 7"
        let having = try statistics(text).having
        #expect(
            having
                == .and([
                    .compare(.greater, field("MAX(d)"), .literal(.int(1))),
                    .compare(
                        .greater, .call(.max, [field("COUNT"), .literal(.int(5))]),
                        .literal(.int(7))),
                ]))
    }

    @Test func `precedence is or, and, not, comparison, sum, product, minus`() throws {
        let condition = try Expression(parsingCondition: "not a = 1 + 2 * -b and c or d - -3 > 0")
        let product = Expression.arithmetic(.multiply, .literal(.int(2)), .negate(field("b")))
        let sum = Expression.arithmetic(.add, .literal(.int(1)), product)
        let difference = Expression.arithmetic(.subtract, field("d"), .literal(.int(-3)))
        #expect(
            condition
                == .or([
                    .and([.not(.compare(.equal, field("a"), sum)), field("c")]),
                    .compare(.greater, difference, .literal(.int(0))),
                ]))
    }

    @Test func `names, numbers and strings keep their exact value`() throws {
        let name = try Expression(parsingCondition: "`a``b`")
        #expect(name == field("a`b"))
        #expect(try Expression(parsingCondition: "a-b/c:d.e") == field("a-b/c:d.e"))
        let string = try Expression(parsingCondition: #"'\u00e9\ud83d\ude00\'\n'"#)
        #expect(string == .literal(.string("é😀'\n")))
        let smallest = try Expression(parsingCondition: "-9223372036854775808")
        #expect(smallest == .literal(.int(.min)))
        let large = try Expression(parsingCondition: "9223372036854775808")
        #expect(large == .literal(.float(0x1p63)))
    }

    @Test func `times stand absolute or before now`() throws {
        let query = try Query(parsing: "from a | between now - 1h30m and now")
        #expect(query.timeRange == .between(.beforeNow(5_400_000_000_000), .beforeNow(0)))
        let other = try Query(parsing: "from a | between 1970-01-01T00:00:01Z and now+5s")
        #expect(other.timeRange == .between(.absolute(1_000_000_000), .beforeNow(-5_000_000_000)))
    }
}
