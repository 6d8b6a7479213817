/// Bounds of what a series may look like; above them an append is refused.
public enum SeriesLimits {
    /// Labels of one series, its name among them.
    public static let labelsPerSeries = 128
    /// Bytes of a label's name.
    public static let labelNameBytes = 1_024
    /// Bytes of a label's value.
    public static let labelValueBytes = 16_384
    /// Samples of one chunk; two hours of cells of ten seconds are 720.
    public static let samplesPerChunk = 1_024
    /// Buckets of a native histogram, and its custom bounds.
    public static let histogramBuckets = 4_096
}
