internal import Bytes
internal import Events

/// One column of all sources in the order of the segment, each value in the lane it will be kept in.
struct GatheredColumn {
    let name: String
    /// One a row, 0 for none: codes of `dictionary`.
    var codes: [UInt32]?
    /// Sorted, every entry in use.
    var dictionary: ValueDictionary?
    /// Strings that hardly repeat: codes of an unsorted list, one a row, 0 for none.
    var texts: (codes: [UInt32], strings: ValueDictionary)?
    var ints: GatheredNumbers<Int64>?
    var floats: GatheredNumbers<Double>?

    var highestCode: Int {
        max(dictionary?.count ?? 0, texts?.strings.count ?? 0)
    }

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
        let builder = DictionaryBuilder()
        var codes = GatheredColumn.gatherCodes(columns, order, builder)
        ints = GatheredColumn.gather(columns.map { $0?.ints }, order)
        floats = GatheredColumn.gather(columns.map { $0?.floats }, order)
        if let merged = codes { codes = moveNumbers(merged, builder.dictionary(), order.rows) }
        if let few = ints?.codes(in: builder, { $0.code(of: $1) }) {
            codes = GatheredColumn.overlay(few, on: codes)
            ints = nil
        }
        if let few = floats?.codes(in: builder, { $0.code(of: $1) }) {
            codes = GatheredColumn.overlay(few, on: codes)
            floats = nil
        }
        if let codes { split(codes, builder.dictionary()) }
    }

    /// The columns that every segment has: times, receive times, sample rates, datasets.
    static func systemColumns(
        _ sources: [any EventSource], _ order: SegmentOrder
    ) throws -> [GatheredColumn] {
        let times = try sources.map { source in
            Column(
                rows: source.rows,
                ints: NumberLane(values: try source.loadTimestamps(), present: nil))
        }
        let arrivals = try sources.map { source in
            Column(
                rows: source.rows, ints: NumberLane(values: try source.loadReceived(), present: nil)
            )
        }
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
                Column(
                    rows: source.rows,
                    ints: NumberLane(
                        values: rates.map { $0.map { Int64($0) } }
                            ?? [Int64](repeating: 1, count: source.rows), present: nil))
            }
            columns.append(GatheredColumn(numbers: SegmentFooter.sampleRateName, lanes, order))
        }
        return columns
    }

    /// A column of integers that stays one, however few they are.
    private init(numbers name: String, _ columns: [Column?], _ order: SegmentOrder) {
        self.name = name
        ints = GatheredColumn.gather(columns.map { $0?.ints }, order)
    }

    // MARK: - Gathering

    private static func gatherCodes(
        _ columns: [Column?], _ order: SegmentOrder, _ builder: DictionaryBuilder
    ) -> [UInt32]? {
        guard columns.contains(where: { $0?.coded != nil || $0?.texts != nil }) else { return nil }
        var result = [UInt32](repeating: 0, count: order.rows)
        for (index, column) in columns.enumerated() {
            let positions = order.positions(ofSource: index)
            if let lane = column?.coded {
                let map = builder.codes(ofEntriesIn: lane.dictionary)
                switch lane.codes {
                case .bytes(let codes): scatter(codes, map, positions, &result)
                case .words(let codes): scatter(codes, map, positions, &result)
                case .longs(let codes): scatter(codes, map, positions, &result)
                }
            }
            if let lane = column?.texts { scatter(lane, positions, builder, &result) }
        }
        return result
    }

    private static func scatter<Code: FixedWidthInteger>(
        _ codes: [Code], _ map: [UInt32], _ positions: ArraySlice<UInt32>, _ result: inout [UInt32]
    ) {
        result.withUnsafeMutableBufferPointer { result in
            positions.withUnsafeBufferPointer { positions in
                for row in codes.indices where codes[row] != 0 {
                    result[Int(positions[row])] = map[Int(codes[row])]
                }
            }
        }
    }

    private static func scatter(
        _ lane: TextLane, _ positions: ArraySlice<UInt32>, _ builder: DictionaryBuilder,
        _ result: inout [UInt32]
    ) {
        lane.text.withUnsafeBufferPointer { text in
            lane.presence().forEachRow { row in
                let range = Int(lane.offsets[row])..<Int(lane.offsets[row + 1])
                result[Int(positions[positions.startIndex + row])] =
                    builder.code(of: UnsafeBufferPointer(rebasing: text[range]))
            }
        }
    }

    private static func gather<Number>(
        _ lanes: [NumberLane<Number>?], _ order: SegmentOrder
    ) -> GatheredNumbers<Number>? {
        guard lanes.contains(where: { $0 != nil }) else { return nil }
        var gathered = GatheredNumbers<Number>(rows: order.rows)
        for (index, lane) in lanes.enumerated() {
            if let lane { gathered.scatter(lane, order.positions(ofSource: index)) }
        }
        return gathered
    }

    private static func overlay(_ added: [UInt32], on codes: [UInt32]?) -> [UInt32] {
        guard let codes else { return added }
        return zip(codes, added).map { $0 != 0 ? $0 : $1 }
    }

    /// Takes numbers out of the dictionary where others of their type have a lane, or where the
    /// sources together have too many: all numbers of one type are kept in one way.
    private mutating func moveNumbers(
        _ codes: [UInt32], _ met: ValueDictionary, _ rows: Int
    ) -> [UInt32] {
        let counts = met.kinds.reduce(into: (ints: 0, floats: 0)) { counts, kind in
            if kind == ValueDictionary.Kind.int.rawValue { counts.ints += 1 }
            if kind == ValueDictionary.Kind.float.rawValue { counts.floats += 1 }
        }
        let most = SegmentFormat.codedNumbersMax
        let movesInts = counts.ints > 0 && (ints != nil || counts.ints > most)
        let movesFloats = counts.floats > 0 && (floats != nil || counts.floats > most)
        if !movesInts && !movesFloats { return codes }
        var kept = codes
        var movedInts = ints ?? GatheredNumbers(rows: rows)
        var movedFloats = floats ?? GatheredNumbers(rows: rows)
        for (row, code) in codes.enumerated() where code != 0 {
            let payload = met.payloads[Int(code) - 1]
            switch met.kind(at: Int(code) - 1) {
            case .int where movesInts:
                movedInts.set(Int64(bitPattern: payload), at: row)
                kept[row] = 0
            case .float where movesFloats:
                movedFloats.set(Double(bitPattern: payload), at: row)
                kept[row] = 0
            default: break
            }
        }
        if movesInts { ints = movedInts }
        if movesFloats { floats = movedFloats }
        return kept
    }

    // MARK: - Dictionary or texts

    /// Sorts the dictionary, drops what no row uses, and moves strings that hardly repeat out.
    private mutating func split(_ codes: [UInt32], _ met: ValueDictionary) {
        var uses = [UInt32](repeating: 0, count: met.count + 1)
        for code in codes { uses[Int(code)] += 1 }
        let strings = (0..<met.count).count { uses[$0 + 1] > 0 && met.kind(at: $0) == .string }
        let isText = strings > 256 && strings * SegmentFormat.rowsPerDictionaryEntry > codes.count
        var keptTexts: (codes: [UInt32], strings: ValueDictionary)?
        if isText {
            let isString = met.kinds.map { $0 == ValueDictionary.Kind.string.rawValue }
            keptTexts = (codes.map { $0 != 0 && isString[Int($0) - 1] ? $0 : 0 }, met)
        }
        texts = keptTexts
        let kept = (0..<met.count).filter {
            uses[$0 + 1] > 0 && !(isText && met.kind(at: $0) == .string)
        }
        if kept.isEmpty { return }
        let (sorted, map) = met.sorted(keeping: kept)
        dictionary = sorted
        self.codes = codes.map { map[Int($0)] }
    }
}

