internal import Compute
internal import Events

extension QueryPlan {
    /// Makes rows of groups: keeps those that `having` lets through, orders them, cuts them off.
    ///
    /// Throws `QueryFailure.refused` for a series that is too long.
    func table(
        _ partial: GroupPartial, options: QueryOptions
    ) throws(QueryFailure) -> StatisticsTable {
        var groups = GroupReadings(partial)
        var cells = GroupReadings(partial)
        var groupOfCell: CellMap?
        if buckets != nil {
            let (whole, map) = partial.droppingLastDimension()
            groups = GroupReadings(whole)
            groupOfCell = map
        }
        var between: [BucketReadings.Place: [Int: FieldValue]] = [:]
        if spansBuckets {
            let map = groupOfCell ?? .same(partial.space.cellCount)
            let readings = BucketReadings(self, partial, groupOfCell: map)
            groups.special = readings.ofGroups
            cells.special = readings.ofCells
            between = readings.between
        }
        let kept = keptGroups(groups)
        let bounds = BoundsReader(self, groups.partial)
        var table = StatisticsTable(
            groupNames: groupBy.map(\.name), calculationNames: statistics?.columns ?? [],
            rows: kept.map { row($0, in: groups, bounds) })
        if let buckets, let groupOfCell, query.step != nil {
            table.series =
                try series(
                    cells, buckets, groupOfCell, kept, between, groups,
                    rowsMax: options.seriesRowsMax)
        }
        if options.wantsTotals {
            let total = whole(of: partial, groups, groupOfCell, without: [])
            table.total = values(ofCell: 0, in: total)
            table.totalBounds = BoundsReader(self, total.partial).bounds(ofCell: 0)
            let left = whole(of: partial, groups, groupOfCell, without: Set(kept))
            if left.partial.rowCounts.count(ofCell: 0) > 0 {
                table.other = values(ofCell: 0, in: left)
                table.otherBounds = BoundsReader(self, left.partial).bounds(ofCell: 0)
            }
        }
        return table
    }

    /// All groups but some as one.
    private func whole(
        of partial: GroupPartial, _ groups: GroupReadings, _ groupOfCell: CellMap?,
        without left: Set<Int>
    ) -> GroupReadings {
        let total = groups.partial.total(without: left)
        var readings = GroupReadings(total)
        guard spansBuckets else { return readings }
        let inBuckets = groupOfCell.map { map in
            partial.keepingLastDimension { !left.contains(map[$0]) }
        }
        readings.special =
            BucketReadings(self, inBuckets ?? total, groupOfCell: nil).ofGroups
        return readings
    }

    private func keptGroups(_ readings: GroupReadings) -> [Int] {
        // Without group keys there is one group, events or not.
        var groups = groupBy.isEmpty ? [0] : readings.partial.groups
        if let having = statistics?.having {
            groups = groups.filter { cell in
                evaluator.isTrue(having) { reference in
                    guard case .named(let name) = reference else { return .missing }
                    return value(named: name, ofCell: cell, in: readings)
                }
            }
        }
        let order = GroupOrder(self, readings, query.effectiveSort)
        return order.first(query.rowLimit, of: groups)
    }

    private func row(
        _ cell: Int, in readings: GroupReadings, _ bounds: BoundsReader
    ) -> StatisticsTable.Row {
        StatisticsTable.Row(
            group: groupBy.indices.map { readings.partial.space.value(ofCell: cell, in: $0) },
            values: values(ofCell: cell, in: readings), bounds: bounds.bounds(ofCell: cell))
    }

    /// What the answer shows of a cell: calculations, then formulas.
    private func values(ofCell cell: Int, in readings: GroupReadings) -> [AggregateValue] {
        var values: [AggregateValue] = []
        for (place, calculation) in calculations.enumerated() where !calculation.isHidden {
            values.append(value(of: calculation, place, ofCell: cell, in: readings))
        }
        for formula in formulas {
            values.append(.value(value(of: formula, ofCell: cell, in: readings)))
        }
        return values
    }

    private func value(
        of calculation: PlannedCalculation, _ place: Int, ofCell cell: Int,
        in readings: GroupReadings
    ) -> AggregateValue {
        if calculation.span != .bucket { return .value(readings.special[place]?[cell] ?? .missing) }
        return readings.partial.states[calculation.slot].value(ofCell: cell, calculation.reading)
    }

    private func value(
        of formula: Formula, ofCell cell: Int, in readings: GroupReadings
    ) -> FieldValue {
        evaluator.value(of: formula.expression) { reference in
            guard case .named(let name) = reference else { return .missing }
            return value(named: name, ofCell: cell, in: readings)
        }
    }

