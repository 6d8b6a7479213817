internal import Bytes

/// Where a chunk lies in a block's file, and its checksum.
///
/// Layout:
///
/// ```
/// aggregate   1 byte: 0 none, 1 min, 2 max, 3 sum, 4 count
/// first       signed varint: milliseconds after the first timestamp of the chunk before, or since 1970
/// duration    varint: from the first to the last timestamp
/// offset      signed varint: after the end of the chunk before, or from the file's start
/// bytes       varint
/// checksum    4 bytes: CRC-32C
/// ```
struct ChunkPlace: Sendable {
    var aggregate: CellAggregate?
    /// The time of the first sample and of the last one.
    var first: Int64
    var last: Int64
    var offset: Int
    var count: Int
    var checksum: UInt32

    var end: Int { offset + count }

    init(_ chunk: StoredChunk, at offset: Int) {
        (aggregate, first, last) = (chunk.aggregate, chunk.first, chunk.last)
        self.offset = offset
        count = chunk.bytes.count
        checksum = Checksum.crc32c(chunk.bytes)
    }

    func encode(into writer: inout ByteWriter, after before: ChunkPlace?) {
        writer.write(aggregate?.rawValue ?? 0)
        writer.writeSignedVarint(first &- (before?.first ?? 0))
        writer.writeVarint(UInt64(bitPattern: last &- first))
        writer.writeSignedVarint(Int64(offset - (before?.end ?? 0)))
        writer.writeVarint(count)
        writer.write(checksum)
    }

    init(decoding reader: inout ByteReader, after before: ChunkPlace?) throws(DecodeError) {
        let code = try reader.read(UInt8.self)
        aggregate = CellAggregate(rawValue: code)
        guard code == 0 || aggregate != nil else {
            throw DecodeError("an unknown aggregate: \(code)", at: reader.offset)
        }
        first = try reader.readSignedVarint() &+ (before?.first ?? 0)
        last = first &+ Int64(bitPattern: try reader.readVarint())
        let place = try reader.readSignedVarint().addingReportingOverflow(Int64(before?.end ?? 0))
        count = try reader.readCount(limit: BlockLimits.chunkBytes, "bytes of a chunk")
        guard !place.overflow, 0...BlockLimits.fileBytes ~= place.partialValue else {
            throw DecodeError("a chunk lies outside the file", at: reader.offset)
        }
        offset = Int(place.partialValue)
        checksum = try reader.read(UInt32.self)
    }
}

/// What an index says of the chunks of its series: their number, then each.
struct ChunkEntries: Sendable {
    private var writer = ByteWriter()
    /// Where each series' entry ends.
    private var ends: [Int] = []

    var byteCount: Int { writer.count }

    /// The entry of a series.
    subscript(number: Int) -> ArraySlice<UInt8> {
        writer.bytes[(number == 0 ? 0 : ends[number - 1])..<ends[number]]
    }

    mutating func append(_ chunks: [ChunkPlace]) {
        writer.writeVarint(chunks.count)
        for (place, chunk) in chunks.enumerated() {
            chunk.encode(into: &writer, after: place == 0 ? nil : chunks[place - 1])
        }
        ends.append(writer.count)
    }
}
