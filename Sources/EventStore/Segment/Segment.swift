public import Bytes
public import Events
internal import Synchronization

/// The bytes of a segment, wherever they are kept; safe from any thread.
public protocol SegmentFile: AnyObject, Sendable {
    /// Bytes of the whole file.
    var byteCount: Int { get }
    /// Reads exactly `count` bytes; throws when they are not there.
    func read(at offset: Int, count: Int) throws -> [UInt8]
    /// Says that bytes will be read soon, so that the machine may fetch them meanwhile.
    func willRead(at offset: Int, count: Int)
}

extension SegmentFile {
    public func willRead(at offset: Int, count: Int) {}
}

/// Why a segment cannot be read: what its bytes are instead, and where.
public struct SegmentError: Error, Sendable, CustomStringConvertible {
    public let message: String
    /// Bytes from the start of the file.
    public let offset: Int

    public var description: String { "segment: \(message) (at byte \(offset))" }
}

/// An immutable file of events, opened: its footer is in memory, its values are read when asked for.
public final class Segment: Sendable {
    let footer: SegmentFooter
    let file: any SegmentFile
    private let columnIndex: [String: Int]
    private let cache: DecodedColumnCache
    /// For each column the end of the bytes that the machine was told to fetch.
    private let announced: Mutex<[Int]>
    /// Tells this segment from others in the cache.
    let identity: Int

    /// Opens the footer and checks it; reads no values.
    ///
    /// - Parameters:
    ///   - file: the segment's bytes.
    ///   - cache: keeps decoded columns, usually one for all segments of a store.
    /// - Throws: `SegmentError`, or what `file` throws.
    public init(_ file: any SegmentFile, cache: DecodedColumnCache) throws {
        self.file = file
        self.cache = cache
        identity = cache.makeIdentity()
        footer = try Segment.readFooter(file)
        announced = Mutex([Int](repeating: 0, count: footer.columns.count))
        columnIndex = Dictionary(
            uniqueKeysWithValues: footer.columns.enumerated().map { ($1.name, $0) })
        let required = [
            SegmentFooter.timestampName, SegmentFooter.receivedName, SegmentFooter.datasetName,
        ]
        for name in required where columnIndex[name] == nil {
            throw SegmentError(message: "a column of every segment is not there", offset: 0)
        }
    }

    deinit { cache.remove(segment: identity) }

    public var rows: Int { footer.rows }
    public var byteCount: Int { file.byteCount }
    public var runs: [SegmentRun] { footer.runs }

    /// The row groups in row order, each scanned like a batch.
    public var rowGroups: [SegmentRowGroup] {
        footer.groupRows.indices.map { SegmentRowGroup(segment: self, index: $0) }
    }

    /// The names of all fields.
    public var fieldNames: [String] {
        footer.columns.lazy.map(\.name)
            .filter { !$0.hasPrefix("\u{0}") || $0 == EventBatch.spillName }
    }

    private static func readFooter(_ file: any SegmentFile) throws -> SegmentFooter {
        let size = file.byteCount
        guard size >= SegmentFormat.headerBytes + SegmentFormat.trailerBytes else {
            throw SegmentError(message: "file is too short: \(size) bytes", offset: 0)
        }
        let trailerOffset = size - SegmentFormat.trailerBytes
        var trailer = ByteReader(
            try file.read(at: trailerOffset, count: SegmentFormat.trailerBytes))
        let length = Int(try trailer.read(UInt32.self))
        let checksum = try trailer.read(UInt32.self)
        let version = try trailer.read(UInt32.self)
        guard try trailer.read(UInt64.self) == SegmentFormat.magic else {
            throw SegmentError(message: "file does not end as a segment", offset: trailerOffset)
        }
        guard version == SegmentFormat.version else {
            throw SegmentError(message: "unknown version \(version)", offset: trailerOffset + 8)
        }
        guard length <= SegmentFormat.footerBytesMax,
            length <= trailerOffset - SegmentFormat.headerBytes
        else {
            throw SegmentError(message: "footer exceeds the file: \(length)", offset: trailerOffset)
        }
        let offset = trailerOffset - length
        let bytes = try file.read(at: offset, count: length)
        guard Checksum.crc32c(bytes) == checksum else {
            throw SegmentError(message: "footer does not match its checksum", offset: offset)
        }
        do throws(DecodeError) {
            return try SegmentFooter(decoding: bytes[...], blocksEnd: offset)
        } catch {
            throw SegmentError(message: "footer: \(error.message)", offset: offset)
        }
    }

