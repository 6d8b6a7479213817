internal import Bytes
internal import Events

/// Comma-separated values (RFC 4180).
struct CSVWriter: TableWriter {
    private let columns: [(place: Int, name: String, kind: ColumnKind)]
    private var bytes: [UInt8] = []

    init(_ schema: TableSchema) { columns = schema.written() }

    mutating func begin() -> [UInt8] {
        row(columns.map { .string($0.name) })
        return takeBytes()
    }

    mutating func write(_ block: RowBlock) -> [UInt8] {
        let cells = columns.map { block.cells(ofColumn: $0.place) }
        var next = [Int](repeating: 0, count: cells.count)
        for row in 0..<block.rows {
            self.row(
                cells.indices.map { index in
                    let (cells, place) = (cells[index], next[index])
                    guard place < cells.rows.count, cells.rows[place] == row else {
                        return .missing
                    }
                    next[index] += 1
                    let value = cells.values[place]
                    if columns[index].kind == .time, case .int(let time) = value {
                        return .string(RFC3339.text(nanoseconds: time))
                    }
                    return value
                })
        }
        return takeBytes()
    }

    func end() -> [UInt8] { [] }

    private mutating func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    private mutating func row(_ cells: [FieldValue]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            if case .string(let text) = cell {
                append(text)
            } else {
                bytes.append(contentsOf: (cell.columnText ?? "").utf8)
            }
        }
        bytes.append(contentsOf: "\r\n".utf8)
    }

    private mutating func append(_ text: String) {
        // A text that a spreadsheet would take for a formula gets an apostrophe before it.
        let isFormula = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
        let mustQuote = text.utf8.contains { ",\"\r\n".utf8.contains($0) }
        if !mustQuote && !isFormula { return bytes.append(contentsOf: text.utf8) }
        bytes.append(UInt8(ascii: "\""))
        if isFormula { bytes.append(UInt8(ascii: "'")) }
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
