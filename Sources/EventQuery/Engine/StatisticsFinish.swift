internal import Compute
internal import Events

extension QueryPlan {
    /// Makes rows of groups: keeps those that `having` lets through, orders them, cuts them off.
    ///
    /// Throws `QueryFailure.refused` for a series that is too long.
    func table(
        _ partial: GroupPartial, options: QueryOptions
    ) throws(QueryFailure) -> StatisticsTable {
        var groups = partial
        var groupOfCell: CellMap?
        if buckets != nil {
            let (whole, map) = partial.droppingLastDimension()
            groups = whole
            groupOfCell = map
        }
        let kept = keptGroups(groups)
        var table = StatisticsTable(
            groupNames: groupBy.map(\.name), calculationNames: statistics?.columns ?? [],
            rows: kept.map { row($0, in: groups) })
        if let buckets, let groupOfCell {
            table.series = try series(
                partial, buckets, groupOfCell, kept, rowsMax: options.seriesRowsMax)
        }
        if options.wantsTotals {
            let total = groups.total()
            table.total = values(ofCell: 0, in: total)
            let left = groups.total(without: Set(kept))
            if left.rowCounts.count(ofCell: 0) > 0 { table.other = values(ofCell: 0, in: left) }
        }
        return table
    }

    private func keptGroups(_ partial: GroupPartial) -> [Int] {
        // Without group keys there is one group, events or not.
        var groups = groupBy.isEmpty ? [0] : partial.groups
        if let having = statistics?.having {
            groups = groups.filter { cell in
                evaluator.isTrue(having) { reference in
                    guard case .named(let name) = reference else { return .missing }
                    return value(named: name, ofCell: cell, in: partial)
                }
            }
        }
        let order = GroupOrder(self, partial, query.effectiveSort)
        return order.first(query.rowLimit, of: groups)
    }

    private func row(_ cell: Int, in partial: GroupPartial) -> StatisticsTable.Row {
        StatisticsTable.Row(
            group: groupBy.indices.map { partial.space.value(ofCell: cell, in: $0) },
            values: values(ofCell: cell, in: partial))
    }

    /// What the answer shows of a cell: calculations, then formulas.
    private func values(ofCell cell: Int, in partial: GroupPartial) -> [AggregateValue] {
        var values: [AggregateValue] = []
        for calculation in calculations where !calculation.isHidden {
            values.append(
                partial.states[calculation.slot].value(ofCell: cell, calculation.reading))
        }
        for formula in formulas {
            values.append(.value(value(of: formula, ofCell: cell, in: partial)))
        }
        return values
    }

    private func value(
        of formula: Formula, ofCell cell: Int, in partial: GroupPartial
    ) -> FieldValue {
        evaluator.value(of: formula.expression) { reference in
            guard case .named(let name) = reference else { return .missing }
            return value(named: name, ofCell: cell, in: partial)
        }
    }

    /// The value of a calculation, a formula or a group key, by its name in the answer.
    func value(named name: String, ofCell cell: Int, in partial: GroupPartial) -> FieldValue {
        reader(ofName: name, in: partial)(cell)
    }

    /// What gives the value of that name for each cell.
    func reader(ofName name: String, in partial: GroupPartial) -> (Int) -> FieldValue {
        if let calculation = calculations.first(where: { $0.name == name }) {
            let state = partial.states[calculation.slot]
            return { cell in
                guard case .value(let value) = state.value(ofCell: cell, calculation.reading) else {
                    return .missing
                }
                return value
            }
        }
        if let formula = formulas.first(where: { $0.name == name }) {
            return { value(of: formula, ofCell: $0, in: partial) }
        }
        guard let dimension = groupBy.firstIndex(where: { $0.name == name }) else {
            return { _ in .missing }
        }
        return { partial.space.value(ofCell: $0, in: dimension) }
    }

    private func series(
        _ partial: GroupPartial, _ buckets: TimeBuckets, _ groupOfCell: CellMap, _ kept: [Int],
        rowsMax: Int
    ) throws(QueryFailure) -> [StatisticsTable.SeriesRow] {
        var place: [Int: Int] = [:]
        for (index, group) in kept.enumerated() { place[group] = index }
        var cells: [(bucket: UInt32, place: Int, cell: Int)] = []
        for cell in partial.groups {
            guard let index = place[groupOfCell[cell]] else { continue }
            let bucket = partial.space.code(ofCell: cell, in: groupBy.count)
            cells.append((bucket, index, cell))
        }
        guard cells.count <= rowsMax else {
            throw .refused(
                "the series has \(cells.count) rows, more than \(rowsMax); take a longer step, a "
                    + "shorter range or a lower limit")
        }
        cells.sort { ($0.bucket, $0.place) < ($1.bucket, $1.place) }
        return cells.map { bucket, _, cell in
            StatisticsTable.SeriesRow(
                time: buckets.start(ofBucket: Int(bucket)), row: row(cell, in: partial))
        }
    }
}

