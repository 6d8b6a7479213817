internal import Bytes
public import Events

/// Writes one segment from any number of sources: sorts, merges dictionaries, encodes column by
/// column.
///
/// Memory is that of the sources, the order, and one column at a time. Pure: bytes go to `sink`.
public struct SegmentWriter {
    /// Bytes gathered before they go to the sink.
    private static let chunkBytes = 1 << 20

    private let sink: ([UInt8]) throws -> Void
    private var pending = ByteWriter(capacity: SegmentWriter.chunkBytes)
    private var written = 0
    /// Blocks written for a row group, by their bytes: columns with equal blocks share them.
    private var blocks: [[[UInt8]: BlockReference]] = []

    /// Writes a segment and says what is in it.
    ///
    /// - Parameters:
    ///   - sources: batches or row groups of other segments, at least one row together.
    ///   - sink: takes the file's bytes in order, in chunks of about a mebibyte.
    /// - Throws: what a source or the sink throws.
    public static func write(
        _ sources: [any EventSource], to sink: @escaping ([UInt8]) throws -> Void
    ) throws -> SegmentSummary {
        var writer = SegmentWriter(sink: sink)
        return try writer.write(sources)
    }

    private init(sink: @escaping ([UInt8]) throws -> Void) { self.sink = sink }

    private mutating func write(_ sources: [any EventSource]) throws -> SegmentSummary {
        let order = try SegmentOrder(sources)
        let groupCount = (order.rows + SegmentFormat.rowsPerGroup - 1) / SegmentFormat.rowsPerGroup
        blocks = Array(repeating: [:], count: groupCount)
        let groupRows = (0..<groupCount).map {
            min(SegmentFormat.rowsPerGroup, order.rows - $0 * SegmentFormat.rowsPerGroup)
        }
        var magic = ByteWriter()
        magic.write(SegmentFormat.magic)
        try append(magic.bytes)

        var footer = SegmentFooter(
            rows: order.rows, groupRows: groupRows, columns: [], runs: order.runs)
        for column in try GatheredColumn.systemColumns(sources, order) {
            footer.columns.append(try write(column, groupRows))
        }
        for name in SegmentWriter.names(of: sources) {
            let column = try GatheredColumn(name: name, sources, order)
            footer.columns.append(try write(column, groupRows))
        }
        let summary = SegmentSummary(
            rows: order.rows, earliest: order.runs.map(\.earliest).min() ?? 0,
            latest: order.runs.map(\.latest).max() ?? 0, runs: order.runs,
            byteCount: try finish(footer))
        return summary
    }

    /// All field names, sorted, so that a file depends on its events alone.
    private static func names(of sources: [any EventSource]) -> [String] {
        var names: Set<String> = []
        for source in sources { names.formUnion(source.fieldNames) }
        return names.sorted { FieldValue.string($0) < .string($1) }
    }

    // MARK: - Blocks

    private mutating func append(_ bytes: [UInt8]) throws {
        pending.write(contentsOf: bytes)
        written += bytes.count
        if pending.count >= SegmentWriter.chunkBytes { try flush() }
    }

    private mutating func flush() throws {
        if pending.count == 0 { return }
        try sink(pending.bytes)
        pending = ByteWriter(capacity: SegmentWriter.chunkBytes)
    }

    private mutating func appendBlock(_ bytes: [UInt8]) throws -> BlockReference {
        let reference = BlockReference(
            offset: written, length: bytes.count, checksum: Checksum.crc32c(bytes))
        try append(bytes)
        return reference
    }

    /// A block of row group `group`; one with the same bytes that is there already serves for both.
    private mutating func appendShared(_ bytes: [UInt8], group: Int) throws -> BlockReference {
        if let known = blocks[group][bytes] { return known }
        let reference = try appendBlock(bytes)
        blocks[group][bytes] = reference
        return reference
    }

    private mutating func finish(_ footer: SegmentFooter) throws -> Int {
        let bytes = footer.encoded()
        var trailer = ByteWriter()
        trailer.write(UInt32(bytes.count))
        trailer.write(Checksum.crc32c(bytes))
        trailer.write(SegmentFormat.version)
        trailer.write(SegmentFormat.magic)
        try append(bytes)
        try append(trailer.bytes)
        try flush()
        return written
    }

    // MARK: - Columns

