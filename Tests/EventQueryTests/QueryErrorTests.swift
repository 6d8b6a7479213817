import Compute
import EventQuery
import Testing

@Suite struct QueryErrorTests {
    @Test(arguments: [
        ("", 1, 1, "unexpected end of the query"),
        ("form a", 1, 1, "unexpected \"form\"; did you mean \"from\"?"),
        ("from a | wher b", 1, 10, "unexpected \"wher\"; did you mean \"where\"?"),
        ("from a | filter b", 1, 10, "unexpected \"filter\"; did you mean \"where\"?"),
        ("from a\n | where b ==", 2, 12, "unexpected \"==\"; equality is written \"=\""),
        ("from a | where é", 1, 16, "unexpected \"é\"; names with such characters take backquotes"),
        (
            "from a | where b contians 'x'", 1, 18,
            "unexpected \"contians\"; did you mean \"contains\"?"
        ),
        (
            "from a | where b = by", 1, 20,
            "unexpected \"by\"; a field of that name takes backquotes"
        ),
        ("from a | where b = 'x", 1, 20, "the string has no closing quote"),
        ("from a | where b = 'é\\d'", 1, 22, "unknown escape; a backslash itself is written \\\\"),
        ("from a | where 1 < b < 2", 1, 22, "comparisons do not chain; join two with \"and\""),
        ("from a | where b > 5s", 1, 20, "a duration stands only after last, step and compare"),
        (
            "from a | where lenght(b) > 5", 1, 16,
            "there is no function \"lenght\"; did you mean \"length\"?"
        ),
        ("from a | where count() > 5", 1, 16, "count is an aggregate and stands only in stats"),
        ("from a | where lower(b, c) = 'x'", 1, 16, "lower takes 1 arguments, not 2"),
        ("from a | where b matches 5", 1, 26, "unexpected \"5\""),
        ("from a | where b in ()", 1, 22, "unexpected \")\""),
        ("from a | where (b", 1, 18, "unexpected end of the query"),
        (
            "from a | where b matches '('", 1, 26,
            "the regular expression is not valid: missing ): ("
        ),
        (
            "from a | where extract(b, '(') = 'x'", 1, 16,
            "the regular expression is not valid: missing ): ("
        ),
        (
            "from a | fields b, root.name", 1, 20,
            "a list has the fields of its events; give this one a name before, "
                + "| eval x = root.name, or in backquotes a field that was sent so"
        ),
        ("from a | last 2", 1, 15, "unexpected \"2\""),
        ("from a | last 0s", 1, 15, "the duration must be longer than zero"),
        (
            "from a | last 5x", 1, 15,
            "\"5x\" is neither a number nor a duration such as 90s or 2h, of 292 years at most"
        ),
        ("from a | last 2h | last 3h", 1, 20, "a second time range"),
        ("from a | between now and now-2h", 1, 26, "the range ends before it begins"),
        (
            "from a | last 2h step 1m | where b", 1, 18,
            "step needs stats, which the query does not have"
        ),
        ("from a | compare 1d", 1, 10, "compare needs stats, which the query does not have"),
        (
            "from a | stats cuont()", 1, 16,
            "there is no aggregate \"cuont\"; did you mean \"count\"?"
        ),
        (
            "from a | stats count_distinct(b)", 1, 16,
            "there is no aggregate \"count_distinct\"; did you mean \"distinct\"?"
        ),
        ("from a | stats p100(b)", 1, 16, "there is no aggregate \"p100\"; did you mean \"max\"?"),
        ("from a | stats sum()", 1, 16, "sum needs something to aggregate: sum(duration_ms)"),
        (
            "from a | stats quantile(b, 2)", 1, 28,
            "the share must be a number from 0 to 1, such as 0.99"
        ),
        ("from a | stats count(), count()", 1, 25, "COUNT is computed twice; give one an alias"),
        ("from a | stats b = count() by b", 1, 31, "b is named twice; give one an alias"),
        (
            "from a | stats count() | where b", 1, 26,
            "where must stand before stats, fields or bubbleup (having filters the groups)"
        ),
        (
            "from a | having b > 1", 1, 10,
            "having filters groups and stands after stats; events take where"
        ),
        (
            "from a | stats count() by host | having hots = 1", 1, 41,
            "\"hots\" is neither a calculation nor a group key of stats; did you mean host?"
        ),
        ("from a | stats count() | sort sum(b)", 1, 31, "stats does not compute sum(b)"),
        ("from a | limit 5 | limit 6", 1, 20, "a second limit"),
        ("from a | limit 0", 1, 16, "the limit must be from 1 to 10000"),
        (
            "from a | eval timestamp = 1", 1, 15,
            "timestamp is a property of every event; take another name"
        ),
        ("from a | bubbleup b", 1, 19, "unexpected \"b\""),
        (
            "from a | bubbleup where b | sort c", 1, 29,
            "the fields of a bubbleup stand in the order of their score"
        ),
        (
            "from a | where 2026-03-10T14:00 < b", 1, 16,
            "\"2026-03-10T14:00\" is not a time: times are written 2026-03-10T14:00:00Z, from 1677-09-22 to 2262-04-11; \"-\" between numbers takes spaces"
        ),
    ])
    func `a mistake is named with its place and the nearest right word`(
        text: String, line: Int, column: Int, message: String
    ) {
        let error = #expect(throws: QueryError.self) { try Query(parsing: text) }
        #expect(error?.message == message)
        #expect(error?.line == line)
        #expect(error?.column == column)
    }

