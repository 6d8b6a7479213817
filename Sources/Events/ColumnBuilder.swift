internal import Bytes

/// Collects the values of one field, row by row, each in the lane of its type.
///
/// Lanes hold (row, value) pairs while they grow, so that absent rows cost nothing and the last
/// value can be taken back; `column(rows:)` spreads them out.
struct ColumnBuilder: ~Copyable {
    let name: String
    private var dictionary = DictionaryTable(expected: 8)
    /// Row in the upper, code in the lower 32 bits.
    private var codes = GrowingBuffer<UInt64>(capacity: 32)
    private var intRows = GrowingBuffer<UInt32>(capacity: 8)
    private var ints = GrowingBuffer<Int64>(capacity: 8)
    private var floatRows = GrowingBuffer<UInt32>(capacity: 8)
    private var floats = GrowingBuffer<Double>(capacity: 8)
    /// The row of the last value, −1 before the first; tells a repeated field of one event.
    private(set) var lastRow = -1
    /// Whether the batch builder has the column on its list for this batch.
    var isInUse = false

    init(name: String) { self.name = name }

    var isEmpty: Bool { valueCount == 0 }
    /// Rows with a value.
    var valueCount: Int { codes.count + ints.count + floats.count }

    @inline(__always)
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, row: Int) {
        take(row)
        appendCode(dictionary.code(of: text), row)
    }

    mutating func append(_ value: Bool, row: Int) {
        take(row)
        appendCode(dictionary.code(of: .bool, payload: value ? 1 : 0), row)
    }

    @inline(__always)
    mutating func append(_ value: Int64, row: Int) {
        take(row)
        intRows.append(UInt32(truncatingIfNeeded: row))
        ints.append(value)
    }

    @inline(__always)
    mutating func append(_ value: Double, row: Int) {
        take(row)
        floatRows.append(UInt32(truncatingIfNeeded: row))
        floats.append(value)
    }

    @inline(__always)
    private mutating func appendCode(_ code: UInt32, _ row: Int) {
        codes.append(UInt64(truncatingIfNeeded: row) << 32 | UInt64(code))
    }

    /// A second value of one row replaces the first: of a repeated key the last one counts.
    @inline(__always)
    private mutating func take(_ row: Int) {
        if lastRow == row { removeLast() }
        lastRow = row
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
        }
        lastRow = -1
    }

    /// Forgets all values and keeps the memory, unless it is much.
    mutating func removeAll() {
        dictionary.removeAll()
        codes.removeAll()
        intRows.removeAll()
        ints.removeAll()
        floatRows.removeAll()
        floats.removeAll()
        lastRow = -1
        isInUse = false
    }
}

// MARK: - The column

extension ColumnBuilder {
    /// The column so far, over `rows` rows.
    func column(rows: Int) -> Column {
        Column(
            rows: rows, coded: codedLane(rows: rows),
            ints: ColumnBuilder.numberLane(intRows, ints, rows: rows),
            floats: ColumnBuilder.numberLane(floatRows, floats, rows: rows))
    }

    private func codedLane(rows: Int) -> CodedLane? {
        if codes.count == 0 { return nil }
        let highest = dictionary.count
        let spread: CodeArray
        if highest <= Int(UInt8.max) {
            spread = .bytes(spreadCodes(rows: rows))
        } else if highest <= Int(UInt16.max) {
            spread = .words(spreadCodes(rows: rows))
        } else {
            spread = .longs(spreadCodes(rows: rows))
        }
        return CodedLane(dictionary: dictionary.dictionary(), codes: spread)
    }

    private func spreadCodes<Code: FixedWidthInteger>(rows: Int) -> [Code] {
        let (count, source) = (codes.count, codes.base)
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
        rows: Int
    ) -> NumberLane<Number>? {
        if values.count == 0 { return nil }
        if values.count == rows { return NumberLane(values: values.array(), present: nil) }
        let (count, source, targets) = (values.count, values.base, places.base)
        var present = Bitmap(count: rows)
        present.withMutableWords { words in
            for index in 0..<count {
                let row = Int(targets[index])
                words[row >> 6] |= 1 << UInt64(row & 63)
            }
        }
        let spread = [Number](unsafeUninitializedCapacity: rows) { result, initialized in
            result.initialize(repeating: 0)
            for index in 0..<count { result[Int(targets[index])] = source[index] }
            initialized = rows
        }
        return NumberLane(values: spread, present: present)
    }
}
