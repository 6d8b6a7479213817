internal import Bytes

extension Spill {
    /// The batches with so few names, all together, that one batch or segment can hold them: at
    /// most `namesPerDataset` for each dataset and `namesPerBatch` in all.
    ///
    /// The names of most rows stay; fields of the others move to the spill column of their events.
    public static func fit(_ batches: [EventBatch]) -> [EventBatch] {
        // Fast path: too few names to break either bound.
        if names(of: batches).count <= EventLimits.namesPerDataset { return batches }
        let kept = namesKept(batches)
        return batches.map { spill($0, keeping: kept) }
    }

    /// The batches with so few names that one batch of all their rows takes memory in proportion to
    /// its values: beyond `spareCells`, at most `cellsPerValue` cells for each.
    static func fitOneBatch(_ batches: [EventBatch]) -> [EventBatch] {
        let fitting = fit(batches)
        let rows = fitting.reduce(0) { $0 + $1.rows }
        // Fast path: so few cells that it does not matter how many are empty.
        if rows * names(of: fitting).count <= EventLimits.spareCells { return fitting }
        let rowsOfName = rowsOfNames(fitting)
        let values = rowsOfName.values.reduce(0, +)
        let cellsMax = values * EventLimits.cellsPerValue + EventLimits.spareCells
        if rows * rowsOfName.count <= cellsMax { return fitting }
        let kept = Set(mostFrequent(rowsOfName, cellsMax / max(1, rows)))
        return fitting.map { spill($0, keeping: kept) }
    }

    private static func names(of batches: [EventBatch]) -> Set<String> {
        batches.reduce(into: []) { $0.formUnion($1.names) }
    }

    private static func rowsOfNames(_ batches: [EventBatch]) -> [String: Int] {
        var rows: [String: Int] = [:]
        for batch in batches {
            for name in batch.names where name != EventBatch.spillName {
                rows[name, default: 0] += batch[name]?.presence().population ?? 0
            }
        }
        return rows
    }

    private static func namesKept(_ batches: [EventBatch]) -> Set<String> {
        var rowsOfPair: [String: [String: Int]] = [:]
        for batch in batches {
            for name in batch.names where name != EventBatch.spillName {
                batch[name]?.presence().forEachRow { row in
                    let code = batch.datasets.codes[row]
                    if case .string(let dataset) = batch.datasets.dictionary.value(ofCode: code) {
                        rowsOfPair[dataset, default: [:]][name, default: 0] += 1
                    }
                }
            }
        }
        var kept: Set<String> = []
        for (_, rows) in rowsOfPair {
            kept.formUnion(mostFrequent(rows, EventLimits.namesPerDataset))
        }
        guard kept.count > EventLimits.namesPerBatch else { return kept }
        let rowsOfKept = rowsOfNames(batches).filter { kept.contains($0.key) }
        return Set(mostFrequent(rowsOfKept, EventLimits.namesPerBatch))
    }

    static func mostFrequent(_ rows: [String: Int], _ most: Int) -> [String] {
        rows.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(most).map(\.key)
    }

    /// The batch with the columns of `kept` alone; all other fields move to the spill column.
    static func spill(_ batch: EventBatch, keeping kept: Set<String>) -> EventBatch {
        let surplus = batch.names.filter { !kept.contains($0) && $0 != EventBatch.spillName }
        if surplus.isEmpty { return batch }
        var rows = [SpillWriter](repeating: SpillWriter(), count: batch.rows)
        if let earlier = batch[EventBatch.spillName] {
            for row in 0..<batch.rows {
                guard case .string(let text) = earlier.value(at: row) else { continue }
                for field in fields(text) { rows[row].append(field.name, field.value) }
            }
        }
        for name in surplus {
            guard let column = batch[name] else { continue }
            column.presence().forEachRow { rows[$0].append(name, column.value(at: $0)) }
        }
        var builder = ColumnBuilder(name: EventBatch.spillName)
        for row in 0..<batch.rows where rows[row].fieldCount > 0 {
            rows[row].withText { builder.append($0, row: row) }
        }
        var columns: [(name: String, column: Column)] = []
        for name in batch.names where kept.contains(name) {
            if let column = batch[name] { columns.append((name, column)) }
        }
        columns.append((EventBatch.spillName, builder.column(rows: batch.rows)))
        return EventBatch(
            timestamps: batch.timestamps, received: batch.received, sampleRates: batch.sampleRates,
            datasets: batch.datasets, columns: columns)
    }
}
