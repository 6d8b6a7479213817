internal import Bytes
internal import Compute
internal import EventQuery
internal import Events

/// An answer as plain rows: a JSON object a line, or a table for CSV, Arrow and Parquet.
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

    // MARK: - Tables

    /// The answer as a table in a file of some format.
    func file<Writer: TableWriter>(_ type: Writer.Type) -> [UInt8] {
        let (schema, rows) = table()
        var writer = Writer(schema)
        return writer.begin() + writer.write(rows) + writer.end()
    }

    private func table() -> (TableSchema, RowBlock) {
        var block = RowBlock()
        var schema: TableSchema
        switch answer.content {
        case .events(let rows):
            schema = .events
            for row in rows { block.append(schema.cells(of: row)) }
        case .statistics(let table):
            let isSeries = answer.meta.step != nil
            schema = TableSchema()
            if isSeries { schema.append("time", .time) }
            for name in table.groupNames + table.calculationNames { schema.append(name) }
            for (time, row) in points(of: table) {
                let start = time.map { [FieldValue.int($0)] } ?? []
                block.append(
                    schema.noting(start + row.group + row.values.map(ResultRows.plain)))
            }
        case .comparison(let comparisons):
            schema = TableSchema()
            for name in FieldComparisons.rowNames { schema.append(name) }
            for row in comparisons.rows { block.append(schema.noting(row)) }
        }
        return (schema, block)
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

extension TableSchema {
    /// The columns that every event has; those of fields come as they are met.
    static var events: TableSchema {
        var schema = TableSchema()
        schema.append("time", .time)
        schema.append("dataset", .text)
        schema.append("samplerate", .integer)
        schema.append("received", .time)
        return schema
    }

    /// The cells of an event, in a schema that began as `events`.
    mutating func cells(of row: EventRow) -> [RowBlock.Cell] {
        var cells: [RowBlock.Cell] = [
            (0, .int(row.timestamp)), (1, .string(row.dataset)), (2, .int(Int64(row.sampleRate))),
            (3, .int(row.received)),
        ]
        for (name, value) in row.fields {
            let place = place(ofField: name)
            note(value, at: place)
            cells.append((place, value))
        }
        return cells
    }

    /// Takes note of a row's values, one a column, and gives its cells.
    fileprivate mutating func noting(_ values: [FieldValue]) -> [RowBlock.Cell] {
        for (place, value) in values.enumerated() { note(value, at: place) }
        return values.enumerated().map { ($0, $1) }
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
