internal import Bytes
internal import Compute
internal import Events

/// One thread's share of a query for statistics: fed source by source.
///
/// While the sources share their dictionaries, groups are codes; a source that brings others begins
/// a partial of its own. Partials are merged by value when there are many, and at the end.
final class StatisticsScan {
    private let plan: QueryPlan
    private let memo = DictionaryMemo()
    /// Partials of different dictionaries; the last one is fed.
    private(set) var partials: [GroupPartial] = []
    private(set) var rowsScanned = 0
    private(set) var bytesScanned = 0
    private(set) var events = 0

    init(_ plan: QueryPlan) {
        self.plan = plan
    }

    /// Partials of different dictionaries before they are merged into one.
    private static let partialsMax = 16

    var byteCount: Int { partials.reduce(0) { $0 + $1.byteCount } }

    /// Counts a source; throws `Interrupted`, with nothing of it counted, when `work` must not go on.
    func scan(_ source: any EventSource, _ work: SourceQueue) throws {
        let columns = plan.columns(of: source, memo)
        columns.checkpoint = { try work.checkpoint() }
        defer { bytesScanned += columns.bytesScanned }
        guard let selection = try plan.selectedRows(columns) else { return }
        let start = plan.trace?.now
        let selectionBytes = columns.bytesScanned
        var dimensions: [GroupSpace.Dimension] = []
        var codes: [CodeArray] = []
        var sets: (elements: ElementCodes, dimension: Int)?
        for key in plan.groupBy {
            try work.checkpoint()
            if key.isEach {
                let elements = try columns.elements(key.expression)
                sets = (elements, dimensions.count)
                dimensions.append(.values(elements.dictionary))
                codes.append(elements.elements(at: 0, in: selection.rows).codes)
                continue
            }
            let grouped = GroupCodes(try columns.column(key.expression), rows: source.rows)
            dimensions.append(.values(grouped.dictionary))
            codes.append(grouped.codes)
        }
        if let buckets = plan.buckets {
            dimensions.append(.buckets(buckets.count))
            codes.append(
                buckets.buckets(try source.loadTimestamps(), ascending: source.ascendingRuns))
        }
        let partial = partial(dimensions, rows: source.rows)
        plan.trace?.note(
            .groups, rowsIn: selection.count, rowsOut: selection.count,
            bytes: columns.bytesScanned - selectionBytes, since: start)
        let aggregatesStart = plan.trace?.now
        let groupBytes = columns.bytesScanned
        defer {
            plan.trace?.note(
                .aggregates, rowsIn: selection.count, rowsOut: selection.count,
                bytes: columns.bytesScanned - groupBytes, since: aggregatesStart)
        }
        let inputs = try Inputs(plan.slots, columns)
        // From here on the source is counted as a whole.
        columns.checkpoint = nil
        rowsScanned += source.rows
        events += selection.count
        try feed(partial, codes, selection.rows, selection.count, columns, inputs)
        guard let (elements, dimension) = sets else { return }
        for place in 1..<elements.most(in: selection.rows) {
            let (others, rows) = elements.elements(at: place, in: selection.rows)
            codes[dimension] = others
            try feed(partial, codes, rows, nil, columns, inputs)
        }
    }

    /// What the aggregates of one source take, worked out before the first of them is fed.
    private struct Inputs {
        private var arguments: [Expression?: AggregateInput] = [:]
        private var timed: [Expression?: AggregateInput] = [:]
        private var filters: [Expression: Bitmap] = [:]

        init(_ slots: [AggregateSlot], _ columns: SourceEvaluator) throws {
            for slot in slots {
                try columns.checkpoint?()
                if slot.manyRelation != nil { continue }
                if slot.needsTimes {
                    timed[slot.argument] = AggregateInput(
                        try slot.argument.flatMap { try columns.column($0) }, rows: columns.rows,
                        timestamps: try columns.source.loadTimestamps())
                } else if arguments[slot.argument] == nil {
                    let column = try slot.argument.flatMap { try columns.column($0) }
                    arguments[slot.argument] = AggregateInput(column, rows: columns.rows)
                }
                if let filter = slot.filter, filters[filter] == nil {
                    filters[filter] = try columns.rows(where: filter)
                }
            }
        }

