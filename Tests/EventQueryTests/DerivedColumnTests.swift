import Bytes
import Compute
import EventQuery
import Events
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
            "IF($slow, \"a\", EQUALS($b, 1), 2, 3,)",
            "if(slow or slow = \"true\", \"a\", b = 1, 2, 3)"
        ),
        ("SWITCH($a, \"x\", 1, \"y\", 2, 0)", "if(a = \"x\", 1, a = \"y\", 2, 0)"),
        ("COALESCE($a, $\"two words\", $`three`)", "coalesce(a, `two words`, three)"),
        (
            "NOT(EXISTS($a)) AND ($b = 1 OR $c != `r\\d`)",
            "not a exists and (b = 1 or c != \"r\\\\d\")"
        ),
        ("IN($a, 1, \"x\", true)", "a in (1, \"x\", true)"),
        ("!CONTAINS($a, \"q\\\"\\n\")", "not a contains \"q\\\"\\n\""),
        ("REG_MATCH($a, `^v\\d+$`)", "a matches \"^v\\\\d+$\""),
        ("$a-b", "a-b"), ("LENGTH(TO_LOWER($a), \"chars\")", "length(lower(a))"),
        ("$a - 5 + 1", "coalesce(float(coalesce(float(a), 0.0) - 5.0), 0.0) + 1.0"),
        ("DIV($a, $b)", "coalesce(float(a), 0.0) / coalesce(float(b), 0.0)"),
        ("EVENT_TIMESTAMP()", "timestamp / 1000000000.0"), (".5", "0.5"), ("-3", "-3"),
        ("LT($a, 1) = true", "(a < 1) = true"), ("$timestamp", "field(\"timestamp\")"),
    ])
    func `expressions are ours where they mean the same`(derived: String, ours: String) throws {
        #expect(try text(derived) == ours)
        let query = try query(derived)
        #expect(try Query(parsing: query.text) == query)
    }

    @Test(arguments: [
        ("BUCKET($a, 1)", "at character 1: BUCKET is not available yet"),
        ("COALESE($a)", "at character 1: there is no function COALESE; did you mean COALESCE?"),
        ("IF($a", "at character 6: expected )"),
        ("$a $b", "at character 4: expected an operator or the end"),
        ("$", "at character 2: expected a column after $"),
        ("", "at character 1: expected a value"),
        ("CONTAINS($a, $b)", "at character 1: these arguments of CONTAINS are not understood"),
        ("\"x", "at character 1: the string has no end"), ("#", "at character 1: unexpected \"#\""),
        (
            String(repeating: "(", count: 70),
            "at character 66: has more than 64 operators and calls"
        ),
        (
            Array(repeating: "$a", count: 30).joined(separator: " + "),
            "at character 1: has more than 64 levels in the query language"
        ),
    ])
    func `what is not understood is named with its place`(derived: String, message: String) {
        let error = #expect(throws: SpecificationError.self) { try query(derived) }
        #expect(error?.path == "calculated_fields[0].expression")
        #expect(error?.message == message)
    }

    @Test(arguments: [
        "IF($a, NOT($b), \"x\\\"\")", "AND($a, LT($b, -1.5), NOT(IN($c, null, 2)))",
        "SUB(DIV($a, 2.0), MUL($b, $\"c d\"))", "INGEST_TIMESTAMP()",
        "CONCAT($a, \"-\", STRING($b))",
        "NOT(STARTS_WITH($a, \"x\"))", "LENGTH($a, \"chars\")",
        "OR(EXISTS($a), NOT(EQUALS($a, $b)))",
    ])
    func `expressions are written as they were read`(derived: String) throws {
        let written = try query(derived).specification()
        #expect(written["calculated_fields"]?.array?.first?["expression"]?.string == derived)
    }
}
