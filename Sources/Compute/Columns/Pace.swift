internal import Events

/// How often work that goes value by value asks whether to go on.
///
/// The dearer an expression, the more often: between two questions lie milliseconds at most, and a
/// question, of a tenth of a microsecond, is little beside the values.
struct Pace {
    /// A power of two less one.
    private let mask: Int

    init(_ expression: Expression) {
        let values = max(1, Pace.cheapValues / expression.weight)
        mask = 1 << (Int.bitWidth - 1 - values.leadingZeroBitCount) - 1
    }

    /// Values of the cheapest expressions between two questions.
    private static let cheapValues = 1024

    /// Whether to ask before the value at `place`.
    @inline(__always)
    func isDue(at place: Int) -> Bool { place & mask == mask }
}

extension Expression {
    /// What a value of it costs, about, in comparisons; from 1.
    fileprivate var weight: Int {
        switch self {
        case .literal(.string(let text)): 1 + text.utf8.count / 8
        case .literal, .field: 1
        case .not(let a), .exists(let a, _), .negate(let a): a.weight
        case .and(let all), .or(let all): all.reduce(1) { $0 + $1.weight }
        case .compare(_, let a, let b), .arithmetic(_, let a, let b): a.weight + b.weight
        case .membership(let a, let members, _): a.weight + members.count / 8
        // A pattern is sought in up to 64 KiB.
        case .match(.matches, let a, _, _): a.weight + 64
        case .match(_, let a, let text, _): a.weight + text.utf8.count / 8
        case .call(_, let operands): operands.reduce(8) { $0 + $1.weight }
        }
    }
}