    /// The value of a calculation, a formula or a group key, by its name in the answer.
    func value(named name: String, ofCell cell: Int, in readings: GroupReadings) -> FieldValue {
        reader(ofName: name, in: readings)(cell)
    }

    /// What gives the value of that name for each cell.
    func reader(ofName name: String, in readings: GroupReadings) -> (Int) -> FieldValue {
        if let place = calculations.firstIndex(where: { $0.name == name }) {
            let calculation = calculations[place]
            if calculation.span == .bucket {
                // Asked for each of many groups by a `having`: it keeps only what it needs.
                let (state, reading) = (
                    readings.partial.states[calculation.slot], calculation.reading
                )
                return { cell in
                    guard case .value(let value) = state.value(ofCell: cell, reading) else {
                        return .missing
                    }
                    return value
                }
            }
            return { cell in
                let found = value(of: calculation, place, ofCell: cell, in: readings)
                guard case .value(let value) = found else { return .missing }
                return value
            }
        }
        if let formula = formulas.first(where: { $0.name == name }) {
            return { value(of: formula, ofCell: $0, in: readings) }
        }
        guard let dimension = groupBy.firstIndex(where: { $0.name == name }) else {
            return { _ in .missing }
        }
        return { readings.partial.space.value(ofCell: $0, in: dimension) }
    }

    private func series(
        _ cells: GroupReadings, _ buckets: TimeBuckets, _ groupOfCell: CellMap, _ kept: [Int],
        _ between: [BucketReadings.Place: [Int: FieldValue]], _ groups: GroupReadings,
        rowsMax: Int
    ) throws(QueryFailure) -> [StatisticsTable.SeriesRow] {
        var place: [Int: Int] = [:]
        for (index, group) in kept.enumerated() { place[group] = index }
        // A bucket of a group with its cell, or with what is said of it where it has none.
        var points: [(bucket: Int, place: Int, cell: Int?, special: [Int: FieldValue])] = []
        for cell in cells.partial.groups {
            guard let index = place[groupOfCell[cell]] else { continue }
            let bucket = cells.partial.space.code(ofCell: cell, in: groupBy.count)
            points.append((Int(bucket), index, cell, [:]))
        }
        for (spot, special) in between {
            guard let index = place[spot.group] else { continue }
            points.append((spot.bucket, index, nil, special))
        }
        guard points.count <= rowsMax else {
            throw .refused(
                "the series has \(points.count) rows, more than \(rowsMax); take a longer step, a "
                    + "shorter range or a lower limit")
        }
        points.sort { ($0.bucket, $0.place) < ($1.bucket, $1.place) }
        let (bounds, groupBounds) = (
            BoundsReader(self, cells.partial), BoundsReader(self, groups.partial)
        )
        var nothing = GroupReadings(emptyPartial())
        return points.map { bucket, place, cell, special in
            var row = row(
                cell ?? kept[place], in: cell == nil ? groups : cells,
                cell == nil ? groupBounds : bounds)
            if cell == nil {
                nothing.special = special.mapValues { [0: $0] }
                row.values = values(ofCell: 0, in: nothing)
                row.bounds = []
            }
            return StatisticsTable.SeriesRow(time: buckets.start(ofBucket: bucket), row: row)
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
    private let readings: GroupReadings
    private let keys: [SortKey]

    init(_ plan: QueryPlan, _ readings: GroupReadings, _ keys: [SortKey]) {
        self.plan = plan
        self.readings = readings
        self.keys = keys
    }

    /// The first `limit` of the groups, in order.
    func first(_ limit: Int, of groups: [Int]) -> [Int] {
        guard let key = keys.first else { return Array(sorted(groups).prefix(limit)) }
        // Work is kept for groups that can come first: the rest is cut off by the first key alone.
        // Fast path: numbers that a double holds exactly are compared as doubles.
        if let calculation = plan.calculations.first(where: { $0.name == key.name }),
            calculation.span == .bucket,
            let numbers = readings.partial.states[calculation.slot]
                .exactNumbers(ofCells: groups, calculation.reading)
        {
            return first(limit, of: groups, by: numbers, descending: key.descending)
        }
        let values = groups.map(plan.reader(ofName: key.name, in: readings))
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
            let x = plan.value(named: key.name, ofCell: a, in: readings)
            let y = plan.value(named: key.name, ofCell: b, in: readings)
            if x != y { return key.descending ? x > y : x < y }
        }
        for dimension in plan.groupBy.indices {
            let x = readings.partial.space.code(ofCell: a, in: dimension)
            let y = readings.partial.space.code(ofCell: b, in: dimension)
            if x == y { continue }
            // Fast path: codes of a sorted dictionary are in the order of their values.
            if case .values(let dictionary) = readings.partial.space.dimensions[dimension] {
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
