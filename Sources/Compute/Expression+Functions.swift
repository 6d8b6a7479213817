extension FunctionName {
    /// How many arguments a call takes.
    public var arity: ClosedRange<Int> {
        switch self {
        case .if: 2...64
        case .coalesce, .concat: 1...64
        case .min, .max: 2...64
        case .bucket: 2...2
        case .lower, .upper, .length, .floor, .ceil, .round, .abs, .log10, .int, .float, .string,
            .bool:
            1...1
        }
    }
}

extension Expression {
    /// Levels of the tree, 1 for a field or a value.
    public var height: Int { 1 + (parts.map(\.height).max() ?? 0) }
}