    @Test func `an error says what could stand at its place`() {
        let error = #expect(throws: QueryError.self) { try Query(parsing: "from a | 5") }
        #expect(error?.expected.contains("stats") == true)
        let end = #expect(throws: QueryError.self) { try Query(parsing: "from a | where b c") }
        #expect(end?.expected.contains("starts-with") == true)
        #expect(end?.expected.contains("the end") == true)
    }

    @Test func `depth and length are bounded`() throws {
        let deep = String(repeating: "(", count: 65) + "a" + String(repeating: ")", count: 65)
        let long = Array(repeating: "a", count: 66).joined(separator: " + ")
        let nots = String(repeating: "not ", count: 70) + "a"
        let minus = String(repeating: "-", count: 70) + "a"
        for text in [deep, long, nots, minus, String(repeating: "a", count: 70_000)] {
            #expect(throws: QueryError.self) { try Expression(parsingCondition: text) }
        }
        let doubled = (0..<40).map { "x\($0 + 1) = x\($0) + x\($0)" }.joined(separator: ", ")
        let chained = (0..<400).map { "x\($0 + 1) = x\($0) + 1" }.joined(separator: ", ")
        for evaluations in [doubled, chained] {
            let error = #expect(throws: QueryError.self) {
                try Query(parsing: "from a | eval \(evaluations) | where x40 > 1")
            }
            #expect(error?.message == "the derived fields grow too large")
        }
        let wide = Array(repeating: "a", count: 5000).joined(separator: " or ")
        _ = try Expression(parsingCondition: wide)
    }

    @Test(arguments: [UInt64](0..<10))
    func `a damaged query is an error or another query, never a trap`(seed: UInt64) {
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<50 {
            var characters = Array(generator.query().text.unicodeScalars)
            for _ in 0..<3 {
                let place = generator.below(characters.count)
                let scraps: [Unicode.Scalar] = [
                    "(", ")", "`", "\"", "\\", "-", "0", "|", "\0", "é",
                ]
                switch generator.below(3) {
                case 0: characters.remove(at: place)
                case 1: characters.insert(generator.pick(scraps), at: place)
                default: characters.removeSubrange(place...)
                }
                if characters.isEmpty { characters = ["f"] }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: characters)
            if let query = try? Query(parsing: String(text)) {
                #expect((try? Query(parsing: query.text)) == query)
            }
        }
    }
}