        func argument(of slot: AggregateSlot) -> AggregateInput? {
            slot.needsTimes ? timed[slot.argument] : arguments[slot.argument]
        }
        func filter(of slot: AggregateSlot) -> Bitmap? { slot.filter.flatMap { filters[$0] } }
    }

    /// Feeds rows, each in the group of its codes.
    ///
    /// - Parameter count: how many rows, where it is known.
    private func feed(
        _ partial: GroupPartial, _ codes: [CodeArray], _ rows: Bitmap?, _ count: Int?,
        _ columns: SourceEvaluator, _ inputs: Inputs
    ) throws {
        let source = columns.source
        let cells = partial.space.cells(codes, rows: source.rows, selection: rows)
        partial.grow()
        let grouped = GroupedRows(
            rows: source.rows, selection: rows, count: count, cells: cells,
            weights: try plan.weights(of: source))
        partial.rowCounts.update(grouped.unweighted, AggregateInput(nil, rows: source.rows))
        for (slot, state) in zip(plan.slots, partial.states) {
            if let relation = slot.manyRelation {
                try update(state, slot, grouped, relation, columns)
                continue
            }
            guard let input = inputs.argument(of: slot) else { continue }
            var rows = grouped
            if let filter = inputs.filter(of: slot) { rows = grouped.restricted(to: filter) }
            try state.update(rows, input)
        }
    }

    /// Feeds a state with all relatives of each row: with the first of each, then with the second, and
    /// so on.
    private func update(
        _ state: any AggregateState, _ slot: AggregateSlot, _ grouped: GroupedRows,
        _ relation: Relation, _ columns: SourceEvaluator
    ) throws {
        guard let first = columns.related as? RelatedRows else { return }
        for place in 0..<(try first.most(relation, columns)) {
            let related = first.at(place: place)
            let columns = plan.columns(of: columns.source, memo, relatives: related)
            var rows = grouped.restricted(to: try related.rows(having: relation, columns))
            if let filter = slot.filter {
                rows = rows.restricted(to: try columns.rows(where: filter))
            }
            let column = try slot.argument.flatMap { try columns.column($0) }
            try state.update(
                rows,
                AggregateInput(
                    column, rows: columns.rows,
                    timestamps: slot.needsTimes ? try columns.source.loadTimestamps() : nil))
        }
    }

    private func partial(_ dimensions: [GroupSpace.Dimension], rows: Int) -> GroupPartial {
        if let last = partials.last, last.space.hasDimensions(dimensions) { return last }
        settle()
        if partials.count >= StatisticsScan.partialsMax {
            partials = [GroupPartial.merging(partials)]
        }
        let fresh = GroupPartial(GroupSpace(dimensions, rows: rows), plan.makeStates())
        partials.append(fresh)
        return fresh
    }

    /// Puts the partial that was fed in order, before it is merged.
    func settle() { partials.last?.settle() }
}

extension QueryPlan {
    @Sendable func makeStates() -> [any AggregateState] {
        slots.indices.map { slot in
            slots[slot].makeState(
                calculations.filter { $0.slot == slot }.map(\.reading),
                OpenSpanState.Frame(timeRange, buckets))
        }
    }

    /// A partial of no rows: what a query over no events answers.
    func emptyPartial() -> GroupPartial {
        var dimensions = groupBy.map { _ in GroupSpace.Dimension.values(.empty) }
        if let buckets { dimensions.append(.buckets(buckets.count)) }
        return GroupPartial(GroupSpace(dimensions, rows: 0), makeStates())
    }

    /// The partials of all threads as one.
    func merge(_ scans: [StatisticsScan]) -> GroupPartial {
        let partials = scans.flatMap(\.partials)
        return partials.isEmpty ? emptyPartial() : GroupPartial.merging(partials)
    }
}
