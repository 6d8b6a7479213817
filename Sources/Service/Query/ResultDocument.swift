internal import Bytes
internal import Compute
internal import EventQuery
internal import Events

/// An answer as JSON: what Honeycomb's Query Data API answers, with `meta` beside it.
struct ResultDocument {
    private let answer: QueryAnswer
    private let hasSeries: Bool
    var hasTotal = true
    var hasOther = true
    /// The answer about all groups as one, for its series.
    var totalSeries: QueryAnswer?
    private var writer = JSONWriter(capacity: 4096)

    init(_ answer: QueryAnswer, hasSeries: Bool = true) {
        self.answer = answer
        self.hasSeries = hasSeries
    }

    /// `{"complete": true, "data": {…}, "meta": {…}}`.
    mutating func document() -> [UInt8] {
        writer.beginObject()
        writer.key("complete")
        writer.bool(true)
        writeDataAndMeta()
        writer.endObject()
        return writer.bytes
    }

    /// The members of the document after `head`, which are given as they are.
    mutating func document(head: [(name: String, value: JSONValue)]) -> [UInt8] {
        writer.beginObject()
        for (name, value) in head {
            writer.key(name)
            writer.value(value)
        }
        writeDataAndMeta()
        writer.endObject()
        return writer.bytes
    }

    private mutating func writeDataAndMeta() {
        switch answer.content {
        case .events(let rows):
            writer.key("data")
            writer.beginObject()
            writeEvents(rows)
            writer.endObject()
        case .statistics(let table):
            writer.key("data")
            writer.beginObject()
            write(table)
            writer.endObject()
        case .comparison(let comparisons): writer.fields(comparisons)
        }
        writer.key("meta")
        writeMeta()
    }

    // MARK: - Data

    private mutating func writeEvents(_ rows: [EventRow]) {
        writer.key("results")
        writer.beginArray()
        for row in rows { writer.event(row) }
        writer.endArray()
    }

    private mutating func write(_ table: StatisticsTable) {
        write(table.rows, of: table, as: "results")
        if hasSeries, answer.meta.step != nil { write(table.series, of: table, as: "series") }
        if case .statistics(let total)? = totalSeries?.content {
            write(total.series, of: total, as: "total_by_aggregate_series")
        }
        if !table.heatmapBins.isEmpty {
            writer.key("heatmaps")
            writer.beginArray()
            for name in table.calculationNames {
                HeatmapDocument(table, name)?.write(to: &writer)
            }
            writer.endArray()
        }
        if hasTotal, let total = table.total {
            write(total, table.totalBounds, of: table, as: "total_by_aggregate")
        }
        if hasOther, let other = table.other {
            write(other, table.otherBounds, of: table, as: "other_by_aggregate")
        }
        guard let compared = table.compared else { return }
        write(compared.rows, of: table, as: "compare_results")
        if hasSeries, answer.meta.step != nil {
            write(compared.series, of: table, as: "compare_series")
        }
    }

    private mutating func write(
        _ rows: [StatisticsTable.Row], of table: StatisticsTable, as name: String
    ) {
        writer.key(name)
        writer.beginArray()
        for row in rows {
            writer.beginObject()
            writer.key("data")
            writer.beginObject()
            writer.members(of: row, in: table)
            writer.endObject()
            write(row.bounds, of: table)
            writer.endObject()
        }
        writer.endArray()
    }

    /// `"bounds": {"COUNT": {"effective_n": …, "low": …, "high": …}, …}`, where anything was sampled.
    private mutating func write(_ bounds: [SamplingBounds?], of table: StatisticsTable) {
        guard bounds.contains(where: { $0 != nil }) else { return }
        writer.key("bounds")
        writer.beginObject()
        for (name, bounds) in zip(table.calculationNames, bounds) {
            guard let bounds else { continue }
            writer.key(name)
            writer.beginObject()
            for (key, number) in [
                ("effective_n", bounds.effectiveCount), ("low", bounds.low), ("high", bounds.high),
            ] {
                guard let number, number.isFinite else { continue }
                writer.key(key)
                writer.double(number)
            }
            writer.endObject()
        }
        writer.endObject()
    }

    private mutating func write(
        _ series: [StatisticsTable.SeriesRow], of table: StatisticsTable, as name: String
    ) {
        writer.key(name)
        writer.beginArray()
        for point in series {
            writer.beginObject()
            writer.key("time")
            writer.string(RFC3339.text(nanoseconds: point.time))
            writer.key("data")
            writer.beginObject()
            writer.members(of: point.row, in: table)
            writer.endObject()
            write(point.row.bounds, of: table)
            writer.endObject()
        }
        writer.endArray()
    }

