/// Bounds of what a series may look like; above them an append is refused.
public enum SeriesLimits {
    /// Labels of one series, its name among them.
    public static let labelsPerSeries = 128
    /// Bytes of a label's name.
    public static let labelNameBytes = 1_024
    /// Bytes of a label's value.
    public static let labelValueBytes = 16_384
    /// Labels of all series of a block that is open, in memory.
    public static let labelBytesPerBlock = 1 << 29
    /// Samples of one answer; 16 bytes each in memory.
    public static let samplesPerAnswer = 50_000_000
    /// Blocks of samples as written that are open at a time; the earliest is closed for another one.
    static let openBlocks = 8
    /// Samples written while readers wait.
    static let samplesAtOnce = 4_096
    /// Samples of one chunk; two hours of cells of ten seconds are 720.
    public static let samplesPerChunk = 1_024
    /// Buckets of a native histogram, and its custom bounds.
    public static let histogramBuckets = 4_096
}

/// Bounds of a block's file; one that exceeds them is damaged.
enum BlockLimits {
    static let chunkBytes = 1 << 26
    static let fileBytes: Int64 = 1 << 46
    /// An index in memory; a million series of ten labels take about 150 MB.
    static let indexBytes = 1 << 30
    /// Blocks that one block of a rollup is made of: thirty days of twelve hours are 60.
    static let sources = 1_024
}
