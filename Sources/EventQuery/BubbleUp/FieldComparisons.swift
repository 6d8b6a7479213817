public import Compute

/// How the fields of a selection of events differ from those of the others.
public struct FieldComparisons: Sendable {
    /// Events of the two sets, weighted.
    public var sizes: ComparedCount
    /// By which the fields are ranked.
    public var disparity: Disparity
    /// All fields that any of the events has: by score, highest first, then by name.
    public var fields: [Field]

    /// Conditions on two fields that together tell the selection better than either does; best first.
    public var pairs: [Pair] = []

    public struct Pair: Sendable {
        /// On the first field and on the second one, as the query language has them.
        public var conditions: [Expression]
        public var fields: [String]
        public var count: ComparedCount
        /// As that of a field: how much more of the selection than of the baseline meets both, at least.
        public var score: Double
    }

    public struct Field: Sendable {
        public var name: String
        public var comparison: FieldComparison

        /// The condition on the field that tells the selection best, as the query language has it; nil when none
        /// does beyond chance.
        public func telling(_ disparity: Disparity) -> Expression? {
            guard comparison.score > 0 else { return nil }
            return disparity.tellingCondition(comparison)?.expression(.field(.named(name)))
        }
    }
}
