internal import Bytes

/// A chunk of histograms that samples are added to, encoded as far as it goes.
struct HistogramChunkBuilder: Sendable {
    private var timestamps: TimestampEncoder
    private var sums = ValueEncoder()
    private var histograms = HistogramEncoder()

    /// Begins with the first sample.
    init(_ timestamp: Int64, _ histogram: NativeHistogram) {
        timestamps = TimestampEncoder(first: timestamp)
        sums.append(histogram.sum)
        histograms.append(histogram)
    }

    var count: Int { timestamps.count }
    var isFull: Bool { count >= SeriesLimits.samplesPerChunk }
    var first: Int64 { timestamps.first }
    var last: Int64 { timestamps.last }
    var capacity: Int {
        timestamps.stream.capacity + sums.stream.capacity + histograms.stream.capacity
    }

    /// Adds a sample later than `last`, when the chunk is not full.
    mutating func append(_ timestamp: Int64, _ histogram: NativeHistogram) {
        precondition(timestamp > last && !isFull, "BUG: a sample that does not follow")
        timestamps.append(timestamp)
        sums.append(histogram.sum)
        histograms.append(histogram)
    }

    /// The chunk as `Chunk` reads it.
    func encoded() -> [UInt8] {
        let stream = timestamps.stream.finished()
        let sums = sums.stream.finished()
        let rest = histograms.stream.finished()
        var writer = ByteWriter(capacity: stream.count + sums.count + rest.count + 24)
        Chunk.encodeHeader(.histograms, timestamps, stream, into: &writer)
        writer.writeBlob(sums)
        writer.write(contentsOf: rest)
        return writer.bytes
    }
}
