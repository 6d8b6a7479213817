import Bytes
import Compute
import EventQuery
import Events
import TestSupport
import Testing

@Suite struct DerivedColumnTests {
    private func query(_ expression: String) throws -> Query {
        let field: JSONValue = ["name": "x", "expression": .string(expression)]
        return try Query(specification: ["calculated_fields": [field]], dataset: "d")
    }

    /// The expression in the query language.
    private func text(_ expression: String) throws -> String {
        guard case .evaluate(_, let derived) = try query(expression).transforms.first else {
            return "nothing"
        }
        return derived.text
    }

    @Test(arguments: [
        (
            "IF($slow, \"a\", EQUALS($b, 1), 2, 3,)", "if(truthy(slow), \"a\", b = 1, 2, 3)"
        ),
        ("SWITCH($a, \"x\", 1, \"y\", 2, 0)", "switch(a, \"x\", 1, \"y\", 2, 0)"),
        ("COALESCE($a, $\"two words\", $`three`)", "coalesce(a, `two words`, three)"),
        (
            "NOT(EXISTS($a)) AND ($b = 1 OR $c != `r\\d`)",
            "not a exists and (b = 1 or c != \"r\\\\d\")"
        ),
        ("IN($a, 1, \"x\", true)", "a in (1, \"x\", true)"),
        ("IN($a, $b, 1)", "equals_any(a, b, 1)"),
        ("!CONTAINS($a, \"q\\\"\\n\")", "not a contains \"q\\\"\\n\""),
        ("STARTS_WITH($a, $b)", "starts_with(a, b)"),
        ("REG_MATCH($a, `^v\\d+$`)", "a matches \"^v\\\\d+$\""),
        ("REG_VALUE($a, `(\\d)`)", "extract(a, \"(\\\\d)\")"),
        ("REG_COUNT($a, `x`)", "count_matches(a, \"x\")"),
        ("$a-b", "a-b"), ("LENGTH(TO_LOWER($a), \"chars\")", "length(lower(a))"),
        ("LENGTH($a, \"bytes\")", "byte_length(a)"), ("LENGTH($a)", "length(a)"),
        ("$a - 5 + 1", "number(a) - 5 + 1"), ("SUM($a, $b, 2)", "number(a) + number(b) + 2"),
        ("1 + $a / 2 * 3", "1 + number(number(a) / 2) * 3"),
        ("DIV($a, $b)", "number(a) / number(b)"), ("LOG10(\"5\")", "log10(number(\"5\"))"),
        ("INT($a)", "int(number(a))"), ("STRING($a)", "coalesce(string(a), \"\")"),
        ("BOOL($a)", "truthy(a)"), ("BOOL($a = 1)", "a = 1"),
        ("MIN($a, $b)", "least(a, b)"), ("MAX($a)", "greatest(a)"),
        ("BUCKET($a, 10, 0, 30)", "bucket_label(a, 10, 0, 30)"),
        ("UNIX_TIMESTAMP($t)", "unix_time(t)"),
        ("FORMAT_TIME(\"%H\", EVENT_TIMESTAMP())", "format_time(\"%H\", timestamp / 1000000000.0)"),
        ("METRO_HASH($a, $b)", "hash(a, b)"),
        ("RAND()", "hash(timestamp, \" \", received, \" \", trace.span_id)"),
        ("EVENT_TIMESTAMP()", "timestamp / 1000000000.0"), (".5", "0.5"), ("-3", "-3"),
        ("LT($a, 1) = true", "(a < 1) = true"), ("$timestamp", "field(\"timestamp\")"),
        ("\"\\u00e9\\x41\\101\\U0001F600\"", "\"éAA😀\""), ("$größe", "`größe`"),
    ])
    func `expressions are ours where they mean the same`(derived: String, ours: String) throws {
        #expect(try text(derived) == ours)
        let query = try query(derived)
        #expect(try Query(parsing: query.text) == query)
    }

    @Test(arguments: [
        ("RATE($a, 1)", "at character 1: RATE is a function of metrics over time, not of events"),
        (
            "BUCKET($a)",
            "at character 1: these arguments of BUCKET are not understood; it is BUCKET(number, width, low, high)"
        ),
        (
            "REG_VALUE($a, $b)",
            "at character 1: these arguments of REG_VALUE are not understood; it is REG_VALUE(text, \"pattern\")"
        ),
        (
            "LENGTH($a, \"words\")",
            "at character 1: these arguments of LENGTH are not understood; it is LENGTH(text, \"chars\" or \"bytes\")"
        ),
        ("\"\\q\"", "at character 2: unknown escape in a string"),
        ("COALESE($a)", "at character 1: there is no function COALESE; did you mean COALESCE?"),
        ("IF($a", "at character 6: expected )"),
        ("$a $b", "at character 4: expected an operator or the end"),
        ("$", "at character 2: expected a column after $"),
        ("", "at character 1: expected a value"),
        ("\"x", "at character 1: the string has no end"), ("#", "at character 1: unexpected \"#\""),
        (
            "IF($a, 1, REG_MATCH($b, \"(\"))",
            "at character 11: the regular expression is not valid: missing ): ("
        ),
        (
            "IF($a)",
            "at character 1: these arguments of IF are not understood; "
                + "it is IF(condition, value, …, otherwise)"
        ),
        (
            String(repeating: "(", count: 70),
            "at character 66: is nested deeper than 64 levels"
        ),
        (
            Array(repeating: "$a", count: 70).joined(separator: " + "),
            "at character 326: has more than 64 operators in a row"
        ),
    ])
    func `what is not understood is named with its place`(derived: String, message: String) {
        let error = #expect(throws: SpecificationError.self) { try query(derived) }
        #expect(error?.path == "calculated_fields[0].expression")
        #expect(error?.message == message)
    }

