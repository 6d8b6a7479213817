internal import Events

extension FunctionName {
    /// How many arguments a call takes.
    public var arity: ClosedRange<Int> {
        switch self {
        case .if: 2...ComputeLimits.arguments
        case .switch: 3...ComputeLimits.arguments
        case .coalesce, .concat, .least, .greatest, .hash: 1...ComputeLimits.arguments
        case .min, .max, .equalsAny: 2...ComputeLimits.arguments
        case .bucketLabel: 2...4
        case .bucket, .has, .extract, .countMatches, .containsText, .startsWith, .endsWith,
            .formatTime:
            2...2
        case .lower, .upper, .length, .byteLength, .floor, .ceil, .round, .abs, .log10, .int,
            .float, .string, .bool, .number, .truthy, .unixTime:
            1...1
        }
    }

    /// Whether the second argument is a regular expression, which must be written out.
    public var takesPattern: Bool { self == .extract || self == .countMatches }

    /// The condition on a string that the call is when the part looked for is written out.
    private var match: MatchOperator? {
        switch self {
        case .containsText: .contains
        case .startsWith: .startsWith
        case .endsWith: .endsWith
        default: nil
        }
    }

    /// The expression of a call: of several that mean the same, always the same one.
    public func calling(_ arguments: [Expression]) -> Expression {
        guard let match, arguments.count == 2, case .literal(.string(let part)) = arguments[1]
        else { return .call(self, arguments) }
        return .match(match, arguments[0], part, negated: false)
    }
}

extension Expression {
    /// Levels of the tree, 1 for a field or a value.
    public var height: Int { 1 + (parts.map(\.height).max() ?? 0) }
}
