internal import Bytes
internal import Compute
internal import Events
internal import Host

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
        var rows = rowsToOrder(selection, of: source, times)
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

    /// Selected rows that can be in the answer, in any order; of a run in which times ascend only
    /// those at its end.
    ///
    /// A source of many datasets ends in as many runs, each with its newest events.
    private func rowsToOrder(
        _ selection: SelectedRows, of source: any EventSource, _ times: [Int64]
    ) -> [Int] {
        var rows: [Int] = []
        let runs = source.ascendingRuns
        guard let direction = timeDirection, !runs.isEmpty, selection.count / 8 > limit else {
            selection.forEach(of: source) { rows.append($0) }
            return rows
        }
        let bound = found.count >= limit && limit > 0 ? found[limit - 1].time : nil
        let isDescending = direction == .descending
        for run in runs {
            var (taken, last) = (0, Int64(0))
            for step in 0..<run.count {
                let row = isDescending ? run.upperBound - 1 - step : run.lowerBound + step
                let time = times[row]
                if let bound, isDescending ? time < bound : time > bound { break }
                // Rows of equal times are told apart by more than time: all of them stay.
                if taken >= limit, taken == 0 || time != last { break }
                if selection.rows?[row] == false { continue }
                rows.append(row)
                (taken, last) = (taken + 1, time)
            }
        }
        return rows
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
    mutating func rows(
        _ sources: [any EventSource], bytesMax: Int, _ pool: WorkerPool
    ) throws -> [EventRow] {
        var bytes = 0
        found.sort(by: precedes)
        var rows = [EventRow?](repeating: nil, count: found.count)
        let bySource = Dictionary(grouping: found.indices, by: { found[$0].source })
        for portion in EventListingScan.portions(bySource) {
            let shares = portion.map { share in
                (sources[share.source], share.places.map { found[$0].row })
            }
            let readers = try EventReader.readers(shares, plan, memo, pool)
            for (share, reader) in zip(portion, readers) {
                bytesScanned += reader.bytesScanned
                for (index, place) in share.places.enumerated() {
                    let row = try reader.row(index)
                    bytes += row.byteCount
                    if bytes > bytesMax { throw QueryFailure.tooLarge(limit: bytesMax) }
                    rows[place] = row
                }
            }
        }
        return rows.compactMap { $0 }
    }

    private typealias Share = (source: Int, places: [Int])

    /// Rows whose fields are in memory before they are counted: with thousands of fields each, some
    /// ten mebibytes.
    private static let rowsPerPortion = 1_000

    /// The places of all sources, in portions that are read together.
    private static func portions(_ bySource: [Int: [Int]]) -> [[Share]] {
        var portions: [[Share]] = []
        var rows = rowsPerPortion
        for (source, places) in bySource.sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: places.count, by: rowsPerPortion) {
                let part = Array(places[start..<min(start + rowsPerPortion, places.count)])
                if rows + part.count > rowsPerPortion {
                    portions.append([])
                    rows = 0
                }
                portions[portions.count - 1].append((source, part))
                rows += part.count
            }
        }
        return portions
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

/// Reads whole events of one source: of each column the values of the rows that are shown.
private struct EventReader {
    private let plan: QueryPlan
    /// The rows that are read; what follows has one entry each.
    private let rows: [Int]
    private let times: [Int64]
    private let received: [Int64]
    private let rates: [UInt32]?
    private let datasets: CodedLane
    private var fields: [(name: String, values: [FieldValue])] = []
    private let evaluator: SourceEvaluator
    private let wanted: Set<String>?
    /// Bytes of the columns that are read, as they are kept.
    private(set) var bytesScanned = 0

    private init(
        _ source: any EventSource, _ rows: [Int], _ plan: QueryPlan, _ memo: DictionaryMemo
    ) throws {
        self.plan = plan
        self.rows = rows
        times = try source.loadTimestamps()
        received = try source.loadReceived()
        rates = try source.loadSampleRates()
        datasets = try source.loadDatasets()
        evaluator = SourceEvaluator(source, plan.evaluator, memo: memo)
        var wanted: Set<String>?
        if case .events(let listing) = plan.query.shape { wanted = listing.fields.map { Set($0) } }
        self.wanted = wanted
    }

    /// Columns that one thread reads before it asks for more.
    private static let columnsPerTask = 8

    /// Readers of some rows of each source; the columns of all are shared out among the threads.
    static func readers(
        _ shares: [(source: any EventSource, rows: [Int])], _ plan: QueryPlan,
        _ memo: DictionaryMemo, _ pool: WorkerPool
    ) throws -> [EventReader] {
        var readers = try shares.map { try EventReader($0.source, $0.rows, plan, memo) }
        var tasks: [(share: Int, names: ArraySlice<String>)] = []
        for (share, reader) in readers.enumerated() {
            let names = shares[share].source.fieldNames.filter {
                reader.wanted?.contains($0) ?? true || $0 == EventBatch.spillName
            }
            shares[share].source.willRead(names)
            for start in stride(from: 0, to: names.count, by: columnsPerTask) {
                tasks.append((share, names[start..<min(start + columnsPerTask, names.count)]))
            }
        }
        let (planned, inputs) = (tasks, shares)
        let columns = pool.parallelMap(planned.count) { index in
            let task = planned[index]
            let (source, rows) = inputs[task.share]
            return Result {
                try task.names.map { ($0, try source.values(ofColumn: $0, at: rows)) }
            }
        }
        for (task, result) in zip(planned, columns) {
            for (name, values) in try result.get() where !values.allSatisfy(\.isMissing) {
                readers[task.share].fields.append((name, values))
                readers[task.share].bytesScanned +=
                    shares[task.share].source.storedByteCount(ofColumn: name)
            }
        }
        return readers
    }

    /// The event of row `rows[index]`.
    func row(_ index: Int) throws -> EventRow {
        let row = rows[index]
        var found: [String: FieldValue] = [:]
        for (name, values) in fields {
            let value = values[index]
            if value.isMissing { continue }
            if name == EventBatch.spillName, case .string(let text) = value {
                for field in Spill.fields(text) where wanted?.contains(field.name) ?? true {
                    found[field.name] = field.value
                }
            } else {
                found[name] = value
            }
        }
        for (name, expression) in plan.definitions where wanted?.contains(name) ?? true {
            let value = try evaluator.column(expression)?.value(at: row) ?? .missing
            found[name] = value.isMissing ? nil : value
        }
        var dataset = ""
        if case .string(let name) = datasets.dictionary.value(ofCode: datasets.codes[row]) {
            dataset = name
        }
        return EventRow(
            timestamp: times[row], received: received[row], dataset: dataset,
            sampleRate: rates?[row] ?? 1,
            fields: found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
