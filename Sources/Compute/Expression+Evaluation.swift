public import Bytes
internal import CKernels
public import Events

/// The value of an expression for one event: the meaning that every kernel must have too.
public struct ExpressionEvaluator: Sendable {
    /// Compiled regular expressions, by pattern; made before any row is looked at.
    private let patterns: [String: RegularExpression]
    /// Sets of the values of long lists, by where these lie.
    ///
    /// One look instead of thousands of comparisons a row. The lists are kept, so that nothing else can
    /// lie there.
    private let sets: [UInt: (members: [FieldValue], set: Set<FieldValue>)]

    /// Values up to which a list is as fast.
    private static let listMax = 16

    /// Compiles the patterns of all expressions that will be evaluated.
    ///
    /// - Throws: `RegularExpression.InvalidPattern` for the first that is none.
    public init(for expressions: [Expression]) throws(RegularExpression.InvalidPattern) {
        var compiled: [String: RegularExpression] = [:]
        var sets: [UInt: (members: [FieldValue], set: Set<FieldValue>)] = [:]
        var open = expressions
        while let next = open.popLast() {
            if case .membership(_, let members, _) = next,
                members.count > ExpressionEvaluator.listMax
            {
                sets[ExpressionEvaluator.place(of: members)] = (members, Set(members))
            }
            if let pattern = next.pattern, compiled[pattern] == nil {
                compiled[pattern] = try RegularExpression(pattern)
            }
            open.append(contentsOf: next.parts)
        }
        patterns = compiled
        self.sets = sets
    }

    private static func place(of members: [FieldValue]) -> UInt {
        members.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    }

    private func contains(_ members: [FieldValue], _ value: FieldValue) -> Bool {
        guard members.count > ExpressionEvaluator.listMax,
            let known = sets[ExpressionEvaluator.place(of: members)]
        else { return members.contains(value) }
        return known.set.contains(value)
    }

    func pattern(_ text: String) -> RegularExpression {
        guard let pattern = patterns[text] else {
            preconditionFailure("BUG: a pattern that was not compiled: \(text)")
        }
        return pattern
    }

    /// Whether a value counts as true: `true`, and any number but 0.
    public static func isTrue(_ value: FieldValue) -> Bool {
        switch value {
        case .bool(let value): value
        case .int(let value): value != 0
        case .float(let value): value != 0
        case .missing, .string: false
        }
    }

    /// The expression's value, where `lookup` gives the values of fields.
    public func value(
        of expression: Expression, _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        switch expression {
        case .literal(let value): return value
        case .field(let reference): return lookup(reference)
        case .not(let a): return .bool(!isTrue(a, lookup))
        case .and(let all): return .bool(all.allSatisfy { isTrue($0, lookup) })
        case .or(let all): return .bool(all.contains { isTrue($0, lookup) })
        case .compare(let operation, let a, let b):
            return .bool(
                ExpressionEvaluator.compare(operation, value(of: a, lookup), value(of: b, lookup)))
        case .membership(let a, let members, let negated):
            let value = value(of: a, lookup)
            return .bool((!value.isMissing && contains(members, value)) != negated)
        case .match(let operation, let a, let text, let negated):
            return .bool(matches(operation, value(of: a, lookup), text) != negated)
        case .exists(let a, let negated):
            return .bool(value(of: a, lookup).isMissing == negated)
        case .negate(let a):
            return ExpressionEvaluator.arithmetic(.subtract, .int(0), value(of: a, lookup))
        case .arithmetic(let operation, let a, let b):
            return ExpressionEvaluator.arithmetic(
                operation, value(of: a, lookup), value(of: b, lookup))
        case .call(let name, let arguments): return call(name, arguments, lookup)
        }
    }

    /// Whether the expression, taken as a condition, holds.
    public func isTrue(
        _ expression: Expression, _ lookup: (FieldReference) -> FieldValue
    ) -> Bool {
        ExpressionEvaluator.isTrue(value(of: expression, lookup))
    }

    // MARK: - Conditions

    /// A comparison; false when either side is missing or their types differ, except that
    /// `notEqual` is the exact negation of `equal`.
    static func compare(_ operation: ComparisonOperator, _ a: FieldValue, _ b: FieldValue) -> Bool {
        switch operation {
        case .equal: !a.isMissing && a == b
        case .notEqual: a.isMissing || a != b
        case .less: areComparable(a, b) && a < b
        case .lessOrEqual: areComparable(a, b) && a <= b
        case .greater: areComparable(a, b) && a > b
        case .greaterOrEqual: areComparable(a, b) && a >= b
        }
    }

    static func areComparable(_ a: FieldValue, _ b: FieldValue) -> Bool {
        switch (a, b) {
        case (.bool, .bool), (.string, .string), (.int, .int), (.float, .float), (.int, .float),
            (.float, .int):
            true
        default: false
        }
    }

    private func matches(_ operation: MatchOperator, _ value: FieldValue, _ text: String) -> Bool {
        guard case .string(var string) = value else { return false }
        return string.withUTF8 { matches(operation, $0, text) }
    }

    func matches(
        _ operation: MatchOperator, _ string: UnsafeBufferPointer<UInt8>, _ text: String
    ) -> Bool {
        if operation == .matches { return pattern(text).matches(string) }
        var text = text
        return text.withUTF8 { ExpressionEvaluator.holds(operation, string, $0) }
    }

    /// Whether `string` contains, starts with or ends with `part`.
    static func holds(
        _ operation: MatchOperator, _ string: UnsafeBufferPointer<UInt8>,
        _ part: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let needle = part.baseAddress, part.count > 0 else { return true }
        guard let base = string.baseAddress, part.count <= string.count else { return false }
        switch operation {
        case .contains: return wf_find(base, string.count, needle, part.count) < string.count
        case .startsWith: return wf_equal(base, needle, part.count)
        case .endsWith: return wf_equal(base + string.count - part.count, needle, part.count)
        case .matches: preconditionFailure("BUG: a pattern is no part of a string")
        }
    }
}

extension Expression {
    /// The regular expression that this part of an expression, not those below it, looks for.
    fileprivate var pattern: String? {
        switch self {
        case .match(.matches, _, let pattern, _): return pattern
        case .call(let name, let arguments) where name.takesPattern && arguments.count == 2:
            guard case .literal(.string(let pattern)) = arguments[1] else { return nil }
            return pattern
        default: return nil
        }
    }
}
