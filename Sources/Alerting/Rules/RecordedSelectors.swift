public import Metrics
public import SeriesStore

/// What expressions ask for in the end, where they read series that rules record.
public struct RecordedSelectors: Sendable {
    /// Rules that record, by the metric's name.
    private let rules: [String: [Rule]]

    public init(_ groups: [RuleGroup]) {
        let all = groups.flatMap(\.rules).filter { $0.kind == .recording }
        rules = Dictionary(grouping: all, by: \.name)
    }

    /// The selectors of an expression, those of recorded series replaced by what their rules read.
    ///
    /// What a selector says of a recorded series' labels holds for what it was recorded of, but for labels that
    /// the rule gave it. At most `AlertingLimits.recordedSelectors`; a circle of rules ends where it closes.
    public func selectors(of expression: PromQLQuery) -> [[LabelMatcher]] {
        var found: [[LabelMatcher]] = []
        for selector in expression.selectors { expand(selector, within: [], &found) }
        return found
    }

    private func expand(
        _ selector: [LabelMatcher], within names: Set<String>, _ found: inout [[LabelMatcher]]
    ) {
        guard found.count < AlertingLimits.recordedSelectors else { return }
        let name = selector.first { $0.name == Labels.metricName && $0.operation == .equal }
        guard let name = name?.value, let recording = rules[name] else {
            return found.append(selector)
        }
        if names.contains(name) { return }
        for rule in recording {
            let given = Set(rule.labels.map(\.name) + [Labels.metricName])
            let others = selector.filter { !given.contains($0.name) }
            for inner in rule.expression?.selectors ?? [] {
                expand(inner + others, within: names.union([name]), &found)
            }
        }
    }
}
