/// Bounds of a column's values over the rows of one source, lane by lane; nil where a lane is empty.
///
/// A proof of absence: a value outside the bounds is in no row.
public struct ColumnZone: Sendable {
    /// The lowest and highest code, and the dictionary they are of.
    public var codes: (range: ClosedRange<UInt32>, dictionary: ValueDictionary)?
    public var ints: ClosedRange<Int64>?
    public var floats: ClosedRange<Double>?
    /// Whether there are strings of which nothing is known.
    public var hasTexts: Bool

    public init(
        codes: (range: ClosedRange<UInt32>, dictionary: ValueDictionary)? = nil,
        ints: ClosedRange<Int64>? = nil, floats: ClosedRange<Double>? = nil, hasTexts: Bool = false
    ) {
        self.codes = codes
        self.ints = ints
        self.floats = floats
        self.hasTexts = hasTexts
    }
}
