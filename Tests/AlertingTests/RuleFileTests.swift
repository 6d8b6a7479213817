import Testing

@testable import Alerting

/// Which files are taken as rules, and what is said of those that are not.
@Suite struct RuleFileTests {
    private func problems(_ text: String, names: NameScheme = .utf8) -> [String] {
        do {
            _ = try RuleFile(Array(text.utf8), name: "r", names: names)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    // MARK: - Files by others

    @Test func `Prometheus's own files are taken or refused as their names say`() throws {
        for (name, bytes) in try RuleCases.files("model/rulefmt/testdata") {
            let names: NameScheme = name.hasPrefix("legacy") ? .legacy : .utf8
            do {
                _ = try RuleFile(bytes, name: name, names: names)
                #expect(!name.contains(".bad."), "\(name) is taken")
            } catch {
                #expect(name.contains(".bad."), "\(error)")
            }
        }
    }

    /// Keys that VictoriaMetrics has and Prometheus has not.
    private static let foreign = [
        "rules-replay-good.rules": "concurrency", "rules0-good.rules": "params",
        "rules2-good.rules": "concurrency", "rules3-good.rules": "concurrency",
        "rules4-good.rules": "concurrency", "vlog-rules0-good.rules": "type",
    ]

    @Test func `VictoriaMetrics' files are taken but those with keys of its own`() throws {
        for (name, bytes) in try RuleCases.files("vmalert/app/vmalert/config/testdata/rules") {
            let key = RuleFileTests.foreign[name]
            do {
                _ = try RuleFile(bytes, name: name)
                #expect(!name.contains("bad") && key == nil, "\(name) is taken")
            } catch {
                #expect(name.contains("bad") || key != nil, "\(error)")
                if let key { #expect(error.description.contains("'\(key)'"), "\(error)") }
            }
        }
    }

    // MARK: - Places

    @Test func `an unknown key is told with its place`() {
        let text = """
            groups:
              - name: a
                rules:
                  - alert: X
                    expr: up == 0
                    fore: 2m
            """
        #expect(
            problems(text) == ["r:6:9: error: group \"a\", rule 1, \"X\": a rule has no key 'fore'"]
        )
    }

    @Test func `all that is wrong is told, by places`() {
        let text = """
            groups:
              - name: a
                interval: soon
                rules:
                  - record: x{}
                    expr: rate(up)
                    for: 1m
                  - alert: Y
                    expr: 1
                    annotations: {summary: '{{ $lables.x }}', "a": "{{ nope 1 }}"}
              - name: a
            """
        let found = problems(text)
        #expect(found.count == 7, "\(found)")
        #expect(found.first == "r:3:15: error: 'interval': not a valid duration string: \"soon\"")
        #expect(found.contains { $0.contains("undefined variable \"$lables\"") })
        #expect(found.contains { $0.contains("function \"nope\" not defined") })
        #expect(found.contains { $0.contains("repeated in the same file") })
    }

    @Test func `text that is no YAML is told with its place`() {
        #expect(problems("groups: [a").first?.hasPrefix("r:") ?? false)
        #expect(problems("groups:\n\t- a").first?.hasPrefix("r:2:") ?? false)
    }

    @Test func `no rules are rules too`() throws {
        for text in ["", "groups:", "groups: []", "---\n", "groups: [{name: a}]"] {
            #expect(problems(text) == [])
        }
    }

    // MARK: - Aliases

    @Test func `aliases that multiply are refused before they are made`() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        for (before, next) in zip("abcdefgh", "bcdefghi") {
            let ten = Array(repeating: "*\(before)", count: 10).joined(separator: ", ")
            text += "\(next): &\(next) [\(ten)]\n"
        }
        #expect(problems(text).first?.contains("nodes") ?? false)
    }

    @Test func `depth has a bound`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(problems("groups: " + deep).first?.contains("within one another") ?? false)
    }

    @Test func `a merge key brings what is not there`() throws {
        let text = """
            groups:
              - name: a
                labels: {team: shop}
                rules:
                  - &first {alert: A, expr: up == 0, for: 5m, labels: {severity: page}}
                  - <<: *first
                    alert: B
            """
        let group = try RuleFile(Array(text.utf8), name: "r").groups[0]
        #expect(group.rules.map(\.name) == ["A", "B"])
        #expect(group.rules[1].hold == 300_000)
        #expect(group.rules[1].labels.map(\.name) == ["severity", "team"])
    }