    // MARK: - Columns

    /// One column of one row group, from the cache or decoded; nil when no row of the group has it.
    ///
    /// - Parameter isScan: whether the next row groups will be asked for as well.
    func column(_ name: String, group: Int, isScan: Bool = true) throws -> Column? {
        guard let index = columnIndex[name] else { return nil }
        let entry = footer.columns[index].groups[group]
        if entry.isEmpty { return nil }
        let key = key(index, .rowGroup(group))
        if let column = cache.column(key) { return column }
        if isScan { announce(entry, column: index) }
        let column = try decode(entry, column: index, rows: footer.groupRows[group])
        cache.insert(column, key)
        return column
    }

    /// Lets the machine fetch what comes next of a column while this row group is decoded: blocks of
    /// a column lie one after the other, and whoever reads one mostly reads on.
    ///
    /// A cold scan of one column waits for the disk a few times instead of twice a row group.
    private func announce(_ entry: SegmentFooter.GroupEntry, column: Int) {
        let lanes = [entry.coded, entry.ints, entry.floats, entry.texts]
        guard let start = lanes.lazy.compactMap({ $0?.values.offset }).min() else { return }
        let end = footer.columns[column].blocksEnd
        let isDue = announced.withLock { announced in
            let known = announced[column]
            guard known < min(end, start + Segment.bytesAhead / 2) else { return 0..<0 }
            announced[column] = min(end, start + Segment.bytesAhead)
            return max(start, known)..<announced[column]
        }
        if !isDue.isEmpty { file.willRead(at: isDue.lowerBound, count: isDue.count) }
    }

    /// Lets the machine fetch the blocks of some columns of one row group, all at once.
    func announce(_ names: [String], group: Int) {
        var blocks: [BlockReference] = []
        for name in names {
            guard let index = columnIndex[name],
                cache.column(key(index, .rowGroup(group))) == nil,
                cache.codes(key(index, .codes(group))) == nil
            else { continue }
            let column = footer.columns[index]
            let entry = column.groups[group]
            for case let lane? in [entry.coded, entry.ints, entry.floats, entry.texts] {
                blocks.append(lane.values)
                if let presence = lane.presence { blocks.append(presence) }
            }
            if entry.coded != nil, let dictionary = column.dictionary {
                blocks.append(dictionary.block)
            }
        }
        blocks.sort { $0.offset < $1.offset }
        var next = 0..<0
        for block in blocks {
            let range = block.offset..<block.offset + block.length
            if range.lowerBound <= next.upperBound + Segment.gapBytes, !next.isEmpty {
                next = next.lowerBound..<max(next.upperBound, range.upperBound)
            } else {
                if !next.isEmpty { file.willRead(at: next.lowerBound, count: next.count) }
                next = range
            }
        }
        if !next.isEmpty { file.willRead(at: next.lowerBound, count: next.count) }
    }

    /// Bytes between two blocks that are rather fetched than left out.
    private static let gapBytes = 16 << 10

    /// Bytes of a column that are fetched ahead of its scan.
    private static let bytesAhead = 1 << 20

    /// The zone of a column in one row group; nil when no row has it.
    func groupEntry(_ name: String, group: Int) -> SegmentFooter.GroupEntry? {
        columnIndex[name].map { footer.columns[$0].groups[group] }
    }

    private func decode(
        _ entry: SegmentFooter.GroupEntry, column: Int, rows: Int
    ) throws -> Column {
        var coded = try entry.coded.map { lane in
            CodedLane(
                dictionary: try dictionary(ofColumn: column),
                codes: try codes(lane, column: column, rows: rows))
        }
        var texts: TextLane?
        if let lane = entry.texts {
            let present = try presence(lane, rows: rows)
            let opened = try decoding(lane.values) { bytes throws(DecodeError) in
                try TextCodec.decode(bytes, count: lane.present)
            }
            if let places = opened.places, coded == nil {
                coded = CodedLane(
                    dictionary: opened.strings.dictionary(),
                    codes: CodeArray(
                        Segment.spread(places.map { $0 + 1 }, over: present),
                        highest: UInt32(opened.strings.count)))
            } else {
                texts = opened.lane(present: present, rows: rows)
            }
        }
        return Column(
            rows: rows, coded: coded,
            ints: try entry.ints.map { lane in
                let packed = try decoding(lane.values) { bytes throws(DecodeError) in
                    var reader = ByteReader(bytes)
                    return try IntegerCodec.decode(&reader, count: lane.present)
                }
                return NumberLane(packed: packed, present: try presence(lane, rows: rows))
            },
            floats: try entry.floats.map { lane in
                let packed = try decoding(lane.values) { bytes throws(DecodeError) in
                    var reader = ByteReader(bytes)
                    return try FloatCodec.decode(&reader, count: lane.present)
                }
                return NumberLane(packed: packed, present: try presence(lane, rows: rows))
            }, texts: texts)
    }

