/// Bounds of what an event and a batch may be.
///
/// Numbers that clients meet are in `docs/limits.md`.
public enum EventLimits {
    /// Rows in one batch, and in one row group of a segment: row numbers fit 16 bits.
    public static let rowsPerBatch = 65_536
    /// Distinct fields of one event.
    public static let fieldsPerEvent = 2_000
    /// Bytes of one string value, as UTF-8.
    public static let stringBytes = 65_535
    /// Bytes of one field name, as UTF-8.
    public static let nameBytes = 256
    /// Bytes of a dataset's name, as UTF-8.
    public static let datasetNameBytes = 255
    /// Bytes of one event as it was sent, after decompression.
    public static let eventBytes = 1 << 20
    /// Names of one dataset in one batch or segment; the fields beyond go to the spill column.
    public static let namesPerDataset = 4_000
    /// Names of all datasets together in one batch or segment.
    public static let namesPerBatch = 10_000
    /// Cells, present or absent, that a batch may have for each value in it: beyond, its rarest
    /// fields spill, because a lane takes memory for every row.
    public static let cellsPerValue = 16
    /// Cells beyond those that all batches of one body may have together.
    public static let spareCells = 16 << 20
    /// Names of spilled fields that are remembered of a batch in memory; of one with more, each
    /// question looks through the whole spill column.
    static let spilledNamesKnown = 16_384
    /// Bytes of all strings of one dictionary: offsets are 32 bits.
    public static let dictionaryBytes = Int(UInt32.max) / 2
    /// Bytes an encoded batch may claim to hold when opened.
    public static let encodedBatchBytes = 1 << 30
}
