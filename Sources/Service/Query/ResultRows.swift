internal import Bytes
internal import Compute
internal import EventQuery
internal import Events

/// An answer as plain rows: CSV (RFC 4180) or a JSON object a line.
///
/// Of a query with a step, the rows are those of the series, with the bucket's time first.
struct ResultRows {
    let answer: QueryAnswer

    // MARK: - NDJSON

    func lines() -> [UInt8] {
        var writer = JSONWriter(capacity: 4096)
        switch answer.content {
        case .events(let rows):
            for row in rows {
                writer.event(row)
                writer.endLine()
            }
        case .statistics(let table):
            for (time, row) in points(of: table) {
                writer.beginObject()
                if let time {
                    writer.key("time")
                    writer.string(RFC3339.text(nanoseconds: time))
                }
                writer.members(of: row, in: table)
                writer.endObject()
                writer.endLine()
            }
        case .comparison(let comparisons):
            for row in comparisons.rows {
                writer.beginObject()
                for (name, value) in zip(FieldComparisons.rowNames, row) {
                    writer.key(name)
                    writer.field(value)
                }
                writer.endObject()
                writer.endLine()
            }
        }
        return writer.bytes
    }

    // MARK: - CSV

    func csv() -> [UInt8] {
        var text = CSVWriter()
        switch answer.content {
        case .events(let rows):
            let names = Set(rows.flatMap { $0.fields.map(\.name) }).sorted()
            text.row(
                ["time", "dataset", "samplerate", "received"].map { .string($0) }
                    + names.map { .string($0) })
            for row in rows {
                let fields = Dictionary(row.fields.map { ($0.name, $0.value) }) { $1 }
                text.row(
                    [
                        .string(RFC3339.text(nanoseconds: row.timestamp)), .string(row.dataset),
                        .int(Int64(row.sampleRate)),
                        .string(RFC3339.text(nanoseconds: row.received)),
                    ] + names.map { fields[$0] ?? .missing })
            }
        case .statistics(let table):
            let isSeries = answer.meta.step != nil
            let names = (isSeries ? ["time"] : []) + table.groupNames + table.calculationNames
            text.row(names.map { .string($0) })
            for (time, row) in points(of: table) {
                let start = time.map { [FieldValue.string(RFC3339.text(nanoseconds: $0))] } ?? []
                text.row(start + row.group + row.values.map(ResultRows.plain))
            }
        case .comparison(let comparisons):
            text.row(FieldComparisons.rowNames.map { .string($0) })
            for row in comparisons.rows { text.row(row) }
        }
        return text.bytes
    }

    private func points(
        of table: StatisticsTable
    ) -> [(time: Int64?, row: StatisticsTable.Row)] {
        answer.meta.step == nil
            ? table.rows.map { (nil, $0) } : table.series.map { ($0.time, $0.row) }
    }

    /// A heatmap's cell has no column to go to, so it is written as JSON.
    private static func plain(_ value: AggregateValue) -> FieldValue {
        if case .value(let value) = value { return value }
        var writer = JSONWriter()
        writer.aggregate(value)
        return .string(String(decoding: writer.bytes, as: UTF8.self))
    }
}

extension FieldComparisons {
    fileprivate static let rowNames = [
        "field", "kind", "score", "value", "selection", "baseline",
    ]

    /// One row a value of a field; the last one of each field, without a value, is of the events that
    /// lack it.
    fileprivate var rows: [[FieldValue]] {
        fields.flatMap { field in
            let comparison = field.comparison
            let counts =
                comparison.values.map { ($0.value, $0.count) } + [(.missing, comparison.missing)]
            return counts.map { value, count in
                [
                    .string(field.name), .string(comparison.isMeasure ? "measure" : "dimension"),
                    .float(comparison.shownScore), value, .int(Int64(clamping: count.selection)),
                    .int(Int64(clamping: count.baseline)),
                ]
            }
        }
    }
}

/// Appends rows of comma-separated values.
private struct CSVWriter {
    private(set) var bytes: [UInt8] = []

    mutating func row(_ cells: [FieldValue]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(cell)
        }
        bytes.append(contentsOf: "\r\n".utf8)
    }

    private mutating func append(_ cell: FieldValue) {
        switch cell {
        case .missing: break
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): bytes.append(contentsOf: String(value).utf8)
        case .float(let value):
            var number = JSONWriter()
            number.double(value)
            bytes.append(contentsOf: number.bytes)
        case .string(let text): append(text)
        }
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