    /// The codes of all rows in the width that the dictionary asks for: decoded in it, never widened.
    private func codes(
        _ lane: SegmentFooter.LaneEntry, column: Int, rows: Int
    ) throws -> CodeArray {
        let highest = footer.columns[column].dictionary?.count ?? 0
        if let highest = UInt8(exactly: highest) {
            return .bytes(try codes(lane, highest: highest, rows: rows))
        }
        if let highest = UInt16(exactly: highest) {
            return .words(try codes(lane, highest: highest, rows: rows))
        }
        return .longs(try codes(lane, highest: UInt32(highest), rows: rows))
    }

    private func codes<Code: CodeInteger>(
        _ lane: SegmentFooter.LaneEntry, highest: Code, rows: Int
    ) throws -> [Code] {
        let packed = try decoding(lane.values) { bytes throws(DecodeError) in
            try CodeCodec.decode(Code.self, bytes, count: lane.present, highest: highest)
        }
        return Segment.spread(packed, over: try presence(lane, rows: rows))
    }

    private static func spread<Code: CodeInteger>(
        _ packed: [Code], over present: Bitmap?
    ) -> [Code] {
        guard let present else { return packed }
        var codes = [Code](repeating: 0, count: present.count)
        Code.spread(packed, present.words, present.count, &codes)
        return codes
    }

    private func presence(_ lane: SegmentFooter.LaneEntry, rows: Int) throws -> Bitmap? {
        guard let block = lane.presence else { return nil }
        let bitmap = try decoding(block) { bytes throws(DecodeError) in
            try PresenceCodec.decode(bytes, rows: rows)
        }
        guard bitmap.population == lane.present else {
            throw SegmentError(message: "presence does not fit its count", offset: block.offset)
        }
        return bitmap
    }

    private func key(_ column: Int, _ part: DecodedColumnCache.Part) -> DecodedColumnCache.Key {
        DecodedColumnCache.Key(segment: identity, column: column, part: part)
    }

    private func dictionary(ofColumn index: Int) throws -> ValueDictionary {
        let key = key(index, .dictionary)
        if let known = cache.dictionary(key) { return known }
        guard let entry = footer.columns[index].dictionary else {
            throw SegmentError(message: "codes without a dictionary", offset: 0)
        }
        let dictionary =
            entry.isPaged
            ? try wholeDictionary(try pages(ofColumn: index, entry))
            : try decoding(entry.block) { bytes throws(DecodeError) in
                try DictionaryCodec.decode(bytes)
            }
        guard dictionary.count == entry.count else {
            throw SegmentError(
                message: "dictionary does not fit its count", offset: entry.block.offset)
        }
        // Two threads may have decoded it; all should share one, for codes compare by identity.
        return cache.insert(dictionary, key)
    }

    /// All pages, read at once.
    private func wholeDictionary(_ index: DictionaryPages) throws -> ValueDictionary {
        guard let first = index.pages.first, let last = index.pages.last else {
            return index.plain
        }
        let start = first.block.offset
        let end = last.block.offset + last.block.length
        let bytes = try file.read(at: start, count: end - start)
        var textBytes = 0
        let lists = try index.pages.map { page in
            let from = page.block.offset - start
            let list = try decode(
                bytes[from..<from + page.block.length], of: page.block
            ) { bytes throws(DecodeError) in try Segment.strings(bytes, of: page) }
            guard list[0].elementsEqual(page.first) else {
                throw SegmentError(
                    message: "a page of a dictionary begins otherwise than its index says",
                    offset: page.block.offset)
            }
            textBytes += list.text.count
            guard textBytes <= EventLimits.dictionaryBytes else {
                throw SegmentError(message: "strings of a dictionary exceed it", offset: start)
            }
            return list
        }
        return DictionaryCodec.join(index.plain, lists)
    }

