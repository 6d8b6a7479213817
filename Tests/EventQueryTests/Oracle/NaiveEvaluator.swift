import Compute
import EventQuery
import Events
import TestSupport

/// Answers queries over plain rows by the shortest road: the oracle of the engine.
struct NaiveEvaluator {
    let events: [ModelEvent]
    /// Nanoseconds since 1970.
    let now: Int64

    func answer(_ query: Query) -> Answer {
        let rows = selectedRows(query)
        switch query.shape {
        case .events(let listing): return Answer(events: list(rows, listing, query))
        case .bubbleUp(let bubbleUp):
            var chosen = query
            chosen.transforms.append(.filter(bubbleUp.selection))
            let selected = Set(selectedRows(chosen).map(\.place))
            return Answer(compared: compare(rows, selected, query))
        case .statistics(let statistics):
            var answer = tabulate(rows, statistics, query)
            guard let offset = query.compareOffset else { return answer }
            var earlier = query
            let bounds = bounds(query.timeRange)
            earlier.timeRange = .between(
                .absolute(bounds.lowerBound - offset), .absolute(bounds.upperBound - offset))
            let before = tabulate(selectedRows(earlier), statistics, earlier)
            answer.earlier = (before.groups, before.series)
            return answer
        }
    }

    // MARK: - Rows

    private func bounds(_ range: TimeRange) -> Range<Int64> {
        func time(_ point: TimePoint) -> Int64 {
            switch point {
            case .absolute(let time): time
            case .beforeNow(let offset): now - offset
            }
        }
        switch range {
        case .last(let length): return now - length..<now
        case .between(let start, let end): return time(start)..<max(time(start), time(end))
        }
    }

    private func relations(_ query: Query) -> NaiveRelations {
        let bounds = bounds(query.timeRange)
        return NaiveRelations(events.filter { bounds.contains($0.timestamp) }, query)
    }

    private func selectedRows(_ query: Query) -> [NaiveRow] {
        let bounds = bounds(query.timeRange)
        let relations = relations(query)
        return events.enumerated().compactMap { place, event in
            guard bounds.contains(event.timestamp) else { return nil }
            if case .named(let names) = query.source, !names.contains(event.dataset) { return nil }
            if let share = query.sampleShare, !naiveSample(share, holds: event) { return nil }
            guard var row = relations.related(NaiveRow(event: event)) else { return nil }
            row.place = place
            row.sampledFrom = UInt32((1 / (query.sampleShare ?? 1)).rounded())
            let relatives = row.relatives
            for (place, transform) in query.transforms.enumerated() {
                row.relatives = relations.deriving(relatives, before: place)
                let expression = NaiveExpression(value: row.value)
                switch transform {
                case .filter(let condition):
                    // What is about one relative alone was asked already.
                    let parts = NaiveRelations.conjuncts(condition).filter {
                        NaiveRelations.onlyRelation($0) == nil
                    }
                    if !parts.allSatisfy(row.meets) { return nil }
                case .evaluate(let name, let formula):
                    row.derived[name] = expression.evaluate(formula)
                }
            }
            row.relatives = relations.deriving(relatives, before: query.transforms.count)
            return row
        }
    }

    private func list(
        _ rows: [NaiveRow], _ listing: EventListing, _ query: Query
    ) -> [Answer.Listed] {
        let sorted = rows.sorted { first, second in
            for key in query.effectiveSort {
                let reference: FieldReference =
                    switch key.name {
                    case "timestamp": .timestamp
                    case "received": .received
                    case "dataset": .dataset
                    case "samplerate": .sampleRate
                    default: .named(key.name)
                    }
                let (a, b) = (first.value(reference), second.value(reference))
                if a != b { return key.descending ? b < a : a < b }
            }
            return false
        }
        return sorted.prefix(query.rowLimit).map { row in
            var fields = row.event.fields.merging(row.derived) { _, derived in derived }
            fields = fields.filter { !$0.value.isMissing }
            if let names = listing.fields { fields = fields.filter { names.contains($0.key) } }
            return Answer.Listed(
                timestamp: row.event.timestamp, dataset: row.event.dataset, rate: row.event.rate,
                fields: fields)
        }
    }

    // MARK: - Groups