/// Numbers of one type, one a row of the segment, and which rows have one.
struct GatheredNumbers<Number: Numeric & Comparable & Sendable> {
    private var values: [Number]
    private var isPresent: [Bool]

    init(rows: Int) {
        values = [Number](repeating: 0, count: rows)
        isPresent = [Bool](repeating: false, count: rows)
    }

    mutating func scatter(_ lane: NumberLane<Number>, _ positions: ArraySlice<UInt32>) {
        let start = positions.startIndex
        lane.presence().forEachRow { row in
            let position = Int(positions[start + row])
            values[position] = lane.values[row]
            isPresent[position] = true
        }
    }

    mutating func set(_ value: Number, at row: Int) {
        values[row] = value
        isPresent[row] = true
    }

    /// The numbers of the rows in `range` that have one, and which rows those are.
    func packed(_ range: Range<Int>) -> (packed: [Number], present: Bitmap) {
        var packed: [Number] = []
        packed.reserveCapacity(range.count)
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(range.count))
        for row in range where isPresent[row] {
            packed.append(values[row])
            words[(row - range.lowerBound) >> 6] |= 1 << UInt64((row - range.lowerBound) & 63)
        }
        return (packed, Bitmap(count: range.count, words: words))
    }

    /// The codes of all rows when there are few distinct numbers; nil, and nothing added, otherwise.
    func codes(
        in dictionary: DictionaryBuilder, _ code: (DictionaryBuilder, Number) -> UInt32
    ) -> [UInt32]? {
        let trial = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: values.count)
        for row in values.indices where isPresent[row] {
            codes[row] = code(trial, values[row])
            if trial.count > SegmentFormat.codedNumbersMax { return nil }
        }
        let map = dictionary.codes(ofEntriesIn: trial.dictionary())
        return codes.map { map[Int($0)] }
    }
}
