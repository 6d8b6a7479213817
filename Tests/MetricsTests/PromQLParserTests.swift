import Metrics
import SeriesStore
import Testing

/// What the language takes, and where it says that something is wrong.
@Suite struct PromQLParserTests {
    /// Queries that are written as they are printed.
    static let canonical = [
        "1", "0.5", "5m", "+Inf", "NaN", "-1", "1 + 2 * 3", "-(1 + 2)", "(1 + 2) ^ -3 ^ 2",
        "\"text \\\"quoted\\\"\\n\"", "up", "job:up:sum", "{job=\"a\"}",
        "up{a!=\"b\",job=~\"x|y\"}",
        "{\"odd.name\"=\"1\"}", "sum", "sum + by", "up[5m]", "up offset 5m", "up offset -1h30m",
        "up @ 12.500", "up @ start()", "up[5m] @ end() offset 1m", "up[1h:5m]", "up[1d:]",
        "up[1h:5m] @ 10.000 offset 1w", "rate(up[5m])", "sum(up)", "sum by (job, instance) (up)",
        "sum without () (up)", "topk(3, up)", "count_values(\"v\", up)",
        "a + on (x) group_left (y) b", "a / ignoring (x) b", "a and on () b", "a == bool b",
        "a unless b or c", "a % b atan2 c", "h </ 5 >/ 2", "a + fill (0) b",
        "a + on (x) group_right () fill_left (1) fill_right (-2) b", "time()",
        "label_join(up, \"a\", \",\", \"b\", \"c\")", "rate(up[step() * 2])",
        "rate(up[max_of(1m, step())])",
        "rate(up[5m] anchored)", "up smoothed", "up offset (1m + step())", "up offset -step()",
    ]

    @Test(arguments: canonical)
    func `a query is printed as it is read`(text: String) throws {
        #expect(try PromQLQuery(text).description == text)
    }

    /// Queries with the canonical way to write them.
    static let equivalent = [
        ("SUM(up) BY (job)", "sum by (job) (up)"), ("up{}", "up"),
        ("{\"up\",job='a'}", "{__name__=\"up\",job=\"a\"}"),
        ("0x1F", "31"), ("1e3", "1000"), ("1_000", "1000"), ("- - 1", "1"),
        ("`raw\\n`", "\"raw\\\\n\""),
        ("up [5m] # comment", "up[5m]"), ("a\n+\tb", "a + b"), ("up[90s]", "up[1m30s]"),
        ("up[300]", "up[5m]"),
        ("foo offset -2 ^ 2", "foo offset -2s ^ 2"), ("inF", "+Inf"), ("sum(up,) ", nil as String?),
        (".5", "0.5"),
        ("a AND b", "a and b"), ("sum by (by, on,) (up)", "sum by (by, on) (up)"),
        ("'\\u00e9\\x41'", "\"éA\""),
    ]

    @Test(arguments: equivalent)
    func `one thing is written in several ways`(text: String, canonical: String?) throws {
        if let canonical {
            #expect(try PromQLQuery(text).description == canonical)
        } else {
            #expect(throws: PromQLError.self) { try PromQLQuery(text) }
        }
    }

    /// Texts that are no queries, and what Prometheus says of them.
    static let faults = [
        ("", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("(1", "1:3: parse error: unclosed left parenthesis"),
        ("1)", "1:2: parse error: unexpected right parenthesis ')'"),
        ("\n\n1 ! 2", "3:3: parse error: unexpected character after '!': ' '"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        (
            "up{a}",
            "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator"
        ),
        ("up{a=1}", "1:6: parse error: unexpected character inside braces: '1'"),
        (
            "up{a=b}",
            "1:6: parse error: unexpected identifier \"b\" in label matching, expected string"
        ),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        (
            "{a=\"\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher"
        ),
        (
            "up{__name__=\"x\"}",
            "1:1: parse error: metric name must not be set twice: \"up\" or \"x\""
        ),
        ("up[5m", "1:6: parse error: unexpected end of input in duration expression"),
        ("up[0]", "1:4: parse error: duration must be greater than 0"),
        (
            "up[]",
            "1:4: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"
        ),
        ("up[5m] [5m]", "1:8: parse error: ranges only allowed for vector selectors"),
        ("up offset 5m [5m]", "1:14: parse error: no offset modifiers allowed before range"),
        (
            "up offset",
            "1:10: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"
        ),
        (
            "sum(up) offset 5m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        ),
        ("nothing(up)", "1:1: parse error: unknown function with name \"nothing\""),
        (
            "rate(up)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"
        ),
        ("rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        (
            "topk(up)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"
        ),
        (
            "sum by job (up)",
            "1:8: parse error: unexpected identifier \"job\" in grouping opts, expected \"(\""
        ),
        ("1 == 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        (
            "1 and 2",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"
        ),
        (
            "a + on (x) group_left (x) b",
            "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"
        ),
        (
            "a and on (x) group_left b",
            "1:1: parse error: no grouping allowed for \"and\" operation"
        ),
        (
            "\"a\" + 1",
            "1:1: parse error: binary expression must contain only scalar and instant vector types"
        ),
        (
            "-\"a\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
        ),
        (
            "1[5m:]",
            "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"
        ),
        ("\"open", "1:1: parse error: unterminated quoted string"),
        ("up{a=~\"(\"}", "1:4: parse error: error parsing regexp: missing ): (: `(`"),
        ("1.2.3", "1:1: parse error: bad number or duration syntax: \"1.2.3\""),
    ]

    @Test(arguments: faults)
    func `a fault is told with its place`(text: String, message: String) {
        let error = #expect(throws: PromQLError.self) { try PromQLQuery(text) }
        #expect(error?.message == message)
        #expect(error?.code == .badData)
    }

    @Test func `expressions within one another have a bound`() {
        let deep = String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000)
        #expect(throws: PromQLError.self) { try PromQLQuery(deep) }
        #expect(throws: PromQLError.self) {
            try PromQLQuery(String(repeating: "-", count: 5000) + "up")
        }
    }

    @Test func `no text makes the parser trap`() {
        for text in PromQLParserTests.canonical {
            let bytes = Array(text.utf8)
            for end in 0..<bytes.count {
                _ = try? PromQLQuery(String(decoding: bytes[..<end], as: UTF8.self))
                var changed = bytes
                for replacement in "([{\"\\:@0e".utf8 {
                    changed[end] = replacement
                    _ = try? PromQLQuery(String(decoding: changed, as: UTF8.self))
                }
            }
        }
    }

    @Test func `a selector alone is a list of conditions`() throws {
        #expect(
            try PromQLQuery.matchers("up{job=\"a\"}").map(\.description) == [
                "job=\"a\"", "__name__=\"up\"",
            ])
        #expect(throws: PromQLError.self) { try PromQLQuery.matchers("up + 1") }
        #expect(throws: PromQLError.self) { try PromQLQuery.matchers("up[5m]") }
    }
}
