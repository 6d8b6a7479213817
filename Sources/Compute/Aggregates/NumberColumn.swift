internal import Bytes
internal import Events

/// The numbers of a column as they lie: lanes of integers and floats, and codes of a dictionary
/// whose entries are looked at once each.
struct NumberColumn {
    private var ints: NumberLane<Int64>?
    private var floats: NumberLane<Double>?
    private var coded: CodedNumbers?
    /// Rows that have a value which is no number.
    private(set) var others: Bitmap?

    fileprivate struct CodedNumbers {
        let codes: CodeArray
        /// One a code, 0 first.
        let entries: [Entry]
    }

    /// What one code stands for.
    fileprivate struct Entry {
        var int: Int64 = 0
        var float: Double = 0
        var kind: UInt8 = 0

        static let isInt: UInt8 = 1
        static let isFloat: UInt8 = 2
        static let isOther: UInt8 = 3
    }

    init(_ column: Column?, rows: Int, includingBooleans: Bool) {
        guard let column else { return }
        ints = column.ints
        floats = column.floats
        if let lane = column.coded { takeCodes(lane, rows: rows, includingBooleans) }
        if let lane = column.texts {
            var present = lane.presence()
            if let others { present.formUnion(others) }
            others = present
        }
    }

    private mutating func takeCodes(_ lane: CodedLane, rows: Int, _ includingBooleans: Bool) {
        let dictionary = lane.dictionary
        var entries = [Entry](repeating: Entry(), count: dictionary.count + 1)
        var isOther = [UInt8](repeating: 0, count: dictionary.count + 1)
        var hasNumbers = false
        for index in 0..<dictionary.count {
            let payload = dictionary.payloads[index]
            switch dictionary.kind(at: index) {
            case .bool where includingBooleans:
                entries[index + 1] = Entry(int: Int64(payload), kind: Entry.isInt)
                hasNumbers = true
            case .bool, .string:
                entries[index + 1].kind = Entry.isOther
                isOther[index + 1] = 1
            case .int:
                entries[index + 1] = Entry(int: Int64(bitPattern: payload), kind: Entry.isInt)
                hasNumbers = true
            case .float:
                entries[index + 1] = Entry(
                    float: Double(bitPattern: payload), kind: Entry.isFloat)
                hasNumbers = true
            }
        }
        if hasNumbers { coded = CodedNumbers(codes: lane.codes, entries: entries) }
        let set = CodeSet(table: isOther)
        if case .none = set { return }
        var present = Bitmap(count: rows)
        present.withMutableWords { words in
            if let base = words.baseAddress { set.select(lane.codes, into: base) }
        }
        others = present
    }

    var mayHaveIntegers: Bool { ints != nil || coded != nil }
    var mayHaveFloats: Bool { floats != nil || coded != nil }

    /// Bytes of what the column keeps alive, about.
    func byteCount(rows: Int) -> Int {
        (ints == nil ? 0 : rows * 8) + (floats == nil ? 0 : rows * 8)
            + (coded.map { rows * $0.codes.width + $0.entries.count * 24 } ?? 0)
    }

    /// How many of the rows have a value that is no number.
    func countOthers(_ rows: GroupedRows) -> Int {
        guard let others else { return 0 }
        return rows.selection == nil ? others.population : rows.restricted(to: others).count
    }

    // MARK: - Reading

    /// Hands the numbers of the rows to `taker`.
    ///
    /// - Parameter cellCount: above every cell of the rows.
    func forEach(_ rows: GroupedRows, ofCells cellCount: Int, _ taker: some NumberTaker) {
        if let ints { NumberColumn.forEach(ints, rows, taker) }
        if let floats { NumberColumn.forEach(floats, rows, taker) }
        coded?.forEach(rows, cellCount, taker)
    }

    private static func forEach(
        _ lane: NumberLane<some TakenNumber>, _ rows: GroupedRows, _ taker: some NumberTaker
    ) {
        let mask = RowMask(rows, present: lane.present)
        switch rows.cells {
        case .bytes(let cells): forEach(lane.values, cells, mask, rows.weights, taker)
        case .words(let cells): forEach(lane.values, cells, mask, rows.weights, taker)
        case .longs(let cells): forEach(lane.values, cells, mask, rows.weights, taker)
        }
    }