    private func tabulate(
        _ rows: [NaiveRow], _ statistics: Statistics, _ query: Query
    ) -> Answer {
        var members: [[FieldValue]: [NaiveRow]] = [:]
        for row in rows {
            for keys in keys(of: row, statistics) { members[keys, default: []].append(row) }
        }
        if statistics.groupBy.isEmpty, rows.isEmpty { members[[]] = [] }
        let aggregates = statistics.calculations.map {
            NaiveAggregate(calculation: $0, isUnweighted: query.isUnweighted)
        }
        let relations = relations(query)
        var width: Int64?
        if case .every(let step) = query.step { width = step }
        let buckets = NaiveBuckets(
            range: bounds(query.timeRange), width: width, isUnweighted: query.isUnweighted)
        // In a bucket, what spans buckets is told of the whole group.
        func row(
            _ keys: [FieldValue], _ rows: [NaiveRow], bucket: (time: Int64, of: [NaiveRow])? = nil
        ) -> Answer.Row {
            let cells = aggregates.map { aggregate -> Answer.Cell in
                guard NaiveBuckets.concerns(aggregate.calculation) else {
                    return aggregate.answer(
                        rows.flatMap { relations.spread($0, aggregate.calculation) })
                }
                let found = buckets.answer(aggregate.calculation, bucket?.of ?? rows)
                guard let bucket else { return .value(found.whole) }
                return .value(found.buckets[bucket.time] ?? .missing)
            }
            var row = Answer.Row(keys: keys, cells: cells)
            for formula in statistics.formulas {
                let expression = NaiveExpression { reference in
                    guard case .named(let name) = reference else { return .missing }
                    return column(name, row, statistics)
                }
                row.cells.append(.value(expression.evaluate(formula.expression)))
            }
            return row
        }
        func shown(_ row: Answer.Row) -> Answer.Row {
            var row = row
            let calculations = statistics.calculations
            row.cells = row.cells.enumerated().filter { place, _ in
                place >= calculations.count || !calculations[place].isHidden
            }.map(\.element)
            return row
        }
        var groups = members.map { row($0.key, $0.value) }
        groups = groups.filter { holds(statistics.having, $0, statistics) }
        groups.sort { precedes($0, $1, query.effectiveSort, statistics) }
        groups = Array(groups.prefix(query.rowLimit))
        var answer = Answer(groups: groups.map(shown))
        let kept = Set(groups.map(\.keys))
        let others = members.filter { !kept.contains($0.key) }.flatMap(\.value)
        answer.totals = (
            shown(row([], rows)).cells, others.isEmpty ? nil : shown(row([], others)).cells
        )
        guard case .every(let width) = query.step else { return answer }
        for group in groups {
            let all = members[group.keys] ?? []
            var inBuckets = Dictionary(grouping: all) { row in
                floorDivide(row.event.timestamp, width) * width
            }
            for calculation in statistics.calculations
            where calculation.aggregate == .concurrency {
                for time in buckets.answer(calculation, all).buckets.keys
                where inBuckets[time] == nil {
                    inBuckets[time] = []
                }
            }
            answer.series += inBuckets.map { time, rows in
                (time, shown(row(group.keys, rows, bucket: (time, all))))
            }
        }
        answer.series.sort { first, second in
            if first.time != second.time { return first.time < second.time }
            return first.row.keys.lexicographicallyPrecedes(second.row.keys)
        }
        return answer
    }

    /// All groups that an event stands in: one, but for each element where a key says so.
    private func keys(of row: NaiveRow, _ statistics: Statistics) -> [[FieldValue]] {
        statistics.groupBy.reduce([[]]) { groups, key in
            let value = NaiveExpression(value: row.value).evaluate(key.expression)
            let elements = key.isEach ? naiveElements(value) : [value]
            return groups.flatMap { group in
                elements.isEmpty ? [group + [.missing]] : elements.map { group + [$0] }
            }
        }
    }

    /// The value of a column of the answer; a heatmap has none.
    private func column(
        _ name: String, _ row: Answer.Row, _ statistics: Statistics
    ) -> FieldValue {
        if let place = statistics.groupBy.firstIndex(where: { $0.name == name }) {
            return row.keys[place]
        }
        let names = statistics.calculations.map(\.key) + statistics.formulas.map(\.name)
        if let place = names.firstIndex(of: name), place < row.cells.count,
            case .value(let value) = row.cells[place]
        {
            return value
        }
        return .missing
    }

    private func holds(
        _ having: Expression?, _ row: Answer.Row, _ statistics: Statistics
    ) -> Bool {
        guard let having else { return true }
        let expression = NaiveExpression { reference in
            guard case .named(let name) = reference else { return .missing }
            return column(name, row, statistics)
        }
        return expression.isTrue(having)
    }

    private func precedes(
        _ first: Answer.Row, _ second: Answer.Row, _ sort: [SortKey], _ statistics: Statistics
    ) -> Bool {
        for key in sort {
            let a = column(key.name, first, statistics)
            let b = column(key.name, second, statistics)
            if a != b { return key.descending ? b < a : a < b }
        }
        return first.keys.lexicographicallyPrecedes(second.keys)
    }
}

private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
    a >= 0 ? a / b : -((b - 1 - a) / b)
}
