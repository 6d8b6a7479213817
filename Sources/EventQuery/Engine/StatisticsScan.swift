internal import Bytes
internal import Compute
internal import Events

/// One thread's share of a query for statistics: fed source by source.
///
/// While the sources share their dictionaries, groups are codes; when a source brings others, what
/// is there is merged by value, and counting goes on with the new ones.
final class StatisticsScan {
    private let plan: QueryPlan
    private let isUnweighted: Bool
    private let memo = DictionaryMemo()
    private(set) var current: GroupPartial?
    private(set) var merged: GroupPartial.ByValue?
    private(set) var rowsScanned = 0
    private(set) var events = 0

    init(_ plan: QueryPlan) {
        self.plan = plan
        isUnweighted = plan.query.isUnweighted
    }

    var byteCount: Int { (current?.byteCount ?? 0) + (merged?.byteCount ?? 0) }

    func scan(_ source: any EventSource) throws {
        let columns = SourceEvaluator(source, plan.evaluator, memo: memo)
        guard let selection = try plan.selectedRows(columns, memo) else { return }
        rowsScanned += source.rows
        let rows = selection.listedRows
        let count = rows?.count ?? source.rows
        events += count

        var dimensions: [GroupSpace.Dimension] = []
        var codes: [[UInt32]] = []
        for key in plan.groupBy {
            let grouped = GroupCodes(try columns.column(key.expression), rows: source.rows)
            dimensions.append(.values(grouped.dictionary))
            codes.append(grouped.gathered(rows))
        }
        if let buckets = plan.buckets {
            dimensions.append(.buckets(buckets.count))
            codes.append(buckets.buckets(try source.loadTimestamps(), rows))
        }
        let partial = partial(dimensions, rows: source.rows)
        let cells = partial.space.cells(codes, count: count)
        partial.grow()
        let grouped = GroupedRows(
            rows: rows, count: count, cells: cells, weights: try weights(source, rows))
        let unweighted = GroupedRows(rows: rows, count: count, cells: cells, weights: nil)
        partial.rowCounts.update(unweighted, AggregateInput(nil, rows: source.rows))
        try update(partial, grouped, columns)
    }

    private func update(
        _ partial: GroupPartial, _ grouped: GroupedRows, _ columns: SourceEvaluator
    ) throws {
        var inputs: [Expression?: AggregateInput] = [:]
        for (slot, state) in zip(plan.slots, partial.states) {
            let input: AggregateInput
            if let known = inputs[slot.argument] {
                input = known
            } else {
                let column = try slot.argument.flatMap { try columns.column($0) }
                input = AggregateInput(column, rows: columns.rows)
                inputs[slot.argument] = input
            }
            var rows = grouped
            if let filter = slot.filter {
                rows = grouped.restricted(to: try columns.rows(where: filter))
            }
            try state.update(rows, input)
        }
    }

    private func weights(_ source: any EventSource, _ rows: [UInt32]?) throws -> [UInt32]? {
        guard !isUnweighted, let rates = try source.loadSampleRates() else { return nil }
        return rows.map { $0.map { rates[Int($0)] } } ?? rates
    }

    private func partial(_ dimensions: [GroupSpace.Dimension], rows: Int) -> GroupPartial {
        if let current, current.space.hasDimensions(dimensions) { return current }
        fold()
        let fresh = GroupPartial(GroupSpace(dimensions, rows: rows), plan.makeStates())
        current = fresh
        return fresh
    }

    /// Merges what is there by value.
    func fold() {
        guard let done = current else { return }
        let target = merged ?? GroupPartial.ByValue(like: done.space.dimensions, plan.makeStates)
        target.merge(done)
        merged = target
        current = nil
    }
}

extension QueryPlan {
    @Sendable func makeStates() -> [any AggregateState] { slots.map { $0.makeState() } }

    /// A partial of no rows: what a query over no events answers.
    func emptyPartial() -> GroupPartial {
        var dimensions = groupBy.map { _ in GroupSpace.Dimension.values(.empty) }
        if let buckets { dimensions.append(.buckets(buckets.count)) }
        return GroupPartial(GroupSpace(dimensions, rows: 0), makeStates())
    }

    /// The partials of all threads as one.
    func merge(_ scans: [StatisticsScan]) -> GroupPartial {
        let busy = scans.filter { $0.current != nil || $0.merged != nil }
        guard let first = busy.first else { return emptyPartial() }
        // Fast path: all threads counted in one space, as over one segment.
        if let partial = first.current,
            busy.allSatisfy({ scan in
                scan.merged == nil
                    && scan.current?.space.hasDimensions(partial.space.dimensions) ?? false
            })
        {
            for scan in busy.dropFirst() { if let other = scan.current { partial.merge(other) } }
            return partial
        }
        for scan in busy { scan.fold() }
        guard let all = first.merged else { return emptyPartial() }
        for scan in busy.dropFirst() {
            if let other = scan.merged { all.merge(other.finish()) }
        }
        return all.finish()
    }
}
