import Bytes
import SeriesStore
import Testing

@Suite struct LabelMatcherTests {
    @Test func `an absent label has the empty value`() throws {
        let labels: Labels = ["job": "api"]
        #expect(try LabelMatcher("env", .equal, "").matches(labels))
        #expect(try !LabelMatcher("env", .notEqual, "").matches(labels))
        #expect(try LabelMatcher("env", .notEqual, "prod").matches(labels))
        #expect(try LabelMatcher("env", .matches, ".*").matches(labels))
        #expect(try !LabelMatcher("env", .matches, ".+").matches(labels))
        #expect(try LabelMatcher("env", .matches, "|a").matches(labels))
        #expect(try LabelMatcher("env", .doesNotMatch, "a").matches(labels))
    }

    @Test(arguments: [
        ("a|b", ["a", "b"], ["ab", "a|b", "", "c", "aa"]),
        ("api", ["api"], ["apis", "xapi", ""]),
        ("a.c", ["abc", "a\nc"], ["ac", "abcd"]),
        ("a|bc?", ["a", "b", "bc"], ["ab", "ac", "bcc"]),
        ("", [""], ["a"]),
        ("(?i)get", ["GET", "get"], ["GETS"]),
        ("[0-9]+", ["5", "500"], ["5x", ""]),
        ("x$|^y", ["x", "y"], ["xy"]),
    ])
    func `a regular expression is anchored at both ends`(
        pattern: String, accepted: [String], refused: [String]
    ) throws {
        let (matches, not) = (
            try LabelMatcher("l", .matches, pattern), try LabelMatcher("l", .doesNotMatch, pattern)
        )
        for value in accepted { #expect(matches.matches(value) && !not.matches(value), "\(value)") }
        for value in refused { #expect(!matches.matches(value) && not.matches(value), "\(value)") }
    }

    @Test(arguments: ["(", "a)(b", "[z-a]", "*"])
    func `a bad expression is refused with its reason`(pattern: String) {
        #expect(throws: RegularExpression.InvalidPattern.self) {
            try LabelMatcher("l", .matches, pattern)
        }
    }
}