    private static func strings(
        _ bytes: ArraySlice<UInt8>, of page: DictionaryPages.Page
    ) throws(DecodeError) -> StringListCodec.List {
        var reader = ByteReader(bytes)
        return try StringListCodec.decode(
            &reader, count: page.strings, bytesMax: EventLimits.dictionaryBytes)
    }

    // MARK: - Pages of dictionaries

    private func pages(
        ofColumn index: Int, _ entry: SegmentFooter.DictionaryEntry
    ) throws -> DictionaryPages {
        let key = key(index, .dictionaryIndex)
        if let known = cache.pages(key) { return known }
        let pages = try decoding(entry.block) { bytes throws(DecodeError) in
            try DictionaryPages(decoding: bytes, end: entry.block.offset, count: entry.count)
        }
        cache.insert(pages, key)
        return pages
    }

    private func strings(
        ofPage number: Int, _ pages: DictionaryPages, column: Int
    ) throws -> StringListCodec.List {
        let key = key(column, .dictionaryPage(number))
        if let known = cache.strings(key) { return known }
        let page = pages.pages[number]
        let strings = try decoding(page.block) { bytes throws(DecodeError) in
            try Segment.strings(bytes, of: page)
        }
        cache.insert(strings, key)
        return strings
    }

    /// The pages of a column's dictionary, unless it is small or open already.
    private func unopenedPages(ofColumn index: Int) throws -> DictionaryPages? {
        guard let entry = footer.columns[index].dictionary, entry.isPaged,
            cache.dictionary(key(index, .dictionary)) == nil
        else { return nil }
        return try pages(ofColumn: index, entry)
    }

    /// The codes of a row group, without the dictionary.
    private func codes(
        _ lane: SegmentFooter.LaneEntry, column: Int, group: Int, isScan: Bool
    ) throws -> CodeArray {
        let key = key(column, .codes(group))
        if let known = cache.codes(key) { return known }
        if let column = cache.column(self.key(column, .rowGroup(group))), let lane = column.coded {
            return lane.codes
        }
        if isScan { announce(footer.columns[column].groups[group], column: column) }
        let codes = try codes(lane, column: column, rows: footer.groupRows[group])
        cache.insert(codes, key)
        return codes
    }

    /// The rows of a group whose value is a string, found without the whole dictionary; nil when
    /// reading the column is the better way.
    func rows(equalTo text: String, in name: String, group: Int) throws -> Bitmap? {
        let rows = footer.groupRows[group]
        guard let index = columnIndex[name] else { return Bitmap(count: rows) }
        let entry = footer.columns[index].groups[group]
        guard entry.texts == nil else { return nil }
        guard let lane = entry.coded else { return Bitmap(count: rows) }
        guard let pages = try unopenedPages(ofColumn: index) else { return nil }
        let wanted = Array(text.utf8)
        guard let number = pages.page(of: wanted),
            let place = try strings(ofPage: number, pages, column: index).index(of: wanted)
        else { return Bitmap(count: rows) }
        let code = UInt32(pages.pages[number].start + place + 1)
        guard UInt64(code) >= lane.low, UInt64(code) <= lane.high else {
            return Bitmap(count: rows)
        }
        return try codes(lane, column: index, group: group, isScan: true).rows(equalTo: code)
    }

    /// The values of some rows of a group, without the whole dictionary; nil when reading the column
    /// is the better way.
    func values(of name: String, group: Int, at rows: [Int]) throws -> [FieldValue]? {
        guard let index = columnIndex[name] else { return nil }
        let entry = footer.columns[index].groups[group]
        guard let lane = entry.coded, entry.texts == nil, entry.ints == nil, entry.floats == nil,
            let pages = try unopenedPages(ofColumn: index)
        else { return nil }
        let codes = try codes(lane, column: index, group: group, isScan: false)
        return try rows.map { row in
            let code = codes[row]
            if Int(code) <= pages.plain.count { return pages.plain.value(ofCode: code) }
            let number = pages.page(ofEntry: Int(code) - 1)
            let strings = try strings(ofPage: number, pages, column: index)
            let text = strings[Int(code) - 1 - pages.pages[number].start]
            return .string(String(decoding: text, as: UTF8.self))
        }
    }

    /// The column's dictionary, to ask which codes a value has before any row is read.
    public func dictionary(ofColumn name: String) throws -> ValueDictionary? {
        guard let index = columnIndex[name], footer.columns[index].dictionary != nil else {
            return nil
        }
        return try dictionary(ofColumn: index)
    }

    // MARK: - Blocks

