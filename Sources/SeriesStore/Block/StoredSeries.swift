/// What a sample of a rollup says of those it stands for.
enum CellAggregate: UInt8, CaseIterable, Hashable, Sendable {
    case min = 1
    case max = 2
    case sum = 3
    case count = 4
}

/// Samples of a series as bytes, with what a reader must know before it opens them.
struct StoredChunk: Sendable {
    /// What the samples are: nil for those that were written.
    var aggregate: CellAggregate?
    /// The time of the first sample and of the last one.
    var first: Int64
    var last: Int64
    /// As `Chunk` reads them.
    var bytes: [UInt8]
}

/// A series with its chunks; those of one aggregate ascend by time and do not overlap.
struct StoredSeries: Sendable {
    var labels: Labels
    var chunks: [StoredChunk]
}