    @Test func `any bytes are rules or refused`() {
        let text = Array(
            "groups: [{name: a, rules: [{alert: &x A, expr: '1', labels: {b: *x}}]}]".utf8)
        for end in text.indices {
            _ = try? RuleFile(Array(text[..<end]), name: "r")
            for bit in 0..<8 {
                var flipped = text
                flipped[end] ^= 1 << bit
                _ = try? RuleFile(flipped, name: "r")
            }
        }
    }

    // MARK: - Warnings

    @Test func `what should be a duration or a tier and is none is told with its place`() throws {
        let text = """
            groups:
              - name: g
                rules:
                  - alert: A
                    expr: a > 1
                    labels: {team: shop, tier: automate}
                    annotations:
                      runbook: here
                      escalate_after: soon
                      acknowledge_within: 5 minutes
                      mitigate_within: 1h30m
                      review_within: '{{ $value }}d'
                  - alert: B
                    expr: a > 1
                    labels: {team: shop, tier: pages}
                    annotations: {runbook: here, escalate_after: 5m}
                  - alert: C
                    expr: a > 1
                    labels: {team: shop, tier: '{{ $labels.tier }}'}
                    annotations: {runbook: here, escalate_after: 5m}
            """
        let found = try RuleFile(Array(text.utf8), name: "r").warnings.map(\.description)
        #expect(
            found == [
                #"r:9:27: warning: group "g", rule 1, "A": "#
                    + #"'escalate_after' is no duration such as 5m: "soon""#,
                #"r:10:31: warning: group "g", rule 1, "A": "#
                    + #"'acknowledge_within' is no duration such as 5m: "5 minutes""#,
                #"r:13:9: warning: group "g", rule 2, "B": "#
                    + #"the tier "pages" is none of automate, ticket, page"#,
                #"r:13:9: warning: group "g", rule 2, "B": "#
                    + #"'escalate_after' does nothing without the tier automate"#,
            ])
    }

    private func warnings(_ expression: String) throws -> [String] {
        let text = """
            groups:
              - name: a
                rules:
                  - alert: X
                    expr: '\(expression)'
                    labels: {team: shop}
                    annotations: {runbook_url: 'https://runbooks/x'}
            """
        return try RuleFile(Array(text.utf8), name: "r").warnings.map(\.message)
    }

    @Test(arguments: [
        ("errors_total > 5", "errors_total is compared"),
        ("5 < sum by (job) (errors_total)", "errors_total is compared"),
        ("sum(errors_total) + 1 > 5", "errors_total is compared"),
        ("max by (job) (errors_total) * 2 > 5", "errors_total is compared"),
        ("rate(x{s=\"500\"}[5m]) / rate(x[5m]) > 0.1", "keep the label s"),
        ("sum by (s) (rate(x{s=~\"5..\"}[5m])) / sum by (s) (rate(x[5m])) > 0.1", "the label s"),
        ("x{s=\"500\"} / on (s, job) x > 1", "the label s"),
        ("sum by (s) (x{s=\"500\"}) / on (s) group_left sum by (s) (x) > 1", "the label s"),
        ("histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m]))) > 1", "needs the label le"),
        ("histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m]))) > 1", "the label le"),
        ("histogram_quantile(0.9, sum by (le) (sum by (job) (x_bucket))) > 1", "the label le"),
    ])
    func `an expression that is hardly meant is warned of`(
        _ expression: String, _ part: String
    ) throws {
        let found = try warnings(expression)
        #expect(found.count == 1 && found[0].contains(part), "\(found)")
    }

    @Test(arguments: [
        "rate(errors_total[5m]) > 5", "increase(errors_total[5m]) > 5",
        "sum without (s) (rate(x{s=~\"5..\"}[5m])) / sum without (s) (rate(x[5m])) > 0.1",
        "x{s=\"500\"} / ignoring (s) x > 1", "x{s=\"500\"} / on (job) x > 1",
        "histogram_quantile(0.9, sum by (job, le) (rate(x_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum by (job) (rate(native[5m]))) > 1", "up == 0",
        "errors_total > errors_total offset 1h", "a / b > 1",
        "errors_total - errors_total offset 5m > 5", "1000 - errors_total > 5",
        "x{s=\"500\"} / ignoring (s) group_left sum without (s) (x) > 1",
    ])
    func `an expression that is meant is not`(_ expression: String) throws {
        #expect(try warnings(expression) == [])
    }

    @Test func `an alert without owner and runbook is warned of`() throws {
        let text = "groups: [{name: a, rules: [{alert: X, expr: up == 0}]}]"
        let found = try RuleFile(Array(text.utf8), name: "r").warnings.map(\.message)
        #expect(found.count == 2)
        #expect(found.contains { $0.contains("no owner") })
        #expect(found.contains { $0.contains("no runbook") })
    }
}
