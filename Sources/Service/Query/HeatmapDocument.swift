internal import Bytes
internal import Compute
internal import EventQuery
internal import Events

/// A heatmap as a matrix: for each group and time one count for each of the bins that all share.
struct HeatmapDocument {
    private let table: StatisticsTable
    private let name: String
    private let place: Int
    private let bins: NumberBins
    /// The place of a bin by its lower edge, which is infinite below.
    private let placeOfEdge: [Double: Int]

    /// nil when the answer has no heatmap of that name with bins of its own.
    init?(_ table: StatisticsTable, _ name: String) {
        guard let bins = table.heatmapBins[name],
            let place = table.calculationNames.firstIndex(of: name)
        else { return nil }
        (self.table, self.name, self.place, self.bins) = (table, name, place, bins)
        placeOfEdge = Dictionary(
            (0...bins.count + 1).map { (bins.bounds(ofBin: $0).low, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// `{"calculation", "scale", "bins": [{"low", "high"}], "groups": [{"group", "counts"}], …}`.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("calculation")
        writer.string(name)
        writer.key("scale")
        writer.string(bins.isLogarithmic ? "log" : "linear")
        writer.key("bins")
        writer.beginArray()
        for bin in 0...bins.count + 1 { write(bins.bounds(ofBin: bin), to: &writer) }
        writer.endArray()
        let times = table.series.map(\.time).reduce(into: [Int64]()) {
            if $0.last != $1 { $0.append($1) }
        }
        let series = Dictionary(grouping: table.series, by: \.row.group)
        if !times.isEmpty {
            writer.key("times")
            writer.beginArray()
            for time in times { writer.string(RFC3339.text(nanoseconds: time)) }
            writer.endArray()
        }
        writer.key("groups")
        writer.beginArray()
        for row in table.rows { write(row, times, series[row.group] ?? [], to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    private func write(_ bounds: (low: Double, high: Double), to writer: inout JSONWriter) {
        writer.beginObject()
        for (key, number) in [("low", bounds.low), ("high", bounds.high)] {
            writer.key(key)
            if number.isFinite { writer.double(number) } else { writer.null() }
        }
        writer.endObject()
    }

    private func write(
        _ row: StatisticsTable.Row, _ times: [Int64], _ series: [StatisticsTable.SeriesRow],
        to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.key("group")
        writer.beginObject()
        for (name, value) in zip(table.groupNames, row.group) {
            writer.key(name)
            writer.field(value)
        }
        writer.endObject()
        writer.key("counts")
        write(counts(row), to: &writer)
        if !times.isEmpty {
            var columns: [Int64: [UInt64]] = [:]
            for point in series { columns[point.time] = counts(point.row) }
            let nothing = [UInt64](repeating: 0, count: bins.count + 2)
            writer.key("columns")
            writer.beginArray()
            for time in times { write(columns[time] ?? nothing, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
    }

    private func write(_ counts: [UInt64], to writer: inout JSONWriter) {
        writer.beginArray()
        for count in counts { writer.int(Int64(clamping: count)) }
        writer.endArray()
    }

    private func counts(_ row: StatisticsTable.Row) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: bins.count + 2)
        guard case .histogram(let found) = row.values[place] else { return counts }
        for bin in found {
            if let place = placeOfEdge[bin.low] { counts[place] += bin.count }
        }
        return counts
    }
}