    private func decoding<Value>(
        _ block: BlockReference, _ decode: (ArraySlice<UInt8>) throws(DecodeError) -> Value
    ) throws -> Value {
        try self.decode(
            file.read(at: block.offset, count: block.length)[...], of: block, decode)
    }

    private func decode<Value>(
        _ bytes: ArraySlice<UInt8>, of block: BlockReference,
        _ decode: (ArraySlice<UInt8>) throws(DecodeError) -> Value
    ) throws -> Value {
        guard Checksum.crc32c(bytes) == block.checksum else {
            throw SegmentError(message: "block does not match its checksum", offset: block.offset)
        }
        do throws(DecodeError) {
            return try decode(bytes)
        } catch {
            throw SegmentError(message: error.message, offset: block.offset + error.offset)
        }
    }

    /// Reads and decodes every block and checks that counts, zones and runs are true.
    public func verify() throws {
        var header = ByteReader(try file.read(at: 0, count: SegmentFormat.headerBytes))
        guard try header.read(UInt64.self) == SegmentFormat.magic else {
            throw SegmentError(message: "file does not begin as a segment", offset: 0)
        }
        for (index, column) in footer.columns.enumerated() where column.dictionary != nil {
            let dictionary = try dictionary(ofColumn: index)
            for entry in 1..<max(1, dictionary.count)
            where dictionary[entry - 1] >= dictionary[entry] {
                throw SegmentError(
                    message: "dictionary of column \(column.name) is out of order", offset: 0)
            }
        }
        for index in footer.groupRows.indices {
            let group = SegmentRowGroup(segment: self, index: index)
            let times = try group.loadTimestamps()
            let first = index * SegmentFormat.rowsPerGroup
            for run in footer.runs {
                // The part of the run that lies in this row group, if any does.
                let low = max(run.firstRow, first)
                let high = min(run.firstRow + run.rows, first + times.count)
                guard low < high else { continue }
                let slice = times[(low - first)..<(high - first)]
                let isAscending = zip(slice, slice.dropFirst()).allSatisfy { $0 <= $1 }
                guard isAscending, slice.allSatisfy({ $0 >= run.earliest && $0 <= run.latest })
                else { throw SegmentError(message: "rows out of order", offset: 0) }
            }
            for (column, entry) in footer.columns.enumerated() where !entry.groups[index].isEmpty {
                let decoded = try decode(entry.groups[index], column: column, rows: times.count)
                guard decoded.presence().population == entry.groups[index].present else {
                    throw SegmentError(message: "a row has two values in one field", offset: 0)
                }
                guard entry.groups[index].zonesHold(decoded) else {
                    throw SegmentError(
                        message: "values outside the bounds of column \(entry.name)", offset: 0)
                }
            }
        }
    }
}

extension SegmentFooter.GroupEntry {
    /// Whether every value of the column lies within what the footer says of it.
    fileprivate func zonesHold(_ column: Column) -> Bool {
        if let coded, let lane = column.coded {
            let present = lane.codes.widened().filter { $0 != 0 }
            guard present.allSatisfy({ UInt64($0) >= coded.low && UInt64($0) <= coded.high })
            else { return false }
        }
        if let ints, let lane = column.ints {
            let (low, high) = (Int64(bitPattern: ints.low), Int64(bitPattern: ints.high))
            let hold = lane.values.indices.allSatisfy {
                !lane.holds($0) || lane.values[$0] >= low && lane.values[$0] <= high
            }
            if !hold { return false }
        }
        if let floats, let lane = column.floats {
            let (low, high) = (Double(bitPattern: floats.low), Double(bitPattern: floats.high))
            return lane.values.indices.allSatisfy {
                !lane.holds($0) || lane.values[$0] >= low && lane.values[$0] <= high
            }
        }
        return true
    }
}

/// One row group of a segment, scanned like a batch; columns are decoded when they are asked for.
public final class SegmentRowGroup: EventSource {
    public let segment: Segment
    public let index: Int

    init(segment: Segment, index: Int) {
        self.segment = segment
        self.index = index
    }

    public var rows: Int { segment.footer.groupRows[index] }
    public var fieldNames: [String] { segment.fieldNames }

