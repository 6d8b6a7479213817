public import Compute

/// How the fields of a selection of events differ from those of the others.
public struct FieldComparisons: Sendable {
    /// Events of the two sets, weighted.
    public var sizes: ComparedCount
    /// All fields that any of the events has: by score, highest first, then by name.
    public var fields: [Field]

    public struct Field: Sendable {
        public var name: String
        public var comparison: FieldComparison
    }
}