extension QueryPlan {
    /// The groups that the answer shows, when that can be told from one calculation; nil when other
    /// groups are looked at as well.
    func leadingGroups(_ options: QueryOptions) -> LeadingGroups? {
        guard groupBy.count == 1, buckets == nil, !options.wantsTotals,
            statistics?.having == nil, query.rowLimit > 0, let key = query.effectiveSort.first,
            key.descending,
            let calculation = calculations.first(where: { $0.name == key.name }),
            let combination = slots[calculation.slot].combination
        else { return nil }
        return LeadingGroups(
            query.rowLimit, byState: calculation.slot, calculation.reading, combination)
    }
}

/// The order of groups in an answer: by the sort keys, ties by group key, ascending.
struct GroupOrder {
    private let plan: QueryPlan
    private let partial: GroupPartial
    private let keys: [SortKey]

    init(_ plan: QueryPlan, _ partial: GroupPartial, _ keys: [SortKey]) {
        self.plan = plan
        self.partial = partial
        self.keys = keys
    }

    /// The first `limit` of the groups, in order.
    func first(_ limit: Int, of groups: [Int]) -> [Int] {
        guard let key = keys.first else { return Array(sorted(groups).prefix(limit)) }
        // Work is kept for groups that can come first: the rest is cut off by the first key alone.
        // Fast path: numbers that a double holds exactly are compared as doubles.
        if let calculation = plan.calculations.first(where: { $0.name == key.name }),
            let numbers = partial.states[calculation.slot]
                .exactNumbers(ofCells: groups, calculation.reading)
        {
            return first(limit, of: groups, by: numbers, descending: key.descending)
        }
        let values = groups.map(plan.reader(ofName: key.name, in: partial))
        return first(limit, of: groups, by: values, descending: key.descending)
    }

    private func first<Value: Comparable>(
        _ limit: Int, of groups: [Int], by values: [Value], descending: Bool
    ) -> [Int] {
        let candidates: [Int]
        if groups.count > limit * 2, limit > 0 {
            let bound = values.element(at: limit - 1, descending: descending)
            candidates = values.indices.filter {
                descending ? values[$0] >= bound : values[$0] <= bound
            }
        } else {
            candidates = Array(groups.indices)
        }
        let sorted = candidates.sorted { a, b in
            if values[a] != values[b] {
                return descending ? values[a] > values[b] : values[a] < values[b]
            }
            return precedes(groups[a], groups[b], keys.dropFirst())
        }
        return sorted.prefix(limit).map { groups[$0] }
    }

    private func sorted(_ groups: [Int]) -> [Int] {
        groups.sorted { precedes($0, $1, keys[...]) }
    }

    private func precedes(_ a: Int, _ b: Int, _ keys: ArraySlice<SortKey>) -> Bool {
        for key in keys {
            let x = plan.value(named: key.name, ofCell: a, in: partial)
            let y = plan.value(named: key.name, ofCell: b, in: partial)
            if x != y { return key.descending ? x > y : x < y }
        }
        for dimension in plan.groupBy.indices {
            let x = partial.space.code(ofCell: a, in: dimension)
            let y = partial.space.code(ofCell: b, in: dimension)
            if x == y { continue }
            // Fast path: codes of a sorted dictionary are in the order of their values.
            if case .values(let dictionary) = partial.space.dimensions[dimension] {
                if dictionary.isSorted { return x < y }
                return dictionary.value(ofCode: x) < dictionary.value(ofCode: y)
            }
        }
        return false
    }
}

extension Array where Element: Comparable {
    /// The element that would stand at `place` if the array were sorted.
    ///
    /// One pass, in which nearly all are only compared with the best bound so far.
    func element(at place: Int, descending: Bool) -> Element {
        let wanted = place + 1
        var best: [Element] = []
        var bound: Element?
        func cutOff() {
            best.sort { descending ? $0 > $1 : $0 < $1 }
            best.removeLast(best.count - wanted)
            bound = best[place]
        }
        for element in self {
            if let bound, descending ? element <= bound : element >= bound { continue }
            best.append(element)
            if best.count >= wanted * 4 + 64 { cutOff() }
        }
        cutOff()
        return best[place]
    }
}