    private static func many(
        _ count: Int, _ separator: String, _ part: (Int) -> String
    ) -> String {
        (0..<count).map(part).joined(separator: separator)
    }

    /// Long ones of each kind.
    private static var longExpressions: [String] {
        let conditions = many(200, ", ") { "$a = \($0)" }
        let choices = many(80, ", ") { "$a = \($0), \"x\($0)\"" }
        let cases = many(100, ", ") { "\"k\($0)\", \($0)" }
        let fields = many(200, ", ") { "$f\($0)" }
        let open = String(repeating: "(", count: 60)
        let close = String(repeating: ")", count: 60)
        return [
            many(200, " OR ") { "$a = \($0)" }, "OR(\(conditions))", "IF(\(choices), 0)",
            "SWITCH($a, \(cases))", "CONCAT(\(fields))", many(60, " - ") { "$f\($0)" },
            "\(open)$a\(close)",
        ]
    }

    @Test(arguments: longExpressions)
    func `what is long but not deep is understood`(derived: String) throws {
        let query = try query(derived)
        #expect(try Query(parsing: query.text) == query)
        let stored = [StoredColumn(alias: "x", datasets: nil, expression: derived)]
        #expect(query.definitions(from: stored).warnings.isEmpty)
    }

    @Test func `a stored column that is not understood is named and left out`() throws {
        let stored = [
            StoredColumn(alias: "bad", datasets: nil, expression: "REG_MATCH($s, \"(\")"),
            StoredColumn(alias: "good", datasets: nil, expression: "EQUALS($s, \"x\")"),
        ]
        let engine = try EngineRunner(
            [ModelEvent(timestamp: 0, fields: ["s": .string("x")])], .head, now: 10)
        for stages in ["bubbleup where s = 'x'", "stats count() by bad, good"] {
            let query = try Query(parsing: "from * | last 1us | " + stages)
            let (definitions, warnings) = query.definitions(from: stored)
            #expect(Array(definitions.keys) == ["good"])
            #expect(warnings.count == 1)
            #expect(warnings.first?.hasPrefix("the derived column \"bad\" is left out: ") == true)
            var options = QueryOptions()
            options.definitions = definitions
            options.warnings = warnings
            let answer = try engine.found(query, options: options)
            #expect(warnings.allSatisfy(answer.meta.warnings.contains))
        }
    }

    @Test(arguments: [
        "IF($a, NOT($b), \"x\\\"\")", "AND($a, LT($b, -1.5), NOT(IN($c, null, 2)))",
        "SUB(DIV($a, 2.0), MUL($b, $\"c d\"))", "INGEST_TIMESTAMP()", "EVENT_TIMESTAMP()",
        "RAND()", "METRO_HASH($a, \"x\")", "BUCKET($a, 10, 0.5)", "MIN($a, MAX($b, 3))",
        "IF(AND($a, $b), INT($c), FLOAT($c))", "STRING(BOOL($a))", "INT(5)", "LOG10(SUM($a, 1))",
        "SWITCH($a, \"x\", $b)", "REG_VALUE($a, \"(x)\")", "REG_COUNT($a, \"x\")",
        "UNIX_TIMESTAMP($a)", "FORMAT_TIME(\"%F\", $b)", "ENDS_WITH($a, $b)", "IN($a, $b)",
        "LENGTH($a, \"bytes\")", "SUM($a)", "MOD($a, 3)", "GTE($a, $b)", "REG_MATCH($a, \"x\")",

        "CONCAT($a, \"-\", STRING($b))",
        "NOT(STARTS_WITH($a, \"x\"))", "LENGTH($a, \"chars\")",
        "OR(EXISTS($a), NOT(EQUALS($a, $b)))",
    ])
    func `expressions are written as they were read`(derived: String) throws {
        let written = try query(derived).specification()
        #expect(written["calculated_fields"]?.array?.first?["expression"]?.string == derived)
    }

    @Test(arguments: [UInt64](0..<20))
    func `generated expressions survive the way through query and text`(seed: UInt64) throws {
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<100 {
            let derived = generator.derivedColumn()
            let query = try query(derived)
            #expect(try Query(parsing: query.text) == query, "seed \(seed): \(derived)")
            let written = try query.specification()
            let again = try Query(specification: written, dataset: "d")
            #expect(again == query, "seed \(seed): \(derived)\n\(written.text)")
        }
    }
}
