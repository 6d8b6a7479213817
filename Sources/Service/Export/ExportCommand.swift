internal import Bytes
internal import EventQuery
internal import Events
internal import Host

extension CommandSpec {
    static let export = CommandSpec(
        "export", operands: "'from D | …'", operandCount: 1...1,
        summary: "Writes all that a query finds to a file: lines of JSON, CSV, Arrow or Parquet.",
        options: ServerConnection.options + [
            OptionSpec("data", "DIR", help: "read this directory instead of asking a server"),
            OptionSpec("environment", "NAME", help: "whose events", byDefault: "as for query"),
            OptionSpec("output", "FILE", help: "where to", byDefault: "standard output"),
            OptionSpec(
                "format", "ndjson|csv|arrow|parquet", help: "how it is written",
                byDefault: "as the file is called, else ndjson"),
            OptionSpec("exact", help: "percentiles and distinct counts without approximation"),
        ],
        example: "widefield export --output shop.parquet 'from shop | last 24h'",
        run: { arguments, terminal throws(CommandFailure) in
            let format = try exportFormat(arguments)
            let text = arguments.operands[0]
            let query: Query
            do throws(QueryError) {
                query = try Query(parsing: text)
            } catch {
                throw queryFailure(error.response, text)
            }
            var output = try ExportFile(arguments["output"], terminal)
            if case .events = query.shape {
                let rows = try exportEvents(query, format, arguments, to: &output)
                terminal.tell(
                    "\(groupedDigits(rows)) events, \(groupedDigits(Int(output.size))) bytes\n")
            } else {
                try output.write(try answer(to: text, arguments, format))
            }
            try output.finish()
        })
}

private func exportFormat(_ arguments: ParsedArguments) throws(CommandFailure) -> AnswerFormat {
    if let name = arguments["format"] {
        guard let format = AnswerFormat(rawValue: name), format != .json else {
            throw .usage("--format must be ndjson, csv, arrow or parquet", of: "export")
        }
        return format
    }
    let suffix = arguments["output"]?.split(separator: ".").last.map(String.init) ?? ""
    return AnswerFormat(rawValue: suffix).flatMap { $0 == .json ? nil : $0 } ?? .ndjson
}

/// Writes all events of a query; returns how many there were.
private func exportEvents(
    _ query: Query, _ format: AnswerFormat, _ arguments: ParsedArguments,
    to output: inout ExportFile
) throws(CommandFailure) -> Int {
    var pages = try EventPages(query, arguments)
    var count = 0
    if format == .ndjson {
        while case let rows = try pages.next(), !rows.isEmpty {
            var writer = JSONWriter()
            for row in rows {
                writer.event(row)
                writer.endLine()
            }
            try output.write(writer.bytes)
            count += rows.count
        }
        return count
    }
    do {
        var spool = try RowSpool(spoolPath(arguments["output"]), .events)
        while case let rows = try pages.next(), !rows.isEmpty {
            try spool.append(rows) { schema, row in schema.cells(of: row) }
            count += rows.count
        }
        switch format {
        case .csv: try write(spool, as: CSVWriter.self, to: &output)
        case .arrow: try write(spool, as: ArrowStreamWriter.self, to: &output)
        case .parquet, .json, .ndjson: try write(spool, as: ParquetWriter.self, to: &output)
        }
        return count
    } catch let failure as CommandFailure {
        throw failure
    } catch {
        throw CommandFailure(.failed, "\(error)")
    }
}

/// Beside the file that is written, where there must be room for it anyway.
private func spoolPath(_ output: String?) -> String {
    let name = "widefield-export-\(hexadecimal(Machine.real.random.nextUInt64(), digits: 16))"
    guard let output else { return "/tmp/" + name }
    guard let slash = output.lastIndex(of: "/") else { return name }
    return String(output[...slash]) + name
}

/// Rows of one block of the file, and bytes of their values.
private let blockRowsMax = 65_536
private let blockBytesMax = 64 << 20

private func write<Writer: TableWriter>(
    _ spool: RowSpool, as type: Writer.Type, to output: inout ExportFile
) throws {
    var writer = Writer(spool.schema)
    try output.write(writer.begin())
    try spool.forEachBlock(rowsMax: blockRowsMax, bytesMax: blockBytesMax) { block in
        try output.write(writer.write(block))
    }
    try output.write(writer.end())
}
