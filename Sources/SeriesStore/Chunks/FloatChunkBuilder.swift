internal import Bytes

/// A chunk of floats that samples are added to, encoded as far as it goes.
public struct FloatChunkBuilder: Sendable {
    private var timestamps: TimestampEncoder
    private var values = ValueEncoder()

    /// Begins with the first sample.
    public init(_ timestamp: Int64, _ value: Double) {
        timestamps = TimestampEncoder(first: timestamp)
        values.append(value)
    }

    /// Samples held.
    public var count: Int { timestamps.count }
    public var isFull: Bool { count >= SeriesLimits.samplesPerChunk }
    var first: Int64 { timestamps.first }
    /// The time of the last sample.
    public var last: Int64 { timestamps.last }
    /// Bytes allocated for streams.
    var capacity: Int { timestamps.stream.capacity + values.stream.capacity }

    /// Adds a sample later than `last`, when the chunk is not full.
    public mutating func append(_ timestamp: Int64, _ value: Double) {
        precondition(timestamp > last && !isFull, "BUG: a sample that does not follow")
        timestamps.append(timestamp)
        values.append(value)
    }

    /// The chunk as `Chunk` reads it.
    public func encoded() -> [UInt8] {
        let stream = timestamps.stream.finished()
        let rest = values.stream.finished()
        var writer = ByteWriter(capacity: stream.count + rest.count + 24)
        Chunk.encodeHeader(.floats, timestamps, stream, into: &writer)
        writer.write(contentsOf: rest)
        return writer.bytes
    }
}
