internal import Bytes
internal import Events

/// The numbers of a column, spread out: integers and floats, each with the rows that have one.
struct NumberColumn {
    private(set) var ints: NumberLane<Int64>?
    private(set) var floats: NumberLane<Double>?
    /// Rows that have a value which is no number.
    private(set) var others: Bitmap?

    init(_ column: Column?, rows: Int, includingBooleans: Bool) {
        guard let column else { return }
        ints = column.ints
        floats = column.floats
        if let lane = column.coded { spread(lane, rows: rows, includingBooleans) }
        if let lane = column.texts {
            var present = lane.presence()
            if let others { present.formUnion(others) }
            others = present
        }
    }

    /// What one code stands for.
    private struct Entry {
        var int: Int64 = 0
        var float: Double = 0
        var kind: UInt8 = 0

        static let isInt: UInt8 = 1
        static let isFloat: UInt8 = 2
        static let isOther: UInt8 = 3
    }

    private mutating func spread(_ lane: CodedLane, rows: Int, _ includingBooleans: Bool) {
        let dictionary = lane.dictionary
        var entries = [Entry](repeating: Entry(), count: dictionary.count + 1)
        var kinds: Set<UInt8> = []
        for index in 0..<dictionary.count {
            let payload = dictionary.payloads[index]
            switch dictionary.kind(at: index) {
            case .bool where includingBooleans:
                entries[index + 1] = Entry(int: Int64(payload), kind: Entry.isInt)
            case .bool, .string: entries[index + 1].kind = Entry.isOther
            case .int:
                entries[index + 1] = Entry(int: Int64(bitPattern: payload), kind: Entry.isInt)
            case .float:
                entries[index + 1] = Entry(
                    float: Double(bitPattern: payload), kind: Entry.isFloat)
            }
            kinds.insert(entries[index + 1].kind)
        }
        let codes = lane.codes
        if kinds.contains(Entry.isInt) {
            ints = merge(ints, codes, rows) {
                entries[$0].kind == Entry.isInt ? entries[$0].int : nil
            }
        }
        if kinds.contains(Entry.isFloat) {
            floats = merge(floats, codes, rows) {
                entries[$0].kind == Entry.isFloat ? entries[$0].float : nil
            }
        }
        if kinds.contains(Entry.isOther) {
            var present = Bitmap(count: rows)
            for row in 0..<rows where entries[Int(codes[row])].kind == Entry.isOther {
                present[row] = true
            }
            others = present
        }
    }

    @inline(__always)
    private func merge<Number>(
        _ lane: NumberLane<Number>?, _ codes: CodeArray, _ rows: Int, _ number: (Int) -> Number?
    ) -> NumberLane<Number> {
        var values = lane?.values ?? [Number](repeating: 0, count: rows)
        var words = lane?.presence().words ?? [UInt64](repeating: 0, count: Bitmap.wordCount(rows))
        func fill<Code: FixedWidthInteger>(_ codes: [Code]) {
            for row in 0..<rows {
                if let value = number(Int(codes[row])) {
                    values[row] = value
                    words[row >> 6] |= 1 << UInt64(row & 63)
                }
            }
        }
        switch codes {
        case .bytes(let codes): fill(codes)
        case .words(let codes): fill(codes)
        case .longs(let codes): fill(codes)
        }
        let present = Bitmap(count: rows, words: words)
        return NumberLane(values: values, present: present.population == rows ? nil : present)
    }

    /// Calls back for each listed row that has a number, with its place in the list.
    @inline(__always)
    func forEach(
        _ rows: GroupedRows, int: (Int, Int64) -> Void, float: (Int, Double) -> Void
    ) {
        if let ints { NumberColumn.forEach(ints, rows, int) }
        if let floats { NumberColumn.forEach(floats, rows, float) }
    }

    @inline(__always)
    private static func forEach<Number>(
        _ lane: NumberLane<Number>, _ rows: GroupedRows, _ body: (Int, Number) -> Void
    ) {
        lane.values.withUnsafeBufferPointer { values in
            switch (rows.rows, lane.present) {
            case (nil, nil):
                for place in 0..<rows.count { body(place, values[place]) }
            case (nil, let present?):
                present.forEachRow { body($0, values[$0]) }
            case (let list?, nil):
                list.withUnsafeBufferPointer { list in
                    for place in 0..<list.count { body(place, values[Int(list[place])]) }
                }
            case (let list?, let present?):
                let words = present.words
                list.withUnsafeBufferPointer { list in
                    for place in 0..<list.count {
                        let row = Int(list[place])
                        if words[row >> 6] >> UInt64(row & 63) & 1 != 0 { body(place, values[row]) }
                    }
                }
            }
        }
    }

    /// How many listed rows have a value that is no number.
    func countOthers(_ rows: GroupedRows) -> Int {
        guard let others else { return 0 }
        guard let list = rows.rows else { return others.population }
        return list.reduce(0) { $0 + (others[Int($1)] ? 1 : 0) }
    }
}
