import EventStore
import Testing

@testable import Service

@Suite struct RetentionRulesTests {
    @Test func `a named dataset has its own rule and the others that of the star`() throws {
        let rules = try #require(RetentionRules("*=30d, My Shop = 90m/20GiB ,logs=/5"))
        #expect(rules.policy(of: "x") == RetentionPolicy(age: 30 * 86_400_000_000_000))
        #expect(
            rules.policy(of: "my-shop")
                == RetentionPolicy(age: 5_400_000_000_000, bytes: 20 << 30))
        #expect(rules.policy(of: "LOGS") == RetentionPolicy(bytes: 5))
        #expect(RetentionRules().policy(of: "x") == nil)
        #expect(try #require(RetentionRules("a=1s")).policy(of: "b") == nil)
    }

    @Test(arguments: [
        "a", "a=", "a=/", "=1d", "a=1", "a=0d", "a=-1d", "a=1d/", "a=1d/0", "a=1d/1PiB", "a=1y",
        "a=99999999999999999999d", "a=9223372036854775807d", "a=1d/99999999999TiB",
    ])
    func `what is no rule is refused`(text: String) {
        #expect(RetentionRules(text) == nil)
    }
}
