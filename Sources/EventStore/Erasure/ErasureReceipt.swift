internal import Bytes

/// What is known for ever of events that were erased: that they were, and not what they said.
public struct ErasureReceipt: Hashable, Sendable {
    /// Names the receipt; 1 to 64 bytes.
    public let id: String
    /// What was asked, without the values that were named; at most 64 KiB.
    public let condition: String
    /// Tells whether a condition was this one, to whoever has what it was made with; at most 64 bytes.
    public let digest: [UInt8]
    /// Nanoseconds since 1970.
    public let erasedAt: Int64
    public let events: Int
    /// The files that held events of these, by their numbers; they are gone.
    public let segments: [UInt64]
    /// Whether the log and the manifest's earlier edits are free of the events too.
    ///
    /// False only for as long as the first round of maintenance after a crash takes.
    public internal(set) var isFinished: Bool
}

extension ErasureReceipt {
    func encode(into writer: inout ByteWriter) {
        writer.writeString(id)
        writer.writeString(condition)
        writer.writeBlob(digest)
        writer.write(erasedAt)
        writer.writeVarint(events)
        writer.writeVarint(segments.count)
        for segment in segments { writer.writeVarint(segment) }
        writer.write(UInt8(isFinished ? 1 : 0))
    }

    init(decoding reader: inout ByteReader) throws(DecodeError) {
        id = try reader.readString(limit: FormatLimits.receiptBytes)
        condition = try reader.readString(limit: FormatLimits.conditionBytes)
        digest = Array(try reader.readBlob(limit: FormatLimits.receiptBytes))
        erasedAt = try reader.read(Int64.self)
        events = try reader.readCount(limit: .max, "events")
        var segments: [UInt64] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "segments")) {
            segments.append(try reader.readVarint())
        }
        self.segments = segments
        isFinished = try reader.read(UInt8.self) != 0
    }
}
