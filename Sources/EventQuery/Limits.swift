/// Bounds of what one query may ask; each is checked before any work begins.
public enum QueryLimits {
    /// Bytes of query text; more than any person or tool writes, less than hurts to parse.
    public static let textBytesMax = 65_536
    /// Levels of an expression, so that recursion over it fits every thread's stack.
    public static let depthMax = 64
    /// Levels of an expression with derived fields put in their places.
    public static let expandedDepthMax = 256
    /// Parts of all expressions of a query with derived fields put in their places; more than a text
    /// without them can have.
    public static let expandedPartsMax = 100_000
    /// Calculations of one query, as Honeycomb has it.
    public static let calculationsMax = 100
    /// Group keys of one query, as Honeycomb's breakdowns.
    public static let groupKeysMax = 100
    /// Values of one `in (…)`.
    public static let membersMax = 10_000
    /// Rows of one answer.
    public static let rowsMax = 10_000
    /// Rows of an answer that was asked without a limit.
    public static let rowsDefault = 100
    /// Values answered for each field of a `bubbleup`; there may be thousands of fields.
    public static let comparedValuesMax = 1_000
    /// Values answered for each field of a `bubbleup` that was asked without a limit.
    public static let comparedValuesDefault = 40
    /// Fields of a comparison of which any two are looked at together, and pairs answered.
    public static let pairedFieldsMax = 6
    public static let pairsMax = 5
    /// Events of one trace; the tree of so many takes some hundred mebibytes.
    public static let traceEventsMax = 500_000
    /// The smallest share of events that `sample` takes: one in a thousand million.
    public static let sampleShareMin = 1e-9
    /// Time buckets of one series.
    public static let bucketsMax = 10_000
    /// Numbers of all heatmaps of one answer as matrices: more nobody draws.
    public static let heatmapNumbersMax = 2_000_000
    /// Bytes of the partials of sealed segments that are kept for questions asked again.
    public static let partialCacheBytes = 64 << 20
}
