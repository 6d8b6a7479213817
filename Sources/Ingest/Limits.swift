/// Bounds of what a body may make a decoder do; those of events are in `EventLimits`.
///
/// Numbers that clients meet are in `docs/limits.md`.
public enum IngestLimits {
    /// Events of one body, kept and rejected together: each one rejected costs memory too.
    public static let eventsPerBody = 1_000_000
    /// Levels of nested objects that become dotted names; what lies deeper stays JSON text.
    public static let flattenedLevels = 10
    /// Levels of lists in an OTLP attribute that become dotted names, as Honeycomb has it; what lies
    /// deeper becomes JSON text.
    static let flattenedAttributeLevels = 5
    /// Lists and arrays at one place of an attribute, as protobuf's own readers allow.
    static let attributeNesting = 100
    /// Names and indices on the way to a value of an OTLP request in JSON: three for each level of an
    /// attribute, and what lies around it.
    static let transcodedPath = 3 * attributeNesting + 32
    /// Bytes that values of resources may take in all events of a body together: a few bytes of an
    /// event must not stand for many more of its resource.
    static let sharedBytesPerBody = 256 << 20
    /// Open brackets at one place: as many as fit an event of the greatest size.
    static let nesting = 1 << 20
    /// Rejections of one body whose message quotes what was sent; the others are told in general.
    static let quotedRejections = 1_000
    /// Bytes of a value or a name that a message quotes.
    static let quotedBytes = 64
    /// Bytes of a name before its escapes are resolved: six for each byte of the longest name.
    static let escapedNameBytes = 6 * 256
    /// Keys whose column is remembered from body to body.
    static let rememberedKeys = 16_384
    /// Columns that a decoder carries on to the next body.
    static let rememberedColumns = 2_000
    /// Values of all columns of one batch, absent ones included: a batch of many columns is short.
    static let cellsPerBatch = 8 << 20
    /// Values of all columns, absent ones included, up to which bodies are decoded into one batch.
    static let sharedCells = 2 << 20
    /// Samples of one text of Prometheus's: more than a job has, and few enough for one batch.
    static let expositionSamples = 10_000
}
