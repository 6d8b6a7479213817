internal import Bytes

/// Collects the values of one field, row by row, each in the lane of its type.
///
/// Lanes hold (row, value) pairs while they grow, so that absent rows cost nothing and the last
/// value can be taken back; `column(rows:)` spreads them out.
struct ColumnBuilder: ~Copyable {
    // What a value touches comes first, so that it lies in one cache line, a number in two.
    /// The row of the last value, −1 before the first; tells a repeated field of one event.
    private(set) var lastRow = -1
    /// Batches for which strings are kept as they come, without a dictionary; 0 for none.
    private var textBatches: Int32 = 0
    /// Whether the batch builder has the column on its list for this batch.
    var isInUse = false
    /// Row in the upper, code in the lower 32 bits.
    private(set) var codes = GrowingBuffer<UInt64>(capacity: 32)
    private(set) var dictionary = DictionaryTable(expected: 8)
    private(set) var intRows = GrowingBuffer<UInt32>(capacity: 8)
    private(set) var ints = GrowingBuffer<Int64>(capacity: 8)
    private(set) var floatRows = GrowingBuffer<UInt32>(capacity: 8)
    private(set) var floats = GrowingBuffer<Double>(capacity: 8)
    /// Strings one after the other, while they hardly repeat; where each ends, and its row.
    private(set) var text = GrowingBuffer<UInt8>(capacity: 8)
    private(set) var textEnds = GrowingBuffer<UInt32>(capacity: 8)
    private(set) var textRows = GrowingBuffer<UInt32>(capacity: 8)
    let name: String
    /// The codes of false and of true in this batch, 0 for one that was not met.
    private var boolCodes: (UInt32, UInt32) = (0, 0)

    init(name: String) { self.name = name }

    var isEmpty: Bool { valueCount == 0 }
    /// Rows with a value.
    var valueCount: Int { codes.count + ints.count + floats.count + textRows.count }

    /// Gives the string's code; 0 when it is kept without a dictionary.
    @inline(__always)
    @discardableResult
    mutating func append(_ text: SoughtValue, row: Int) -> UInt32 {
        lastRow = row
        if textBatches > 0 {
            if let base = text.base { self.text.append(base, count: text.count) }
            textEnds.append(UInt32(truncatingIfNeeded: self.text.count))
            textRows.append(UInt32(truncatingIfNeeded: row))
            return 0
        }
        let code = dictionary.code(of: text)
        appendCode(code, row)
        return code
    }

    @inline(__always)
    @discardableResult
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, row: Int) -> UInt32 {
        append(SoughtValue(text), row: row)
    }

    /// The code of a string, to be appended to any rows of this batch; nil when strings of this batch
    /// are kept without a dictionary.
    mutating func code(of text: UnsafeBufferPointer<UInt8>) -> UInt32? {
        textBatches > 0 ? nil : dictionary.code(of: text)
    }

    @inline(__always)
    mutating func append(code: UInt32, row: Int) {
        precondition(code > 0 && Int(code) <= dictionary.count, "BUG: a code of another batch")
        lastRow = row
        appendCode(code, row)
    }

    @discardableResult
    mutating func append(_ value: Bool, row: Int) -> UInt32 {
        lastRow = row
        var code = value ? boolCodes.1 : boolCodes.0
        if code == 0 {
            code = dictionary.code(of: .bool, payload: value ? 1 : 0)
            if value { boolCodes.1 = code } else { boolCodes.0 = code }
        }
        appendCode(code, row)
        return code
    }

    @inline(__always)
    mutating func append(_ value: Int64, row: Int) {
        lastRow = row
        intRows.append(UInt32(truncatingIfNeeded: row))
        ints.append(value)
        intRows.fetchNextLine()
        ints.fetchNextLine()
    }

    @inline(__always)
    mutating func append(_ value: Double, row: Int) {
        lastRow = row
        floatRows.append(UInt32(truncatingIfNeeded: row))
        floats.append(value)
        floatRows.fetchNextLine()
        floats.fetchNextLine()
    }

    @inline(__always)
    private mutating func appendCode(_ code: UInt32, _ row: Int) {
        codes.append(UInt64(truncatingIfNeeded: row) << 32 | UInt64(code))
        codes.fetchNextLine()
    }

    /// Takes back the value of row `lastRow`.
    mutating func removeLast() {
        let row = UInt32(truncatingIfNeeded: lastRow)
        if codes.count > 0, codes[codes.count - 1] >> 32 == UInt64(row) {
            codes.removeLast()
        } else if intRows.count > 0, intRows[intRows.count - 1] == row {
            intRows.removeLast()
            ints.removeLast()
        } else if floatRows.count > 0, floatRows[floatRows.count - 1] == row {
            floatRows.removeLast()
            floats.removeLast()
        } else if textRows.count > 0, textRows[textRows.count - 1] == row {
            removeLastText()
        }
        lastRow = -1
    }

    /// Takes back the values of row `row` and all later ones; what they brought into the dictionary
    /// stays there.
    mutating func removeRows(from row: Int) {
        while codes.count > 0, Int(codes[codes.count - 1] >> 32) >= row { codes.removeLast() }
        while intRows.count > 0, Int(intRows[intRows.count - 1]) >= row {
            intRows.removeLast()
            ints.removeLast()
        }
        while floatRows.count > 0, Int(floatRows[floatRows.count - 1]) >= row {
            floatRows.removeLast()
            floats.removeLast()
        }
        while textRows.count > 0, Int(textRows[textRows.count - 1]) >= row { removeLastText() }
        lastRow = -1
    }

    private mutating func removeLastText() {
        textRows.removeLast()
        textEnds.removeLast()
        text.truncate(to: textEnds.count == 0 ? 0 : Int(textEnds[textEnds.count - 1]))
    }

    /// Forgets all values and keeps the memory, unless it is much.
    mutating func removeAll() {
        chooseLane()
        dictionary.removeAll()
        codes.removeAll()
        intRows.removeAll()
        ints.removeAll()
        floatRows.removeAll()
        floats.removeAll()
        text.removeAll()
        textEnds.removeAll()
        textRows.removeAll()
        boolCodes = (0, 0)
        lastRow = -1
        isInUse = false
    }

    /// Decides by the values so far how the next batch's strings are kept.
    ///
    /// Ids that hardly repeat are not looked up: decoding the benchmark's events takes a sixth less
    /// time, merging them a third. Now and then a batch tries again.
    private mutating func chooseLane() {
        if textBatches > 0 {
            if textRows.count > 0 { textBatches -= 1 }
        } else if EventBatch.hardlyRepeat(distinct: dictionary.count, values: codes.count) {
            textBatches = ColumnBuilder.textBatchesMax
        }
    }

    private static var textBatchesMax: Int32 { 64 }
}