    private mutating func write(
        _ column: GatheredColumn, _ groupRows: [Int]
    ) throws -> SegmentFooter.ColumnEntry {
        var entry = SegmentFooter.ColumnEntry(name: column.name, dictionary: nil, groups: [])
        var memory = RecencyCodec.Memory(codes: column.highestCode + 1)
        var start = 0
        for (group, rows) in groupRows.enumerated() {
            let range = start..<start + rows
            var lanes = SegmentFooter.GroupEntry()
            lanes.coded = try writeCoded(column, range, group, &memory)
            lanes.texts = try writeTexts(column, range, group, &memory)
            lanes.ints = try writeInts(column, range, group)
            lanes.floats = try writeFloats(column, range, group)
            entry.groups.append(lanes)
            start += rows
        }
        if let dictionary = column.dictionary, dictionary.count > 0 {
            entry.dictionary = SegmentFooter.DictionaryEntry(
                block: try appendBlock(DictionaryCodec.encode(dictionary)),
                count: dictionary.count)
        }
        return entry
    }

    private mutating func writePresence(
        _ present: Bitmap, _ count: Int, _ group: Int
    ) throws -> BlockReference? {
        if count == present.count { return nil }
        return try appendShared(PresenceCodec.encode(present), group: group)
    }

    private mutating func writeCoded(
        _ column: GatheredColumn, _ range: Range<Int>, _ group: Int,
        _ memory: inout RecencyCodec.Memory
    ) throws -> SegmentFooter.LaneEntry? {
        guard let codes = column.codes else { return nil }
        let (packed, present) = SegmentWriter.pack(codes, range)
        guard let low = packed.min(), let high = packed.max() else { return nil }
        return SegmentFooter.LaneEntry(
            present: packed.count, presence: try writePresence(present, packed.count, group),
            values: try appendShared(CodeCodec.encode(packed, &memory), group: group),
            low: UInt64(low), high: UInt64(high))
    }

    private mutating func writeTexts(
        _ column: GatheredColumn, _ range: Range<Int>, _ group: Int,
        _ memory: inout RecencyCodec.Memory
    ) throws -> SegmentFooter.LaneEntry? {
        guard let texts = column.texts else { return nil }
        let (packed, present) = SegmentWriter.pack(texts.codes, range)
        if packed.isEmpty { return nil }
        let split = RecencyCodec.split(packed, &memory)
        var strings = StringListCodec.List()
        for code in split.fresh {
            _ = texts.strings.withString(at: Int(code) - 1) { strings.append($0) }
        }
        let bytes = TextCodec.encode(strings, distances: split.distances)
        return SegmentFooter.LaneEntry(
            present: packed.count, presence: try writePresence(present, packed.count, group),
            values: try appendBlock(bytes), low: 0, high: 0)
    }

    private mutating func writeInts(
        _ column: GatheredColumn, _ range: Range<Int>, _ group: Int
    ) throws -> SegmentFooter.LaneEntry? {
        guard let lane = column.ints else { return nil }
        let (packed, present) = lane.packed(range)
        guard let low = packed.min(), let high = packed.max() else { return nil }
        var writer = ByteWriter(capacity: packed.count * 2)
        IntegerCodec.encode(packed, into: &writer)
        return SegmentFooter.LaneEntry(
            present: packed.count, presence: try writePresence(present, packed.count, group),
            values: try appendShared(writer.bytes, group: group), low: UInt64(bitPattern: low),
            high: UInt64(bitPattern: high))
    }

    private mutating func writeFloats(
        _ column: GatheredColumn, _ range: Range<Int>, _ group: Int
    ) throws -> SegmentFooter.LaneEntry? {
        guard let lane = column.floats else { return nil }
        let (packed, present) = lane.packed(range)
        guard let low = packed.min(), let high = packed.max() else { return nil }
        var writer = ByteWriter(capacity: packed.count * 4)
        FloatCodec.encode(packed, into: &writer)
        return SegmentFooter.LaneEntry(
            present: packed.count, presence: try writePresence(present, packed.count, group),
            values: try appendShared(writer.bytes, group: group), low: low.bitPattern,
            high: high.bitPattern)
    }

    /// The codes of the rows in `range` that have one, and which rows those are.
    private static func pack(
        _ codes: [UInt32], _ range: Range<Int>
    ) -> (packed: [UInt32], present: Bitmap) {
        var packed: [UInt32] = []
        packed.reserveCapacity(range.count)
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(range.count))
        for (row, code) in codes[range].enumerated() where code != 0 {
            packed.append(code)
            words[row >> 6] |= 1 << UInt64(row & 63)
        }
        return (packed, Bitmap(count: range.count, words: words))
    }
}

/// What a segment holds, for the manifest.
public struct SegmentSummary: Hashable, Sendable {
    public var rows: Int
    /// The earliest and latest timestamp, nanoseconds since 1970.
    public var earliest: Int64
    public var latest: Int64
    public var runs: [SegmentRun]
    /// Bytes of the file.
    public var byteCount: Int
}
