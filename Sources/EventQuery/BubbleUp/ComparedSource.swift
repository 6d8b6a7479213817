internal import Bytes
internal import Compute
internal import Events

/// The rows of one source that a comparison is about.
struct ComparedSource: Sendable {
    let source: any EventSource
    /// Selection and baseline together; not empty.
    let all: ComparedRows
    /// nil when the source has none.
    let selected: ComparedRows?
    /// One a row of the source; nil when each counts once.
    let weights: [UInt32]?

    /// Bytes held for it.
    var byteCount: Int {
        all.byteCount + (selected?.byteCount ?? 0) + (weights?.count ?? 0) * 4 + 64
    }
}

/// One thread's share of finding the rows to compare: fed source by source.
final class ComparedSourceScan {
    private let plan: QueryPlan
    /// Of the selection, where relatives tell it from the others.
    private let chosenPlan: QueryPlan?
    private let memo = DictionaryMemo()
    /// With their places among the query's sources.
    private(set) var sources: [(place: Int, source: ComparedSource)] = []
    private(set) var sizes = ComparedCount()
    /// Sums of squared weights.
    private(set) var squares = (selection: 0.0, baseline: 0.0)
    private(set) var events = 0
    private(set) var rowsScanned = 0
    private(set) var bytesScanned = 0
    /// Bytes held for what was found.
    private(set) var byteCount = 0

    init(_ plan: QueryPlan, chosen: QueryPlan?) {
        self.plan = plan
        chosenPlan = chosen
    }

    func scan(_ source: any EventSource, place: Int, _ work: SourceQueue) throws {
        precondition(source.rows <= EventLimits.rowsPerBatch, "BUG: a source of too many rows")
        let columns = plan.columns(of: source, memo)
        columns.checkpoint = { try work.checkpoint() }
        defer { bytesScanned += columns.bytesScanned }
        guard let found = try plan.selectedRows(columns) else { return }
        var chosen = Bitmap(count: source.rows)
        if let chosenPlan {
            let columns = chosenPlan.columns(of: source, memo)
            columns.checkpoint = { try work.checkpoint() }
            if let found = try chosenPlan.selectedRows(columns) {
                chosen = found.rows ?? Bitmap(count: source.rows, repeating: true)
            }
        } else if let selection = plan.selection {
            chosen = try columns.rows(where: selection)
            if let rows = found.rows { chosen.formIntersection(rows) }
        }
        let compared = ComparedSource(
            source: source, all: found.rows.map { ComparedRows($0) } ?? .range(0..<source.rows),
            selected: chosen.isEmpty ? nil : ComparedRows(chosen),
            weights: try plan.weights(of: source))
        rowsScanned += source.rows
        events += compared.all.count
        byteCount += compared.byteCount
        add(compared)
        sources.append((place, compared))
    }

    private func add(_ source: ComparedSource) {
        let all = sums(source.all, source.weights)
        let selected = source.selected.map { sums($0, source.weights) } ?? (sum: 0, squares: 0)
        sizes.selection += selected.sum
        sizes.baseline += all.sum - selected.sum
        squares.selection += selected.squares
        squares.baseline += all.squares - selected.squares
    }

    private func sums(
        _ rows: ComparedRows, _ weights: [UInt32]?
    ) -> (sum: UInt64, squares: Double) {
        guard let weights else { return (UInt64(rows.count), Double(rows.count)) }
        return rows.sums(of: weights)
    }
}
