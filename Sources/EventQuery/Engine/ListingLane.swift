internal import Bytes
internal import Compute
internal import Events

/// An event that may be in a listing.
struct ListingCandidate: Sendable {
    let place: EventPlace
    let position: ListingPosition
}

/// One thread's work on a listing: finds a source's first events in the order of the answer.
final class ListingLane {
    private let plan: QueryPlan
    private let order: ListingOrder
    /// Events of a source that can be in the answer at most.
    private let limit: Int
    /// Events before it were answered earlier.
    private let start: ListingPosition?
    private let memo = DictionaryMemo()
    private(set) var rowsScanned = 0
    private(set) var bytesScanned = 0
    private(set) var events = 0

    init(_ plan: QueryPlan, _ order: ListingOrder, limit: Int, from start: ListingPosition?) {
        self.plan = plan
        self.order = order
        self.limit = limit
        self.start = start
    }

    /// The first `limit` events of a source, in no order, without those that come after `bound`.
    func scan(
        _ source: any EventSource, index: Int, bound: ListingPosition?, _ work: SourceQueue
    ) throws -> [ListingCandidate] {
        let columns = plan.columns(of: source, memo)
        columns.checkpoint = { try work.checkpoint() }
        defer { bytesScanned += columns.bytesScanned }
        guard let selection = try plan.selectedRows(columns) else { return [] }
        let start = plan.trace?.now
        let found = try first(of: selection, columns, index, bound)
        rowsScanned += source.rows
        events += selection.count
        plan.trace?.note(.order, rowsIn: selection.count, rowsOut: found.count, since: start)
        return found
    }

    private func first(
        of selection: SelectedRows, _ columns: SourceEvaluator, _ index: Int,
        _ bound: ListingPosition?
    ) throws -> [ListingCandidate] {
        let source = columns.source
        let times = try source.loadTimestamps()
        if order.isByTime {
            let rows = firstByTime(selection, of: source, times, bound)
            if rows.isEmpty { return [] }
            var finder = try CandidateFinder(columns, plan, order, times, index)
            for row in rows { add(row, &finder) }
            return cut(finder.found)
        }
        var finder = try CandidateFinder(columns, plan, order, times, index)
        var bound = bound
        selection.forEach(of: source) { row in
            if let bound, finder.isBeyond(row, bound) { return }
            add(row, &finder)
            // Few of many rows are in the answer: those that cannot be are dropped again and again,
            // and most of the others are not even taken.
            if finder.found.count >= 4 * limit + 1024 {
                finder.found = cut(finder.found)
                bound = finder.found.last?.position
            }
        }
        return cut(finder.found)
    }

    private func add(_ row: Int, _ finder: inout CandidateFinder) {
        let candidate = finder.candidate(row)
        if let start, order.precedes(candidate.position, start) == true { return }
        finder.found.append(candidate)
    }

    private func cut(_ found: [ListingCandidate]) -> [ListingCandidate] {
        guard found.count > limit else { return found }
        return Array(found.sorted(by: order.precedes).prefix(limit))
    }

    /// Fast path: the selected rows that can be among the first `limit` by time, and those of the
    /// same time.
    private func firstByTime(
        _ selection: SelectedRows, of source: any EventSource, _ times: [Int64],
        _ bound: ListingPosition?
    ) -> [Int] {
        let rows = rowsToOrder(selection, of: source, times, bound?.time)
        // Those of the time at which the page begins may all have been answered before.
        let old = start.map { start in rows.count { times[$0] == start.time } } ?? 0
        guard rows.count > limit + old else { return rows }
        let last = rows.map { times[$0] }
            .element(at: limit + old - 1, descending: order.isDescending)
        return rows.filter { !order.isBefore(last, times[$0]) }
    }

    /// Selected rows that can be in the answer, in any order; of a run in which times ascend only
    /// those at its end.
    ///
    /// A source of many datasets ends in as many runs, each with its newest events.
    private func rowsToOrder(
        _ selection: SelectedRows, of source: any EventSource, _ times: [Int64], _ bound: Int64?
    ) -> [Int] {
        var rows: [Int] = []
        let runs = source.ascendingRuns
        guard !runs.isEmpty, selection.count / 8 > limit else {
            selection.forEach(of: source) { row in
                if let bound, order.isBefore(bound, times[row]) { return }
                rows.append(row)
            }
            return rows
        }
        for run in runs {
            var (taken, last) = (0, Int64(0))
            for step in 0..<run.count {
                let row = order.isDescending ? run.upperBound - 1 - step : run.lowerBound + step
                let time = times[row]
                if let bound, order.isBefore(bound, time) { break }
                // Rows of equal times are told apart by more than time: all of them stay.
                if taken >= limit, taken == 0 || time != last { break }
                if selection.rows?[row] == false { continue }
                rows.append(row)
                if time != start?.time { (taken, last) = (taken + 1, time) }
            }
        }
        return rows
    }
}

/// Makes candidates of the rows of one source.
private struct CandidateFinder {
    private let keys: [Column?]
    private let order: ListingOrder
    private let times: [Int64]
    private let received: [Int64]
    private let datasets: CodedLane
    private let source: Int
    var found: [ListingCandidate] = []

    init(
        _ columns: SourceEvaluator, _ plan: QueryPlan, _ order: ListingOrder, _ times: [Int64],
        _ source: Int
    ) throws {
        keys = try order.keys.map { try columns.column(plan.expression(of: $0)) }
        self.order = order
        self.times = times
        received = try columns.source.loadReceived()
        datasets = try columns.source.loadDatasets()
        self.source = source
    }

    /// Whether a row's first key alone puts it after a position.
    func isBeyond(_ row: Int, _ bound: ListingPosition) -> Bool {
        order.isBeyond(keys[0]?.value(at: row) ?? .missing, bound)
    }

    func candidate(_ row: Int) -> ListingCandidate {
        var dataset = ""
        if case .string(let name) = datasets.dictionary.value(ofCode: datasets.codes[row]) {
            dataset = name
        }
        return ListingCandidate(
            place: EventPlace(source: source, row: row),
            position: ListingPosition(
                keys: keys.map { $0?.value(at: row) ?? .missing }, time: times[row],
                received: received[row], dataset: dataset))
    }
}

extension ListingOrder {
    /// Whether one event comes before another; events that are equal stay as they lie.
    func precedes(_ a: ListingCandidate, _ b: ListingCandidate) -> Bool {
        precedes(a.position, b.position)
            ?? ((a.place.source, a.place.row) < (b.place.source, b.place.row))
    }
}

extension QueryPlan {
    fileprivate func expression(of key: SortKey) -> Expression {
        switch key.name {
        case "timestamp": .field(.timestamp)
        case "received": .field(.received)
        case "dataset": .field(.dataset)
        case "samplerate": .field(.sampleRate)
        default: definitions[key.name] ?? .field(.named(key.name))
        }
    }
}
