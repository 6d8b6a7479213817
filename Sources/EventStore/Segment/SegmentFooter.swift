internal import Bytes
internal import Events

/// What a segment holds and where: everything but the values.
///
/// The events' times, receive times, sample rates and datasets are columns like the others, under
/// names that no client can send.
struct SegmentFooter: Sendable {
    static let timestampName = "\u{0}time"
    static let receivedName = "\u{0}received"
    static let sampleRateName = "\u{0}rate"
    static let datasetName = "\u{0}dataset"

    var rows: Int
    /// Rows of each row group: `rowsPerGroup`, the last one what is left.
    var groupRows: [Int]
    var columns: [ColumnEntry]
    /// Stretches of one dataset, in row order; together they are all rows.
    var runs: [SegmentRun]

    /// Group entries of all columns: what the footer takes in memory.
    var entryCount: Int { columns.count * groupRows.count }

    struct ColumnEntry: Sendable {
        var name: String
        var dictionary: DictionaryEntry?
        /// One a row group.
        var groups: [GroupEntry]

        /// Where the last of its blocks ends.
        var blocksEnd: Int {
            let lanes = groups.lazy.flatMap { [$0.coded, $0.ints, $0.floats, $0.texts] }
            let blocks = lanes.compactMap { $0?.values }
            return max(
                blocks.map { $0.offset + $0.length }.max() ?? 0,
                dictionary.map { $0.block.offset + $0.block.length } ?? 0)
        }
    }

    struct DictionaryEntry: Hashable, Sendable {
        /// The dictionary itself, or the index of its pages.
        var block: BlockReference
        /// Distinct values.
        var count: Int
        /// Whether the strings are in pages (`DictionaryPages`).
        var isPaged: Bool
    }

    /// The lanes that a column has in one row group.
    struct GroupEntry: Hashable, Sendable {
        var coded: LaneEntry?
        var ints: LaneEntry?
        var floats: LaneEntry?
        var texts: LaneEntry?
        /// Of the texts, a `StringFilter`; nil when there is none.
        var textFilter: BlockReference?

        var isEmpty: Bool { coded == nil && ints == nil && floats == nil && texts == nil }
        /// Rows that have a value.
        var present: Int {
            (coded?.present ?? 0) + (ints?.present ?? 0) + (floats?.present ?? 0)
                + (texts?.present ?? 0)
        }
    }

    struct LaneEntry: Hashable, Sendable {
        /// Rows that have a value in this lane, at least 1.
        var present: Int
        /// nil when all rows of the group are present.
        var presence: BlockReference?
        var values: BlockReference
        /// Zone map: the lowest and highest code, or the bits of the lowest and highest number;
        /// 0 for texts.
        var low: UInt64
        var high: UInt64
    }
}

/// A stretch of a segment's rows that belong to one dataset, ordered by time.
public struct SegmentRun: Hashable, Sendable {
    public var dataset: String
    public var firstRow: Int
    public var rows: Int
    /// Nanoseconds since 1970.
    public var earliest: Int64
    public var latest: Int64
}

// MARK: - Encode

extension SegmentFooter {
    func encoded() -> [UInt8] {
        var body = ByteWriter(capacity: columns.count * groupRows.count * 32)
        body.writeVarint(rows)
        body.writeVarint(groupRows.count)
        body.writeVarint(runs.count)
        for run in runs {
            body.writeString(run.dataset)
            body.writeVarint(run.rows)
            body.write(run.earliest)
            body.write(run.latest)
        }
        body.writeVarint(columns.count)
        for column in columns {
            body.writeString(column.name)
            body.write(UInt8(column.dictionary.map { $0.isPaged ? 2 : 1 } ?? 0))
            if let dictionary = column.dictionary {
                SegmentFooter.write(dictionary.block, into: &body)
                body.writeVarint(dictionary.count)
            }
            for group in column.groups { SegmentFooter.write(group, into: &body) }
        }
        var framed = ByteWriter(capacity: body.count / 2)
        framed.writeVarint(body.count)
        framed.write(contentsOf: Zstd.compress(body.bytes, level: 3))
        return framed.bytes
    }

    private static func write(_ group: GroupEntry, into body: inout ByteWriter) {
        let lanes = [group.coded, group.ints, group.floats, group.texts]
        var flags: UInt8 = 0
        for (bit, lane) in lanes.enumerated() where lane != nil { flags |= 1 << UInt8(bit) }
        if group.textFilter != nil { flags |= 16 }
        body.write(flags)
        for case let lane? in lanes {
            body.writeVarint(lane.present)
            body.write(UInt8(lane.presence == nil ? 0 : 1))
            if let presence = lane.presence { write(presence, into: &body) }
            write(lane.values, into: &body)
            body.writeVarint(lane.low)
            body.writeVarint(lane.high)
        }
        if let filter = group.textFilter { write(filter, into: &body) }
    }

    private static func write(_ block: BlockReference, into body: inout ByteWriter) {
        body.writeVarint(block.offset)
        body.writeVarint(block.length)
        body.write(block.checksum)
    }
}

// MARK: - Decode