// MARK: - Some of the rows

/// How many values of each lane of a column belong to its first rows.
struct LaneCounts: BitwiseCopyable {
    var codes = 0
    var ints = 0
    var floats = 0
    var texts = 0

    var sum: Int { codes + ints + floats + texts }
}

extension ColumnBuilder {
    var counts: LaneCounts {
        LaneCounts(
            codes: codes.count, ints: ints.count, floats: floats.count, texts: textRows.count)
    }

    /// How many values of each lane are of rows below `row`; takes as long as there are others in
    /// lanes that not every row has.
    ///
    /// `mutating` although it changes nothing: the compiler copies the whole of a borrowed structure to
    /// the stack before it calls a function that is not inlined, and so does `write` of the encoding.
    mutating func counts(below row: Int) -> LaneCounts {
        LaneCounts(
            codes: ColumnBuilder.count(codes.count, below: row) { Int(codes[$0] >> 32) },
            ints: ColumnBuilder.count(ints.count, below: row) { Int(intRows[$0]) },
            floats: ColumnBuilder.count(floats.count, below: row) { Int(floatRows[$0]) },
            texts: ColumnBuilder.count(textRows.count, below: row) { Int(textRows[$0]) })
    }

    /// How many of `count` values are of rows below `row`; `rowOf` gives a value's row, ascending.
    @inline(__always)
    private static func count(_ count: Int, below row: Int, _ rowOf: (Int) -> Int) -> Int {
        // Fast path: every row has had a value so far.
        if row < count, rowOf(row) == row { return row }
        var count = count
        while count > 0, rowOf(count &- 1) >= row { count &-= 1 }
        return count
    }

    /// Forgets the values of rows below `row`; later ones are numbered from 0, in a dictionary of
    /// their own values.
    mutating func removeRows(below row: Int) {
        let first = counts(below: row)
        if first.sum == valueCount { return removeAll() }
        var old = ColumnBuilder(name: name)
        swap(&self, &old)
        old.chooseLane()
        textBatches = old.textBatches
        isInUse = true
        for index in first.codes..<old.codes.count {
            let (place, code) = (
                Int(old.codes[index] >> 32) - row, UInt32(old.codes[index] & .max >> 32)
            )
            if old.dictionary.kind(ofCode: code) == ValueDictionary.Kind.string.rawValue {
                append(old.dictionary.string(ofCode: code), row: place)
            } else {
                append(old.dictionary.payload(ofCode: code) != 0, row: place)
            }
        }
        for index in first.ints..<old.ints.count {
            append(old.ints[index], row: Int(old.intRows[index]) - row)
        }
        for index in first.floats..<old.floats.count {
            append(old.floats[index], row: Int(old.floatRows[index]) - row)
        }
        for index in first.texts..<old.textRows.count {
            append(old.textBytes(at: index), row: Int(old.textRows[index]) - row)
        }
        lastRow = -1
    }

