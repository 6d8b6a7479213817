internal import Compute
internal import EventQuery
internal import Events
internal import Metrics
internal import SeriesStore

/// Which events of a metric an alert is about, and which of them are bad, as conditions of the query language.
struct AlertConditions {
    /// Those of all events that it is about.
    private(set) var events: [String] = []
    /// What the bad ones meet besides; empty where all are alike.
    private(set) var bad: [String] = []

    /// - Parameters:
    ///   - labels: of the alert.
    ///   - selectors: of the metric, in its rule. What the narrowest of them says and others do not is what is
    ///     bad: `x{code=~"5.."}` of a ratio with `x`. What all say tells which events are meant.
    init(_ definition: MetricDefinition, _ labels: Labels, _ selectors: [[LabelMatcher]]) {
        if let filter = definition.filter { events.append("(\(filter.text))") }
        let different = Dictionary(
            selectors.map { (Set($0.map(\.text)), $0) }, uniquingKeysWith: { first, _ in first })
        let narrowest = selectors.max { $0.count < $1.count } ?? []
        var ofBothKinds: [String] = []
        for label in definition.labels {
            let value = labels[label.name]
            let own = value.isEmpty ? [] : [AlertConditions.condition(label.value, value)]
            let matchers = narrowest.filter { $0.name == label.name }
            let telling = matchers.filter { matcher in
                different.count == 1 || !different.keys.allSatisfy { $0.contains(matcher.text) }
            }
            func said(_ matchers: [LabelMatcher]) -> [String] {
                matchers.map { AlertConditions.condition(label.value, $0) }
            }
            if telling.isEmpty {
                events += own.isEmpty ? said(matchers) : own
            } else if own.isEmpty {
                bad += said(matchers)
            } else {
                ofBothKinds += own
            }
        }
        // A label that the alert has and its selector asks for is all that tells the bad ones, or, beside
        // another that does, where they are.
        if bad.isEmpty { bad = ofBothKinds } else { events += ofBothKinds }
    }

    /// That an expression has a label's value, which is a text whatever it was in events.
    static func condition(_ expression: Expression, _ value: String) -> String {
        let text = "(\(expression.text)) = " + Expression.literal(.string(value)).text
        if let number = Int64(value) {
            return "(\(text) or (\(expression.text)) = \(number))"
        }
        if value == "true" || value == "false" {
            return "(\(text) or (\(expression.text)) = \(value))"
        }
        return text
    }

    /// What a matcher says; a label without a value is an empty text.
    private static func condition(_ expression: Expression, _ matcher: LabelMatcher) -> String {
        let value = matcher.value
        switch matcher.operation {
        case .equal where !value.isEmpty: return condition(expression, value)
        case .notEqual where !value.isEmpty: return "not (\(condition(expression, value)))"
        case .equal, .notEqual:
            let sign: ComparisonOperator = matcher.operation == .equal ? .equal : .notEqual
            return "(\(Expression.compare(sign, expression.asText, .literal(.string(""))).text))"
        case .matches, .doesNotMatch:
            // Of the whole value, and `.` is any character, as selectors have it.
            let isNegated = matcher.operation == .doesNotMatch
            return "("
                + Expression.match(
                    .matches, expression.asText, "^(?s:\(value))$", negated: isNegated
                ).text + ")"
        }
    }
}

extension LabelMatcher {
    /// What tells matchers apart.
    fileprivate var text: String { "\(name)\(operation.rawValue)\(value)" }
}
