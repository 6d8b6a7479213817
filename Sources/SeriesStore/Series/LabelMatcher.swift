public import Bytes

/// A condition on one label of a series; a label that is absent has the empty value.
public struct LabelMatcher: Sendable {
    public enum Operation: String, Hashable, Sendable {
        case equal = "="
        case notEqual = "!="
        /// The whole value matches a regular expression.
        case matches = "=~"
        case doesNotMatch = "!~"
    }

    public let name: String
    public let operation: Operation
    /// The value compared with, or the regular expression.
    public let value: String
    /// The only values a regular expression accepts, when it is a list like `a|b`; nil when unknown.
    let alternatives: [String]?
    private let expression: RegularExpression?

    /// Compiles the regular expression, if it is one: RE2 syntax, anchored at both ends, where `.` is
    /// any character, as in Prometheus.
    ///
    /// - Throws: `RegularExpression.InvalidPattern` with RE2's reason.
    public init(
        _ name: String, _ operation: Operation, _ value: String
    ) throws(RegularExpression.InvalidPattern) {
        self.name = name
        self.operation = operation
        self.value = value
        guard operation == .matches || operation == .doesNotMatch else {
            (alternatives, expression) = (nil, nil)
            return
        }
        if value.utf8.allSatisfy({ !LabelMatcher.special.contains($0) }) {
            alternatives = value.split(separator: "|", omittingEmptySubsequences: false)
                .map(String.init)
            expression = nil
        } else {
            // By itself first: `a)(b` is an error, though it would be none in parentheses.
            _ = try RegularExpression(value)
            alternatives = nil
            expression = try RegularExpression("^(?s:\(value))$")
        }
    }

    /// Bytes that mean something in a regular expression, but for the bar between alternatives.
    private static let special = Set("\\.+*?()[]{}^$".utf8)

    /// Whether a label of this value is let through.
    public func matches(_ value: String) -> Bool {
        switch operation {
        case .equal: LabelMatcher.isEqual(value, self.value)
        case .notEqual: !LabelMatcher.isEqual(value, self.value)
        case .matches: isFound(value)
        case .doesNotMatch: !isFound(value)
        }
    }

    /// Whether series of these labels are let through.
    public func matches(_ labels: Labels) -> Bool { matches(labels[name]) }

    private func isFound(_ value: String) -> Bool {
        if let alternatives { return alternatives.contains { LabelMatcher.isEqual($0, value) } }
        return expression?.matches(value) ?? false
    }

    /// Equal by bytes: Swift's own equality takes texts for one that only look alike.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8)
    }
}

extension LabelMatcher: Hashable {
    public static func == (left: LabelMatcher, right: LabelMatcher) -> Bool {
        left.operation == right.operation && isEqual(left.name, right.name)
            && isEqual(left.value, right.value)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(operation)
        hasher.combine(name)
        hasher.combine(value)
    }
}

extension LabelMatcher: CustomStringConvertible {
    /// As in a selector: `job=~"a|b"`.
    public var description: String { name + operation.rawValue + Labels.quoted(value) }
}