    private func textBytes(at index: Int) -> UnsafeBufferPointer<UInt8> {
        let start = index == 0 ? 0 : Int(textEnds[index - 1])
        return UnsafeBufferPointer(start: text.base + start, count: Int(textEnds[index]) - start)
    }

    /// Keeps the strings of this batch without a dictionary from now on when they hardly repeat; gives
    /// whether it came to that, and codes that were given hold no longer.
    mutating func keepTextsIfFew() -> Bool {
        guard textBatches == 0,
            EventBatch.hardlyRepeat(distinct: dictionary.count, values: codes.count),
            dictionary.holdsStringsOnly
        else { return false }
        textBatches = ColumnBuilder.textBatchesMax
        lastRow = -1
        for index in 0..<codes.count {
            let string = dictionary.string(ofCode: UInt32(codes[index] & .max >> 32))
            append(string, row: Int(codes[index] >> 32))
        }
        codes.removeAll()
        dictionary.removeAll()
        return true
    }
}

// MARK: - The column

extension ColumnBuilder {
    /// The column so far, over `rows` rows, with so many values.
    func column(rows: Int, _ counts: LaneCounts) -> Column {
        Column(
            rows: rows, coded: codedLane(rows: rows, counts.codes),
            ints: ColumnBuilder.numberLane(intRows, ints, rows: rows, counts.ints),
            floats: ColumnBuilder.numberLane(floatRows, floats, rows: rows, counts.floats),
            texts: textLane(rows: rows, counts.texts))
    }

    /// The column so far, over `rows` rows.
    func column(rows: Int) -> Column { column(rows: rows, counts) }

    private func textLane(rows: Int, _ count: Int) -> TextLane? {
        if count == 0 { return nil }
        let offsets = [UInt32](unsafeUninitializedCapacity: rows + 1) { result, initialized in
            result.initialize(repeating: 0)
            if count == rows {
                for row in 0..<rows { result[row + 1] = textEnds[row] }
            } else {
                var next = 0
                for row in 0..<rows {
                    if next < count && textRows[next] == UInt32(truncatingIfNeeded: row) {
                        result[row + 1] = textEnds[next]
                        next += 1
                    } else {
                        result[row + 1] = result[row]
                    }
                }
            }
            initialized = rows + 1
        }
        return TextLane(
            offsets: offsets, text: text.array(first: Int(textEnds[count - 1])),
            present: count == rows ? nil : ColumnBuilder.presence(textRows, count, rows: rows))
    }

    private static func presence(
        _ places: borrowing GrowingBuffer<UInt32>, _ count: Int, rows: Int
    ) -> Bitmap {
        let targets = places.base
        var present = Bitmap(count: rows)
        present.withMutableWords { words in
            for index in 0..<count {
                let row = Int(targets[index])
                words[row >> 6] |= 1 << UInt64(row & 63)
            }
        }
        return present
    }

    private func codedLane(rows: Int, _ count: Int) -> CodedLane? {
        if count == 0 { return nil }
        let highest = dictionary.count
        let spread: CodeArray
        if highest <= Int(UInt8.max) {
            spread = .bytes(spreadCodes(rows: rows, count))
        } else if highest <= Int(UInt16.max) {
            spread = .words(spreadCodes(rows: rows, count))
        } else {
            spread = .longs(spreadCodes(rows: rows, count))
        }
        return CodedLane(dictionary: dictionary.dictionary(), codes: spread)
    }

    private func spreadCodes<Code: FixedWidthInteger>(rows: Int, _ count: Int) -> [Code] {
        let source = codes.base
        return [Code](unsafeUninitializedCapacity: rows) { result, initialized in
            guard let target = result.baseAddress else { return }
            if count == rows {
                for row in 0..<rows { target[row] = Code(truncatingIfNeeded: source[row]) }
            } else {
                target.initialize(repeating: 0, count: rows)
                for index in 0..<count {
                    target[Int(source[index] >> 32)] = Code(truncatingIfNeeded: source[index])
                }
            }
            initialized = rows
        }
    }

    private static func numberLane<Number: Numeric & BitwiseCopyable & Sendable>(
        _ places: borrowing GrowingBuffer<UInt32>, _ values: borrowing GrowingBuffer<Number>,
        rows: Int, _ count: Int
    ) -> NumberLane<Number>? {
        if count == 0 { return nil }
        return NumberLane(
            packed: values.array(first: count),
            present: count == rows ? nil : presence(places, count, rows: rows))
    }
}
