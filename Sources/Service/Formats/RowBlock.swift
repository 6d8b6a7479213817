internal import Events

/// Rows of a table on their way to a file: of each column the values that are there.
struct RowBlock: Sendable {
    struct Cells: Sendable {
        /// Ascending; one a value.
        var rows: [Int] = []
        var values: [FieldValue] = []
    }

    private(set) var rows = 0
    /// Bytes of the values, about.
    private(set) var byteCount = 0
    /// By the column's place in the schema; columns without values may be absent at the end.
    private var columns: [Cells] = []

    /// A cell of a row: the place of its column in the schema, and what it holds.
    typealias Cell = (place: Int, value: FieldValue)

    mutating func append(_ cells: [Cell]) {
        for (place, value) in cells where !value.isMissing {
            while columns.count <= place { columns.append(Cells()) }
            columns[place].rows.append(rows)
            columns[place].values.append(value)
            byteCount += 32
            if case .string(let text) = value { byteCount += text.utf8.count }
        }
        rows += 1
    }

    /// What a column holds.
    func cells(ofColumn place: Int) -> Cells {
        place < columns.count ? columns[place] : Cells()
    }
}

extension RowBlock.Cells {
    /// A bit a row, the lowest first: whether it has a value.
    func presence(rows count: Int) -> [UInt8] {
        var bits = [UInt8](repeating: 0, count: (count + 7) / 8)
        for row in rows { bits[row >> 3] |= 1 << UInt8(row & 7) }
        return bits
    }

    /// The values of a column of 64-bit integers or times.
    var integers: [Int64] {
        values.map { if case .int(let number) = $0 { number } else { 0 } }
    }

    /// The values of a column of numbers.
    var numbers: [Double] {
        values.map {
            switch $0 {
            case .int(let number): Double(number)
            case .float(let number): number
            default: 0
            }
        }
    }

    /// The values of a column of booleans.
    var booleans: [Bool] { values.map { $0 == .bool(true) } }
}

/// Writes a table to a file of some format, piece by piece.
protocol TableWriter {
    init(_ schema: TableSchema)
    /// What stands before the first row.
    mutating func begin() -> [UInt8]
    mutating func write(_ block: RowBlock) -> [UInt8]
    /// What stands behind the last row.
    mutating func end() -> [UInt8]
}