    private static func forEach<Number: TakenNumber>(
        _ values: [Number], _ cells: [some FixedWidthInteger & UnsignedInteger], _ mask: RowMask,
        _ weights: [UInt32]?, _ taker: some NumberTaker
    ) {
        values.withUnsafeBufferPointer { values in
            cells.withUnsafeBufferPointer { cells in
                guard let weights else {
                    mask.forEach { values[$0].give(to: taker, Int(cells[$0]), 1) }
                    return
                }
                weights.withUnsafeBufferPointer { weights in
                    mask.forEach {
                        values[$0].give(to: taker, Int(cells[$0]), UInt64(weights[$0]))
                    }
                }
            }
        }
    }
}

/// What numbers are handed to, one by one.
///
/// A type and not a closure, for only so it surely becomes part of the loop: a call each costs
/// three times what counting costs.
protocol NumberTaker {
    /// Takes a number that `weight` events of a cell have.
    func take(_ value: Int64, _ cell: Int, _ weight: UInt64)
    func take(_ value: Double, _ cell: Int, _ weight: UInt64)
}

/// A number of a lane.
private protocol TakenNumber: Numeric, Sendable {
    func give(to taker: some NumberTaker, _ cell: Int, _ weight: UInt64)
}

extension Int64: TakenNumber {
    @inline(__always)
    fileprivate func give(to taker: some NumberTaker, _ cell: Int, _ weight: UInt64) {
        taker.take(self, cell, weight)
    }
}

extension Double: TakenNumber {
    @inline(__always)
    fileprivate func give(to taker: some NumberTaker, _ cell: Int, _ weight: UInt64) {
        taker.take(self, cell, weight)
    }
}

extension NumberColumn.CodedNumbers {
    /// Combinations of a cell and a code up to which rows are counted by combination first.
    private static var combinationsMax: Int { 1 << 14 }

    /// Hands over the numbers, once for each combination of a cell and a code where those are few.
    fileprivate func forEach(
        _ rows: GroupedRows, _ cellCount: Int, _ taker: some NumberTaker
    ) {
        let combinations = cellCount * entries.count
        if combinations <= Self.combinationsMax && combinations <= rows.count {
            // Fast path: numbers are worked on once a combination, not once a row.
            let counts = counts(rows, cellCount)
            for code in entries.indices.dropFirst() {
                for cell in 0..<cellCount where counts[code * cellCount + cell] > 0 {
                    entries[code].give(to: taker, cell, counts[code * cellCount + cell])
                }
            }
            return
        }
        switch rows.cells {
        case .bytes(let cells): forEach(rows, cells, taker)
        case .words(let cells): forEach(rows, cells, taker)
        case .longs(let cells): forEach(rows, cells, taker)
        }
    }

    private func forEach(
        _ rows: GroupedRows, _ cells: [some FixedWidthInteger & UnsignedInteger],
        _ taker: some NumberTaker
    ) {
        switch codes {
        case .bytes(let codes): forEach(rows, cells, codes, taker)
        case .words(let codes): forEach(rows, cells, codes, taker)
        case .longs(let codes): forEach(rows, cells, codes, taker)
        }
    }

    private func forEach(
        _ rows: GroupedRows, _ cells: [some FixedWidthInteger & UnsignedInteger],
        _ codes: [some FixedWidthInteger & UnsignedInteger], _ taker: some NumberTaker
    ) {
        let mask = RowMask(rows)
        entries.withUnsafeBufferPointer { entries in
            cells.withUnsafeBufferPointer { cells in
                codes.withUnsafeBufferPointer { codes in
                    guard let weights = rows.weights else {
                        mask.forEach {
                            entries[Int(codes[$0])].give(to: taker, Int(cells[$0]), 1)
                        }
                        return
                    }
                    mask.forEach {
                        entries[Int(codes[$0])]
                            .give(to: taker, Int(cells[$0]), UInt64(weights[$0]))
                    }
                }
            }
        }
    }

    /// Events of each combination: `cellCount` of the first code, then of the next.
    private func counts(_ rows: GroupedRows, _ cellCount: Int) -> [UInt64] {
        let space = GroupSpace(combining: cellCount, with: entries.count)
        let combined = GroupedRows(
            rows: rows.rows, selection: rows.selection,
            cells: space.cells([rows.cells, codes], rows: rows.rows, selection: nil),
            weights: rows.weights)
        let state = CountState(needsValue: false)
        state.grow(toCells: cellCount * entries.count)
        state.update(combined, AggregateInput(nil, rows: rows.rows))
        return state.counts
    }
}

extension NumberColumn.Entry {
    @inline(__always)
    fileprivate func give(to taker: some NumberTaker, _ cell: Int, _ weight: UInt64) {
        if kind == NumberColumn.Entry.isInt {
            taker.take(int, cell, weight)
        } else if kind == NumberColumn.Entry.isFloat {
            taker.take(float, cell, weight)
        }
    }
}
