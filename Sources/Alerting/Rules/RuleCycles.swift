internal import Metrics

/// Recording rules that read, through one another, what they record themselves.
///
/// Such a rule would feed on its own last value. Prometheus lets it; here it is not evaluated, and the
/// rules that are no part of the circle go on.
enum RuleCycles {
    /// What each rule of a circle is told; by the places of group and rule.
    static func failures(_ groups: [RuleGroup]) -> [[Int]: String] {
        var reads: [String: Set<String>] = [:]
        for rule in groups.flatMap(\.rules) where rule.kind == .recording {
            reads[rule.name, default: []].formUnion(rule.metricNames)
        }
        reads = reads.mapValues { $0.filter { reads[$0] != nil } }
        var found: [[Int]: String] = [:]
        for (groupPlace, group) in groups.enumerated() {
            for (place, rule) in group.rules.enumerated() where rule.kind == .recording {
                // Its own expression alone: another rule may record the same name.
                let first = rule.metricNames.filter { reads[$0] != nil }
                guard let path = path(from: first, to: rule.name, reads) else { continue }
                let circle = ([rule.name] + path).joined(separator: " → ")
                found[[groupPlace, place]] = "the rule reads what it records: \(circle)"
            }
        }
        return found
    }

    /// The names on the shortest way to a name, which is the last.
    private static func path(
        from first: Set<String>, to name: String, _ reads: [String: Set<String>]
    ) -> [String]? {
        var paths = first.sorted().map { [$0] }[...]
        var seen = first
        while let path = paths.popFirst() {
            guard let last = path.last else { continue }
            if last == name { return path }
            for next in (reads[last] ?? []).sorted() where seen.insert(next).inserted {
                paths.append(path + [next])
            }
        }
        return nil
    }
}

extension Rule {
    /// The metrics that it reads.
    fileprivate var metricNames: Set<String> { expression?.metricNames ?? [] }
}
