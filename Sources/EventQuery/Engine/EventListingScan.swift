internal import Bytes
internal import Compute
internal import Events

/// A query for events as they are: finds the rows first, reads their fields last.
struct EventListingScan {
    private let plan: QueryPlan
    private let sortKeys: [SortKey]
    private let limit: Int
    private let memo = DictionaryMemo()
    private(set) var rowsScanned = 0
    private(set) var bytesScanned = 0
    private(set) var events = 0
    private var found: [Candidate] = []

    private struct Candidate {
        let source: Int
        let row: Int
        let keys: [FieldValue]
        /// Nanoseconds since 1970, to tell which sources can hold an earlier row.
        let time: Int64
    }

    init(_ plan: QueryPlan) {
        self.plan = plan
        sortKeys = plan.query.effectiveSort
        limit = plan.query.rowLimit
    }

    /// Sources in the order in which they are best looked at: those that can hold the first rows
    /// first, so that the others need not be.
    func order(_ sources: [any EventSource]) -> [Int] {
        guard let direction = timeDirection else { return Array(sources.indices) }
        return sources.indices.sorted { a, b in
            switch direction {
            case .descending:
                sources[a].timeBounds.upperBound > sources[b].timeBounds.upperBound
            case .ascending: sources[a].timeBounds.lowerBound < sources[b].timeBounds.lowerBound
            }
        }
    }

    private enum Direction { case ascending, descending }

    /// How time orders the answer, when it is the first sort key.
    private var timeDirection: Direction? {
        guard let key = sortKeys.first, key.name == "timestamp" else { return nil }
        return key.descending ? .descending : .ascending
    }

    /// Whether no row of the source can come before those that were found.
    func canSkip(_ source: any EventSource) -> Bool {
        guard found.count >= limit, let direction = timeDirection,
            let last = limit == 0 ? nil : found[limit - 1]
        else { return limit == 0 }
        switch direction {
        case .descending: return source.timeBounds.upperBound < last.time
        case .ascending: return source.timeBounds.lowerBound > last.time
        }
    }

    mutating func scan(_ source: any EventSource, index: Int) throws {
        let columns = SourceEvaluator(source, plan.evaluator, memo: memo)
        defer { bytesScanned += columns.bytesScanned }
        guard let selection = try plan.selectedRows(columns) else { return }
        rowsScanned += source.rows
        events += selection.count
        let times = try source.loadTimestamps()
        if timeDirection != nil, sortKeys.count == 1 {
            found += firstByTime(selection, of: source, times, index)
        } else {
            let keys = try sortKeys.map { try columns.column(expression(of: $0)) }
            selection.forEach(of: source) { row in
                found.append(
                    Candidate(
                        source: index, row: row,
                        keys: keys.map { $0?.value(at: row) ?? .missing }, time: times[row]))
            }
        }
        // At the limit as well: `canSkip` looks at the last one.
        if found.count >= limit {
            found.sort(by: precedes)
            found.removeLast(found.count - limit)
        }
    }

    /// Fast path: of the selected rows only the first `limit` by time can be in the answer.
    private func firstByTime(
        _ selection: SelectedRows, of source: any EventSource, _ times: [Int64], _ index: Int
    ) -> [Candidate] {
        var rows: [Int] = []
        selection.forEach(of: source) { rows.append($0) }
        if rows.count > limit {
            switch timeDirection {
            case .descending:
                rows.sort { (times[$0], $1) > (times[$1], $0) }
            case .ascending, nil: rows.sort { (times[$0], $0) < (times[$1], $1) }
            }
            rows.removeLast(rows.count - limit)
        }
        return rows.map { row in
            Candidate(source: index, row: row, keys: [.int(times[row])], time: times[row])
        }
    }

    private func expression(of key: SortKey) -> Expression {
        switch key.name {
        case "timestamp": .field(.timestamp)
        case "received": .field(.received)
        case "dataset": .field(.dataset)
        case "samplerate": .field(.sampleRate)
        default: plan.definitions[key.name] ?? .field(.named(key.name))
        }
    }

    private func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
        for (index, key) in sortKeys.enumerated() where a.keys[index] != b.keys[index] {
            return key.descending ? a.keys[index] > b.keys[index] : a.keys[index] < b.keys[index]
        }
        return (a.source, a.row) < (b.source, b.row)
    }

    /// Reads the fields of the rows that were found, source by source.
    ///
    /// Throws `QueryFailure.tooLarge` as soon as they take more than `bytesMax` bytes together.
    mutating func rows(_ sources: [any EventSource], bytesMax: Int) throws -> [EventRow] {
        var bytes = 0
        found.sort(by: precedes)
        var rows = [EventRow?](repeating: nil, count: found.count)
        for (source, places) in Dictionary(grouping: found.indices, by: { found[$0].source }) {
            let reader = try EventReader(sources[source], plan, memo)
            bytesScanned += reader.bytesScanned
            for place in places {
                let row = try reader.row(found[place].row)
                bytes += row.byteCount
                if bytes > bytesMax { throw QueryFailure.tooLarge(limit: bytesMax) }
                rows[place] = row
            }
        }
        return rows.compactMap { $0 }
    }
}

extension EventRow {
    /// About what it takes in memory and as text.
    fileprivate var byteCount: Int {
        fields.reduce(128) { sum, field in
            var size = 32 + field.name.utf8.count
            if case .string(let text) = field.value { size += text.utf8.count }
            return sum + size
        }
    }
}

/// Reads whole events of one source.
private struct EventReader {
    private let plan: QueryPlan
    private let times: [Int64]
    private let received: [Int64]
    private let rates: [UInt32]?
    private let datasets: CodedLane
    private let columns: [(name: String, column: Column)]
    private let evaluator: SourceEvaluator
    private let wanted: Set<String>?
    /// Bytes of the columns that are read, as they are kept.
    let bytesScanned: Int

    init(_ source: any EventSource, _ plan: QueryPlan, _ memo: DictionaryMemo) throws {
        self.plan = plan
        times = try source.loadTimestamps()
        received = try source.loadReceived()
        rates = try source.loadSampleRates()
        datasets = try source.loadDatasets()
        evaluator = SourceEvaluator(source, plan.evaluator, memo: memo)
        var wanted: Set<String>?
        if case .events(let listing) = plan.query.shape { wanted = listing.fields.map { Set($0) } }
        self.wanted = wanted
        columns = try source.fieldNames.compactMap { name in
            guard wanted?.contains(name) ?? true || name == EventBatch.spillName else { return nil }
            return try source.loadColumn(name).map { (name, $0) }
        }
        bytesScanned = columns.reduce(0) { $0 + source.storedByteCount(ofColumn: $1.name) }
    }

    func row(_ row: Int) throws -> EventRow {
        var fields: [String: FieldValue] = [:]
        for (name, column) in columns {
            let value = column.value(at: row)
            if value.isMissing { continue }
            if name == EventBatch.spillName, case .string(let text) = value {
                for field in Spill.fields(text) where wanted?.contains(field.name) ?? true {
                    fields[field.name] = field.value
                }
            } else {
                fields[name] = value
            }
        }
        for (name, expression) in plan.definitions where wanted?.contains(name) ?? true {
            let value = try evaluator.column(expression)?.value(at: row) ?? .missing
            fields[name] = value.isMissing ? nil : value
        }
        var dataset = ""
        if case .string(let name) = datasets.dictionary.value(ofCode: datasets.codes[row]) {
            dataset = name
        }
        return EventRow(
            timestamp: times[row], received: received[row], dataset: dataset,
            sampleRate: rates?[row] ?? 1,
            fields: fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