extension SegmentFooter {
    /// Opens a footer whose checksum was right; `fileBytes` bounds every block.
    init(decoding bytes: ArraySlice<UInt8>, blocksEnd: Int) throws(DecodeError) {
        var frame = ByteReader(bytes)
        let size = try frame.readCount(limit: SegmentFormat.footerBytesMax, "footer size")
        let body: [UInt8]
        do throws(CompressionError) {
            body = try Zstd.decompress(try frame.readBytesOrEmpty(), size: size)
        } catch {
            throw DecodeError("footer does not decompress", at: 0)
        }
        var reader = ByteReader(body)
        rows = try reader.readCount(limit: SegmentFormat.rowsMax, "rows")
        let groupCount = try reader.readCount(limit: SegmentFormat.groupsMax, "row groups")
        guard groupCount == (rows + SegmentFormat.rowsPerGroup - 1) / SegmentFormat.rowsPerGroup
        else { throw DecodeError("row groups do not fit the rows", at: reader.offset) }
        let total = rows
        groupRows = (0..<groupCount).map {
            min(SegmentFormat.rowsPerGroup, total - $0 * SegmentFormat.rowsPerGroup)
        }
        runs = try SegmentFooter.readRuns(&reader, rows: rows)
        columns = []
        var seen: Set<String> = []
        for _ in 0..<(try reader.readCount(limit: SegmentFormat.columnsMax, "columns")) {
            let name = try reader.readString(limit: EventLimits.nameBytes)
            guard seen.insert(name).inserted else {
                throw DecodeError("column appears twice", at: reader.offset)
            }
            var dictionary: DictionaryEntry?
            let form = try reader.read(UInt8.self)
            guard form <= 2 else {
                throw DecodeError("unknown form of a dictionary", at: reader.offset - 1)
            }
            if form != 0 {
                let block = try SegmentFooter.readBlock(&reader, end: blocksEnd)
                let count = try reader.readCount(limit: SegmentFormat.rowsMax, "entries")
                dictionary = DictionaryEntry(block: block, count: count, isPaged: form == 2)
            }
            var groups: [GroupEntry] = []
            for rows in groupRows {
                groups.append(try SegmentFooter.readGroup(&reader, rows: rows, end: blocksEnd))
            }
            columns.append(ColumnEntry(name: name, dictionary: dictionary, groups: groups))
        }
        guard reader.isAtEnd else { throw DecodeError("bytes after the footer", at: reader.offset) }
    }

    private static func readRuns(
        _ reader: inout ByteReader, rows: Int
    ) throws(DecodeError) -> [SegmentRun] {
        var runs: [SegmentRun] = []
        var next = 0
        for _ in 0..<(try reader.readCount(limit: SegmentFormat.runsMax, "runs")) {
            let dataset = try reader.readString(limit: EventLimits.datasetNameBytes)
            let length = try reader.readCount(limit: rows - next, "rows of a run")
            let (earliest, latest) = (try reader.read(Int64.self), try reader.read(Int64.self))
            runs.append(
                SegmentRun(
                    dataset: dataset, firstRow: next, rows: length, earliest: earliest,
                    latest: latest))
            next += length
        }
        guard next == rows else { throw DecodeError("runs do not cover all rows", at: 0) }
        return runs
    }

    private static func readGroup(
        _ reader: inout ByteReader, rows: Int, end: Int
    ) throws(DecodeError) -> GroupEntry {
        let flags = try reader.read(UInt8.self)
        guard flags < 32, flags & 24 != 16 else {
            throw DecodeError("unknown lane", at: reader.offset - 1)
        }
        var group = GroupEntry()
        if flags & 1 != 0 { group.coded = try readLane(&reader, rows: rows, end: end) }
        if flags & 2 != 0 { group.ints = try readLane(&reader, rows: rows, end: end) }
        if flags & 4 != 0 { group.floats = try readLane(&reader, rows: rows, end: end) }
        if flags & 8 != 0 { group.texts = try readLane(&reader, rows: rows, end: end) }
        if flags & 16 != 0 { group.textFilter = try readBlock(&reader, end: end) }
        guard group.present <= rows else {
            throw DecodeError("more values than rows", at: reader.offset)
        }
        return group
    }

    private static func readLane(
        _ reader: inout ByteReader, rows: Int, end: Int
    ) throws(DecodeError) -> LaneEntry {
        let present = try reader.readCount(limit: rows, "rows present")
        let presence =
            try reader.read(UInt8.self) == 0 ? nil : try readBlock(&reader, end: end)
        guard present > 0, presence != nil || present == rows else {
            throw DecodeError("presence does not fit the rows", at: reader.offset)
        }
        return LaneEntry(
            present: present, presence: presence, values: try readBlock(&reader, end: end),
            low: try reader.readVarint(), high: try reader.readVarint())
    }

    private static func readBlock(
        _ reader: inout ByteReader, end: Int
    ) throws(DecodeError) -> BlockReference {
        let offset = try reader.readCount(limit: end, "block offset")
        let length = try reader.readCount(limit: end - offset, "block length")
        return BlockReference(
            offset: offset, length: length, checksum: try reader.read(UInt32.self))
    }
}

extension ByteReader {
    /// What is left, whatever its length.
    fileprivate mutating func readBytesOrEmpty() throws(CompressionError) -> ArraySlice<UInt8> {
        do throws(DecodeError) {
            return try readBytes(remaining)
        } catch {
            throw .malformed("no bytes left")
        }
    }
}
