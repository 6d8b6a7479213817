internal import Bytes

/// Collects the values of one field, row by row, each in the lane of its type.
///
/// Lanes hold (row, value) pairs while they grow, so that absent rows cost nothing and the last
/// value can be taken back; `column(rows:)` spreads them out.
final class ColumnBuilder {
    let name: String
    private let dictionary = DictionaryBuilder()
    private var codedRows = GrowingBuffer<UInt32>(capacity: 64)
    private var codes = GrowingBuffer<UInt32>(capacity: 64)
    private var intRows = GrowingBuffer<UInt32>(capacity: 8)
    private var ints = GrowingBuffer<Int64>(capacity: 8)
    private var floatRows = GrowingBuffer<UInt32>(capacity: 8)
    private var floats = GrowingBuffer<Double>(capacity: 8)
    /// The row of the last value, −1 before the first; tells a repeated field of one event.
    private(set) var lastRow = -1
    /// Whether the batch builder has the column on its list for this batch.
    var isInUse = false

    init(name: String) { self.name = name }

    var isEmpty: Bool { codes.count + ints.count + floats.count == 0 }

    func append(_ text: UnsafeBufferPointer<UInt8>, row: Int) {
        take(row)
        codedRows.append(UInt32(truncatingIfNeeded: row))
        codes.append(dictionary.code(of: text))
    }

    func append(_ value: Bool, row: Int) {
        take(row)
        codedRows.append(UInt32(truncatingIfNeeded: row))
        codes.append(dictionary.code(of: value))
    }

    func append(_ value: Int64, row: Int) {
        take(row)
        intRows.append(UInt32(truncatingIfNeeded: row))
        ints.append(value)
    }

    func append(_ value: Double, row: Int) {
        take(row)
        floatRows.append(UInt32(truncatingIfNeeded: row))
        floats.append(value)
    }

    /// A second value of one row replaces the first: of a repeated key the last one counts.
    private func take(_ row: Int) {
        if lastRow == row { removeLast() }
        lastRow = row
    }

    /// Takes back the value of row `lastRow`.
    func removeLast() {
        let row = UInt32(truncatingIfNeeded: lastRow)
        if codedRows.count > 0, codedRows[codedRows.count - 1] == row {
            codedRows.removeLast()
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

    /// The column so far, over `rows` rows.
    func column(rows: Int) -> Column {
        Column(
            rows: rows, coded: codedLane(rows: rows),
            ints: numberLane(intRows, ints, rows: rows),
            floats: numberLane(floatRows, floats, rows: rows))
    }

    private func codedLane(rows: Int) -> CodedLane? {
        if codes.count == 0 { return nil }
        let highest = UInt32(dictionary.count)
        let spread: CodeArray
        if highest <= UInt32(UInt8.max) {
            spread = .bytes(
                self.spread(codedRows, codes, rows: rows) { UInt8(truncatingIfNeeded: $0) })
        } else if highest <= UInt32(UInt16.max) {
            spread = .words(
                self.spread(codedRows, codes, rows: rows) { UInt16(truncatingIfNeeded: $0) })
        } else {
            spread = .longs(self.spread(codedRows, codes, rows: rows) { $0 })
        }
        return CodedLane(dictionary: dictionary.dictionary(), codes: spread)
    }

    private func numberLane<Number: Numeric & BitwiseCopyable & Sendable>(
        _ places: borrowing GrowingBuffer<UInt32>, _ values: borrowing GrowingBuffer<Number>,
        rows: Int
    ) -> NumberLane<Number>? {
        if values.count == 0 { return nil }
        if values.count == rows { return NumberLane(values: values.array(), present: nil) }
        var present = Bitmap(count: rows)
        present.withMutableWords { words in
            for index in 0..<places.count {
                let row = Int(places[index])
                words[row >> 6] |= 1 << UInt64(row & 63)
            }
        }
        return NumberLane(
            values: spread(places, values, rows: rows) { $0 }, present: present)
    }

    private func spread<Value: BitwiseCopyable, Result: Numeric & BitwiseCopyable>(
        _ places: borrowing GrowingBuffer<UInt32>, _ values: borrowing GrowingBuffer<Value>,
        rows: Int, _ convert: (Value) -> Result
    ) -> [Result] {
        let count = values.count
        let source = values.base
        let targets = places.base
        return [Result](unsafeUninitializedCapacity: rows) { result, initialized in
            if count == rows {
                for index in 0..<count {
                    result.initializeElement(at: index, to: convert(source[index]))
                }
            } else {
                result.initialize(repeating: 0)
                for index in 0..<count { result[Int(targets[index])] = convert(source[index]) }
            }
            initialized = rows
        }
    }

    /// Forgets all values and keeps the memory.
    func removeAll() {
        if dictionary.count > 0 { dictionary.removeAll() }
        codedRows.removeAll()
        codes.removeAll()
        intRows.removeAll()
        ints.removeAll()
        floatRows.removeAll()
        floats.removeAll()
        lastRow = -1
        isInUse = false
    }
}
