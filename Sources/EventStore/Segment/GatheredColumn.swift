internal import Bytes
internal import CKernels
internal import Events

/// One column of all sources in the order of the segment, each value in the lane it will be kept in.
struct GatheredColumn {
    let name: String
    /// One a row, 0 for none: codes of `dictionary`.
    private(set) var codes: CodeArray?
    /// Sorted, every entry in use.
    private(set) var dictionary: ValueDictionary?
    /// Strings that hardly repeat.
    private(set) var texts: GatheredTexts?
    private(set) var ints: GatheredNumbers<Int64>?
    private(set) var floats: GatheredNumbers<Double>?

    /// Throws `SegmentError` when the strings of all sources are more than the offsets of one
    /// dictionary reach; what the sources throw.
    init(
        name: String, _ sources: [any EventSource], _ order: SegmentOrder,
        textBytesMax: Int = EventLimits.dictionaryBytes
    ) throws {
        var columns: [Column?] = []
        columns.reserveCapacity(sources.count)
        var textBytes = 0
        var last: ValueDictionary?
        for source in sources {
            let column = try source.loadColumn(name)
            textBytes += column?.texts?.text.count ?? 0
            // Row groups of one segment share a dictionary.
            if let dictionary = column?.coded?.dictionary, dictionary !== last {
                textBytes += dictionary.text.count
                last = dictionary
            }
            guard textBytes <= textBytesMax else {
                throw SegmentError(
                    message: "strings of column \(name) exceed \(textBytesMax) bytes", offset: 0)
            }
            columns.append(column)
        }
        self.init(name: name, columns, order)
    }

    init(name: String, _ columns: [Column?], _ order: SegmentOrder) {
        self.name = name
        let entries = SourceEntries(columns)
        ints = GatheredNumbers(columns.map { $0?.ints }, order)
        floats = GatheredNumbers(columns.map { $0?.floats }, order)
        let moved = moveNumbers(entries, order)
        let hashes = GatheredTexts.hashesIfText(entries, rows: order.rows)
        // Sources of one time share about half of their entries.
        let builder = DictionaryBuilder(expected: hashes == nil ? entries.count / 2 : 16)
        var isElsewhere = moved
        if hashes != nil { isElsewhere.insert(ValueDictionary.Kind.string.rawValue) }
        let codes = entries.codes(in: builder, without: isElsewhere)
        if let hashes { texts = GatheredTexts(entries, hashes, order) }
        let few = fewNumbers(builder)
        if builder.count == 0 { return }
        let (sorted, map) = builder.dictionary().sorted()
        dictionary = sorted
        let final = codes.map { map[Int($0)] }
        let overlays = few.map { ($0.codes, $0.map.map { map[Int($0)] }) }
        if sorted.count <= Int(UInt8.max) {
            self.codes = .bytes(GatheredColumn.gather(entries, final, overlays, order))
        } else if sorted.count <= Int(UInt16.max) {
            self.codes = .words(GatheredColumn.gather(entries, final, overlays, order))
        } else {
            self.codes = .longs(GatheredColumn.gather(entries, final, overlays, order))
        }
    }

    /// The columns that every segment has: times, receive times, sample rates, datasets.
    static func systemColumns(
        _ sources: [any EventSource], _ order: SegmentOrder
    ) throws -> [GatheredColumn] {
        let times = try sources.map { NumberLane(values: try $0.loadTimestamps(), present: nil) }
        let arrivals = try sources.map { NumberLane(values: try $0.loadReceived(), present: nil) }
        let datasets = try sources.map { source in
            Column(rows: source.rows, coded: try source.loadDatasets())
        }
        var columns = [
            GatheredColumn(numbers: SegmentFooter.timestampName, times, order),
            GatheredColumn(numbers: SegmentFooter.receivedName, arrivals, order),
            GatheredColumn(name: SegmentFooter.datasetName, datasets, order),
        ]
        let rates = try sources.map { try $0.loadSampleRates() }
        if rates.contains(where: { $0 != nil }) {
            let lanes = zip(sources, rates).map { source, rates in
                NumberLane(
                    values: rates.map { $0.map { Int64($0) } }
                        ?? [Int64](repeating: 1, count: source.rows), present: nil)
            }
            columns.append(GatheredColumn(numbers: SegmentFooter.sampleRateName, lanes, order))
        }
        return columns
    }