    public func zone(ofColumn name: String) throws -> ColumnZone? {
        guard let entry = segment.groupEntry(name, group: index) else { return nil }
        var zone = ColumnZone(hasTexts: entry.texts != nil)
        if let lane = entry.coded, let dictionary = try segment.dictionary(ofColumn: name),
            lane.low <= lane.high, let low = UInt32(exactly: lane.low),
            let high = UInt32(exactly: lane.high), Int(high) <= dictionary.count
        {
            zone.codes = (low...high, dictionary)
        } else if entry.coded != nil {
            return nil
        }
        if let lane = entry.ints {
            let (low, high) = (Int64(bitPattern: lane.low), Int64(bitPattern: lane.high))
            guard low <= high else { return nil }
            zone.ints = low...high
        }
        if let lane = entry.floats {
            let (low, high) = (Double(bitPattern: lane.low), Double(bitPattern: lane.high))
            guard low <= high else { return nil }
            zone.floats = low...high
        }
        return zone
    }

    public func storedByteCount(ofColumn name: String) -> Int {
        guard let entry = segment.groupEntry(name, group: index) else { return 0 }
        return [entry.coded, entry.ints, entry.floats, entry.texts].reduce(0) { bytes, lane in
            bytes + (lane?.values.length ?? 0) + (lane?.presence?.length ?? 0)
        }
    }

    public var nameOwner: (any AnyObject & Sendable)? { segment }

    public var timeBounds: ClosedRange<Int64> {
        guard let lane = segment.groupEntry(SegmentFooter.timestampName, group: index)?.ints else {
            return .min ... .max
        }
        let (low, high) = (Int64(bitPattern: lane.low), Int64(bitPattern: lane.high))
        return low <= high ? low...high : .min ... .max
    }

    public var ascendingRuns: [Range<Int>] {
        let first = index * SegmentFormat.rowsPerGroup
        return segment.footer.runs.compactMap { run in
            let low = max(run.firstRow, first)
            let high = min(run.firstRow + run.rows, first + rows)
            return low < high ? low - first..<high - first : nil
        }
    }

    public func loadTimestamps() throws -> [Int64] {
        try integers(SegmentFooter.timestampName) ?? [Int64](repeating: 0, count: rows)
    }

    public func loadReceived() throws -> [Int64] {
        try integers(SegmentFooter.receivedName) ?? [Int64](repeating: 0, count: rows)
    }

    public func loadSampleRates() throws -> [UInt32]? {
        try integers(SegmentFooter.sampleRateName)?
            .map { UInt32(clamping: $0) }
    }

    private func integers(_ name: String) throws -> [Int64]? {
        try segment.column(name, group: index)?.ints?.values
    }

    public func loadDatasets() throws -> CodedLane {
        guard let lane = try segment.column(SegmentFooter.datasetName, group: index)?.coded else {
            throw SegmentError(message: "rows without a dataset", offset: 0)
        }
        return lane
    }

    public func loadColumn(_ name: String) throws -> Column? {
        try segment.column(name, group: index)
    }

    public func rows(equalTo text: String, inColumn name: String) throws -> Bitmap? {
        try segment.rows(equalTo: text, in: name, group: index)
    }

    public func values(ofColumn name: String, at rows: [Int]) throws -> [FieldValue] {
        if let found = try segment.values(of: name, group: index, at: rows) { return found }
        let column = try segment.column(name, group: index, isScan: false)
        return rows.map { column?.value(at: $0) ?? .missing }
    }

    public func willRead(_ names: [String]) { segment.announce(names, group: index) }
}

extension StringListCodec.List {
    /// The strings as a dictionary of their row group: code i + 1 is string i.
    fileprivate func dictionary() -> ValueDictionary {
        ValueDictionary(
            kinds: [UInt8](repeating: ValueDictionary.Kind.string.rawValue, count: count),
            payloads: (0..<count).map {
                UInt64(offsets[$0]) << 32 | UInt64(offsets[$0 + 1] - offsets[$0])
            }, text: text, isSorted: count == 0)
    }
}

extension TextCodec.Opened {
    /// The strings one a row.
    fileprivate func lane(present: Bitmap?, rows: Int) -> TextLane {
        if places == nil && present == nil {
            return TextLane(offsets: strings.offsets, text: strings.text, present: nil)
        }
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(rows + 1)
        var text: [UInt8] = []
        text.reserveCapacity(strings.text.count)
        var next = 0
        for row in 0..<rows {
            if present?[row] ?? true {
                let place = places.map { Int($0[next]) } ?? next
                text.append(
                    contentsOf: strings.text[
                        Int(strings.offsets[place])..<Int(strings.offsets[place + 1])])
                next += 1
            }
            offsets.append(UInt32(text.count))
        }
        return TextLane(offsets: offsets, text: text, present: present)
    }
}
