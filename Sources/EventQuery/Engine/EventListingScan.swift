internal import Bytes
internal import Compute
internal import Events

/// Finds the events of a query for events as they are; `EventRowReader` then reads their fields.
struct EventListingScan {
    private let plan: QueryPlan
    private let sortKeys: [SortKey]
    private let limit: Int
    let memo = DictionaryMemo()
    private(set) var rowsScanned = 0
    private(set) var bytesScanned = 0
    private(set) var events = 0
    private var found: [Candidate] = []

    private struct Candidate {
        let place: EventPlace
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
                        place: EventPlace(source: index, row: row),
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
            Candidate(
                place: EventPlace(source: index, row: row), keys: [.int(times[row])],
                time: times[row])
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
        return (a.place.source, a.place.row) < (b.place.source, b.place.row)
    }

    /// Where the events are that were found, in the order of the answer.
    mutating func places() -> [EventPlace] {
        found.sort(by: precedes)
        return found.map(\.place)
    }
}