    /// A column of integers that stays one, however few they are.
    private init(numbers name: String, _ lanes: [NumberLane<Int64>?], _ order: SegmentOrder) {
        self.name = name
        ints = GatheredNumbers(lanes, order)
    }

    // MARK: - Codes

    /// The codes of all rows: those of entries mapped, and those of numbers laid over them.
    private static func gather<Code: FixedWidthInteger & Sendable>(
        _ entries: SourceEntries, _ map: [UInt32], _ overlays: [(codes: [UInt16], map: [UInt32])],
        _ order: SegmentOrder
    ) -> [Code] {
        var result =
            entries.isEmpty
            ? [Code](repeating: 0, count: order.rows)
            : entries.gather(map.map { Code(truncatingIfNeeded: $0) }, order)
        for (codes, map) in overlays {
            for (row, code) in codes.enumerated() where code != 0 {
                result[row] = Code(truncatingIfNeeded: map[Int(code)])
            }
        }
        return result
    }

    /// Takes the lanes of numbers that are few for codes of the dictionary: for each lane the codes
    /// of its rows in a dictionary of its own, and where those are in the common one.
    private mutating func fewNumbers(
        _ builder: DictionaryBuilder
    ) -> [(codes: [UInt16], map: [UInt32])] {
        var few: [(codes: [UInt16], map: [UInt32])] = []
        if let found = ints?.codesOfFewIntegers() {
            few.append((found.codes, builder.codes(ofEntriesIn: found.dictionary)))
            ints = nil
        }
        if let found = floats?.codesOfFew({ $0.code(of: $1) }) {
            few.append((found.codes, builder.codes(ofEntriesIn: found.dictionary)))
            floats = nil
        }
        return few
    }

    // MARK: - Numbers

    /// Takes numbers out of the dictionary where others of their type have a lane, or where the
    /// sources together have too many: all numbers of one type are kept in one way.
    ///
    /// Gives the kinds that are in lanes now.
    private mutating func moveNumbers(
        _ entries: SourceEntries, _ order: SegmentOrder
    ) -> Set<UInt8> {
        guard entries.holdNumbers else { return [] }
        let (int, float) = (ValueDictionary.Kind.int.rawValue, ValueDictionary.Kind.float.rawValue)
        let numbers = DictionaryBuilder()
        for entry in 0..<entries.count
        where entries.isUsed[entry] != 0
            && (entries.kinds[entry] == int || entries.kinds[entry] == float)
        {
            _ = entries.code(of: entry, in: numbers)
        }
        if numbers.count == 0 { return [] }
        let kinds = numbers.dictionary().kinds
        let counts = (ints: kinds.count { $0 == int }, floats: kinds.count { $0 == float })
        let most = SegmentFormat.codedNumbersMax
        var moved: Set<UInt8> = []
        if counts.ints > 0 && (ints != nil || counts.ints > most) {
            moved.insert(int)
            GatheredColumn.move(int, of: entries, to: &ints, order) { Int64(bitPattern: $0) }
        }
        if counts.floats > 0 && (floats != nil || counts.floats > most) {
            moved.insert(float)
            GatheredColumn.move(float, of: entries, to: &floats, order) { Double(bitPattern: $0) }
        }
        return moved
    }

    /// Lays the numbers that entries of one kind stand for over those of a lane.
    private static func move<Number>(
        _ kind: UInt8, of entries: SourceEntries, to lane: inout GatheredNumbers<Number>?,
        _ order: SegmentOrder, _ number: (UInt64) -> Number
    ) {
        if lane == nil { lane = GatheredNumbers(rows: order.rows) }
        lane?.setEach { target in
            entries.forEachNumber(of: kind, order) { row, bits in
                target.set(number(bits), at: row)
            }
        }
    }
}
