internal import Events

/// A comparison of a field with a number, as a range of numbers: exact for both types of lane.
struct NumberRange {
    /// The range of integers, empty when none is in it.
    let integers: ClosedRangeOfIntegers
    let floats: FloatRange

    struct ClosedRangeOfIntegers {
        var low: Int64
        var high: Int64
        @inline(__always) func contains(_ value: Int64) -> Bool { value >= low && value <= high }
        static let empty = ClosedRangeOfIntegers(low: .max, high: .min)
    }

    struct FloatRange {
        var low: Double
        var includesLow: Bool
        var high: Double
        var includesHigh: Bool
    }

    /// nil when the condition is no comparison of a field with a number.
    init?(_ condition: Expression) {
        guard case .compare(let operation, .field, .literal(let value)) = condition else {
            return nil
        }
        switch value {
        case .int(let bound):
            // A float equal to the bound may not exist: then the nearest float below or above it
            // decides, and comparing with that float is the same question.
            let near = Double(bound)
            let order = near >= 0x1p63 ? -1 : compareNumbers(bound, near)
            guard let integers = NumberRange.integers(operation, atMost: bound, atLeast: bound)
            else { return nil }
            self.integers = integers
            floats = NumberRange.floats(operation, near, boundIs: order)
        case .float(let bound):
            guard bound.isFinite else { return nil }
            let below = NumberRange.clamp(bound.rounded(.down))
            let above = NumberRange.clamp(bound.rounded(.up))
            guard
                let integers = NumberRange.integers(operation, atMost: below, atLeast: above)
            else { return nil }
            self.integers = integers
            floats = NumberRange.floats(operation, bound, boundIs: 0)
        default: return nil
        }
    }

    /// `x` as an integer; nil beyond the integers' range on either side.
    private static func clamp(_ x: Double) -> Int64? { Int64(exactly: x) }

    /// Integers related to a bound that lies between `atMost` and `atLeast`, both the bound itself
    /// when it is whole; nil where the bound is beyond all integers and the slow path must decide.
    private static func integers(
        _ operation: ComparisonOperator, atMost below: Int64?, atLeast above: Int64?
    ) -> ClosedRangeOfIntegers? {
        guard let below, let above else { return nil }
        switch operation {
        case .equal:
            return below == above ? ClosedRangeOfIntegers(low: below, high: below) : .empty
        case .less:
            return above == .min ? .empty : ClosedRangeOfIntegers(low: .min, high: above - 1)
        case .lessOrEqual: return ClosedRangeOfIntegers(low: .min, high: below)
        case .greater:
            return below == .max ? .empty : ClosedRangeOfIntegers(low: below + 1, high: .max)
        case .greaterOrEqual: return ClosedRangeOfIntegers(low: above, high: .max)
        case .notEqual: return nil
        }
    }

    /// Floats related to a bound that is below (−1), at (0) or above (1) the float `near`, with no
    /// other float between the two.
    private static func floats(
        _ operation: ComparisonOperator, _ near: Double, boundIs order: Int
    ) -> FloatRange {
        let infinity = Double.infinity
        switch operation {
        case .equal:
            return order == 0
                ? FloatRange(low: near, includesLow: true, high: near, includesHigh: true)
                : FloatRange(low: 1, includesLow: true, high: 0, includesHigh: true)
        case .less, .lessOrEqual:
            let includes = order > 0 || order == 0 && operation == .lessOrEqual
            return FloatRange(
                low: -infinity, includesLow: true, high: near, includesHigh: includes)
        case .greater, .greaterOrEqual:
            let includes = order < 0 || order == 0 && operation == .greaterOrEqual
            return FloatRange(
                low: near, includesLow: includes, high: infinity, includesHigh: true)
        case .notEqual: preconditionFailure("BUG: an inequality is the negation of an equality")
        }
    }
}