    private mutating func write(
        _ values: [AggregateValue], _ bounds: [SamplingBounds?], of table: StatisticsTable,
        as name: String
    ) {
        writer.key(name)
        writer.beginObject()
        writer.key("data")
        writer.beginObject()
        for (calculation, value) in zip(table.calculationNames, values) {
            writer.key(calculation)
            writer.aggregate(value)
        }
        writer.endObject()
        write(bounds, of: table)
        writer.endObject()
    }

    // MARK: - Meta

    private mutating func writeMeta() {
        let meta = answer.meta
        writer.beginObject()
        writer.key("events")
        writer.int(meta.events)
        writer.key("rows_scanned")
        writer.int(meta.rowsScanned)
        writer.key("bytes_read")
        writer.int(meta.bytesScanned)
        writer.key("elapsed_ms")
        writer.double(Double(meta.elapsedNanoseconds / 1000) / 1000)
        writer.key("time_range")
        writer.beginArray()
        writer.string(RFC3339.text(nanoseconds: meta.timeRange.lowerBound))
        writer.string(RFC3339.text(nanoseconds: meta.timeRange.upperBound))
        writer.endArray()
        if let step = meta.step {
            writer.key("granularity")
            writer.double(Double(step) / 1e9)
        }
        writer.key("partial")
        writer.bool(meta.isPartial)
        if let cursor = meta.cursor {
            writer.key("cursor")
            writer.string(cursor.text)
        }
        writer.key("approximate")
        writer.value(
            .object(
                JSONObject(
                    meta.approximate.sorted { $0.key < $1.key }.map { .init($0, .double($1)) })))
        writer.key("ignored")
        writer.value(
            .object(
                JSONObject(
                    meta.ignored.sorted { $0.key < $1.key }.map { .init($0, .int(Int64($1))) })))
        writer.key("warnings")
        writer.value(.array(meta.warnings.map { .string($0) }))
        if case .comparison(let comparisons) = answer.content {
            writer.count(comparisons.sizes)
        } else {
            writer.key("columns")
            writer.value(columns)
        }
        writer.endObject()
    }

    /// Which of the names in a row are groups and which are calculations, in the order asked for.
    private var columns: JSONValue {
        guard case .statistics(let table) = answer.content else {
            return ["groups": [], "calculations": []]
        }
        return [
            "groups": .array(table.groupNames.map { .string($0) }),
            "calculations": .array(table.calculationNames.map { .string($0) }),
        ]
    }
}

// MARK: - Parts that every format of rows needs

extension JSONWriter {
    mutating func field(_ value: FieldValue) {
        switch value {
        case .missing: null()
        case .bool(let value): bool(value)
        case .int(let value): int(value)
        case .float(let value): double(value)
        case .string(let value): string(value)
        }
    }

    mutating func aggregate(_ value: AggregateValue) {
        switch value {
        case .value(let value): field(value)
        case .exponential(let counts): exponential(counts)
        case .histogram(let bins):
            beginObject()
            key("bins")
            beginArray()
            for bin in bins {
                beginObject()
                for (name, edge) in [("low", bin.low), ("high", bin.high)] {
                    key(name)
                    if edge.isFinite { double(edge) } else { null() }
                }
                key("count")
                int(Int64(clamping: bin.count))
                endObject()
            }
            endArray()
            endObject()
        }
    }

    /// `{"scale", "zero_count", "positive": {"offset", "bucket_counts"}, "negative": …}`, as OTLP has it.
    private mutating func exponential(_ counts: ExponentialCounts) {
        beginObject()
        key("scale")
        int(Int64(counts.scale))
        key("zero_count")
        int(Int64(clamping: counts.zeroCount))
        for (name, side) in [("positive", counts.positive), ("negative", counts.negative)] {
            key(name)
            beginObject()
            key("offset")
            int(Int64(side.offset))
            key("bucket_counts")
            beginArray()
            for count in side.counts { int(Int64(clamping: count)) }
            endArray()
            endObject()
        }
        endObject()
    }

    /// Group keys and calculations of a row, each under its name.
    mutating func members(of row: StatisticsTable.Row, in table: StatisticsTable) {
        for (name, value) in zip(table.groupNames, row.group) {
            key(name)
            field(value)
        }
        for (name, value) in zip(table.calculationNames, row.values) {
            key(name)
            aggregate(value)
        }
    }

    /// `{"time", "dataset", "samplerate", "received", "data": {…}}`.
    mutating func event(_ row: EventRow) {
        beginObject()
        key("time")
        string(RFC3339.text(nanoseconds: row.timestamp))
        key("dataset")
        string(row.dataset)
        key("samplerate")
        int(Int(row.sampleRate))
        key("received")
        string(RFC3339.text(nanoseconds: row.received))
        key("data")
        fields(of: row)
        endObject()
    }
}
