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
    /// Blocks written for each row group: columns with equal blocks share them.
    private var blocks: [SharedBlocks] = []
    private var scratch = Scratch()

    /// What one column leaves for the next to use again.
    private struct Scratch {
        var memory = RecencyCodec.Memory()
        var slots: [UInt32] = []
    }

    /// Writes a segment and says what is in it.
    ///
    /// - Parameters:
    ///   - sources: batches or row groups of other segments, at least one row together.
    ///   - sink: takes the file's bytes in order, in chunks of a mebibyte at most but for larger blocks.
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
        blocks = Array(repeating: SharedBlocks(), count: groupCount)
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
            let entry = try write(column, groupRows)
            // Of a field that no row has any more its name stays away too.
            if !entry.groups.allSatisfy(\.isEmpty) { footer.columns.append(entry) }
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
        // Never beyond the room that is there: growing would copy what waits.
        if pending.count + bytes.count > SegmentWriter.chunkBytes { try flush() }
        if bytes.count > SegmentWriter.chunkBytes {
            try sink(bytes)
        } else {
            pending.write(contentsOf: bytes)
        }
        written += bytes.count
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
        if let known = blocks[group].reference(to: bytes) { return known }
        let reference = try appendBlock(bytes)
        blocks[group].insert(bytes, reference)
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
        var start = 0
        for (group, rows) in groupRows.enumerated() {
            let range = start..<start + rows
            var lanes = SegmentFooter.GroupEntry()
            switch column.codes {
            case .bytes(let codes): lanes.coded = try writeCoded(codes, range, group)
            case .words(let codes): lanes.coded = try writeCoded(codes, range, group)
            case .longs(let codes): lanes.coded = try writeCoded(codes, range, group)
            case nil: break
            }
            if let texts = column.texts { try writeTexts(texts, range, group, &lanes) }
            lanes.ints = try column.ints.flatMap { lane in
                try writeNumbers(lane, range, group, { UInt64(bitPattern: $0) }) {
                    IntegerCodec.encode($0, into: &$1)
                }
            }
            lanes.floats = try column.floats.flatMap { lane in
                try writeNumbers(lane, range, group, \.bitPattern) {
                    FloatCodec.encode($0, into: &$1)
                }
            }
            entry.groups.append(lanes)
            start += rows
        }
        entry.dictionary = try column.dictionary.map { try write($0) }
        return entry
    }

    /// Writes a dictionary in one block, or page by page when it has many strings.
    private mutating func write(
        _ dictionary: ValueDictionary
    ) throws -> SegmentFooter.DictionaryEntry {
        let plain = DictionaryCodec.plainCount(dictionary)
        let isPaged = dictionary.count - plain > DictionaryPages.stringsPerPage
        guard isPaged else {
            return SegmentFooter.DictionaryEntry(
                block: try appendBlock(DictionaryCodec.encode(dictionary)),
                count: dictionary.count, isPaged: false)
        }
        var pages: [(block: BlockReference, list: StringListCodec.List)] = []
        for list in DictionaryPages.lists(of: dictionary, from: plain) {
            var page = ByteWriter(capacity: list.text.count)
            StringListCodec.encode(list, into: &page)
            pages.append((try appendBlock(page.bytes), list))
        }
        return SegmentFooter.DictionaryEntry(
            block: try appendBlock(DictionaryPages.encode(dictionary, pages)),
            count: dictionary.count, isPaged: true)
    }

    private mutating func writePresence(
        _ present: Bitmap?, _ group: Int
    ) throws -> BlockReference? {
        guard let present else { return nil }
        if let known = blocks[group].reference(to: present) { return known }
        let reference = try appendShared(PresenceCodec.encode(present), group: group)
        blocks[group].insert(present, reference)
        return reference
    }

    private mutating func writeCoded<Code: CodeInteger>(
        _ codes: [Code], _ range: Range<Int>, _ group: Int
    ) throws -> SegmentFooter.LaneEntry? {
        try codes.withUnsafeBufferPointer { codes in
            let codes = UnsafeBufferPointer(rebasing: codes[range])
            return try withUnsafeTemporaryAllocation(of: Code.self, capacity: codes.count) {
                room in
                var words = [UInt64](repeating: 0, count: Bitmap.wordCount(codes.count))
                guard let source = codes.baseAddress, let target = room.baseAddress else {
                    return nil
                }
                let count = Code.pack(source, codes.count, target, &words)
                if count == 0 { return nil }
                return try writeCoded(
                    UnsafeBufferPointer(start: target, count: count),
                    count == codes.count ? nil : Bitmap(count: codes.count, words: words), group)
            }
        }
    }

    /// Writes the codes of the rows that have one, at least one.
    private mutating func writeCoded<Code: CodeInteger>(
        _ packed: UnsafeBufferPointer<Code>, _ present: Bitmap?, _ group: Int
    ) throws -> SegmentFooter.LaneEntry? {
        guard let first = packed.baseAddress else { return nil }
        let summary = Code.summary(first, packed.count)
        return SegmentFooter.LaneEntry(
            present: packed.count, presence: try writePresence(present, group),
            values: try appendShared(
                CodeCodec.encode(packed, summary, &scratch.memory), group: group),
            low: UInt64(summary.low), high: UInt64(summary.high))
    }

    private mutating func writeTexts(
        _ texts: GatheredTexts, _ range: Range<Int>, _ group: Int,
        _ lanes: inout SegmentFooter.GroupEntry
    ) throws {
        let part = texts.group(range, &scratch.slots)
        if part.distances.isEmpty { return }
        lanes.textFilter = try appendBlock(StringFilter(part.strings).encode())
        lanes.texts = SegmentFooter.LaneEntry(
            present: part.distances.count, presence: try writePresence(part.present, group),
            values: try appendBlock(TextCodec.encode(part.strings, distances: part.distances)),
            low: 0, high: 0)
    }

    private mutating func writeNumbers<Number: Comparable>(
        _ lane: GatheredNumbers<Number>, _ range: Range<Int>, _ group: Int,
        _ bits: (Number) -> UInt64,
        _ encode: (UnsafeBufferPointer<Number>, inout ByteWriter) -> Void
    ) throws -> SegmentFooter.LaneEntry? {
        try lane.withPacked(range) { packed, present in
            guard let low = packed.min(), let high = packed.max() else { return nil }
            var block = ByteWriter(capacity: packed.count * 4)
            encode(packed, &block)
            return SegmentFooter.LaneEntry(
                present: packed.count, presence: try writePresence(present, group),
                values: try appendShared(block.bytes, group: group), low: bits(low),
                high: bits(high))
        }
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
