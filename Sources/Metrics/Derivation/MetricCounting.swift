internal import Compute
internal import EventQuery
internal import Events

/// What the query engine counts for a metric in one stretch of time.
struct MetricTable {
    struct Row {
        /// The values of the labels.
        let group: [FieldValue]
        /// One a calculation.
        var values: [Double]
    }

    /// Over all of the time.
    let rows: [Row]
    /// By the starts of cells that have events, ascending; nanoseconds since 1970.
    let series: [(time: Int64, row: Row)]

    /// Takes an answer's groups for other ones; those that become one are added up.
    init(_ table: StatisticsTable, _ labels: ([FieldValue]) -> [FieldValue]) {
        var known: [[FieldValue]: [FieldValue]] = [:]
        func group(_ row: StatisticsTable.Row) -> [FieldValue] {
            if let found = known[row.group] { return found }
            let values = labels(row.group)
            known[row.group] = values
            return values
        }
        var all = GroupSums()
        for row in table.rows { all.add(row.values.map(\.number), to: group(row)) }
        rows = all.rows
        var series: [(time: Int64, row: Row)] = []
        var cell = GroupSums()
        var time: Int64?
        for entry in table.series {
            if let time, entry.time != time {
                series += cell.rows.map { (time, $0) }
                cell = GroupSums()
            }
            time = entry.time
            cell.add(entry.row.values.map(\.number), to: group(entry.row))
        }
        if let time { series += cell.rows.map { (time, $0) } }
        self.series = series
    }
}

extension MetricDefinition {
    /// The metric's numbers by the values of its labels, and by time where a step is given.
    ///
    /// - Parameters:
    ///   - from: nanoseconds since 1970, as `to`, which is not included.
    ///   - step: nanoseconds.
    ///   - ask: answers a query that is about statistics.
    func table(
        _ from: Int64, _ to: Int64, step: Int64? = nil, _ ask: DerivedSeries.Ask
    ) throws -> MetricTable {
        // Fast path: fields are grouped by code, and labels worked out once a group: a fifth of the
        // time of labels that are worked out row by row.
        let fields = Set(labels.flatMap(\.value.fields)).sorted { "\($0)" < "\($1)" }
        if labels.contains(where: { $0.value.parts.count > 0 }),
            fields.count <= MetricsLimits.labelsPerMetric
        {
            let keys = fields.enumerated().map {
                GroupKey(name: "key\($0.offset)", expression: .field($0.element))
            }
            let table = try ask(query(from, to, step, by: keys))
            if table.rows.count < MetricsLimits.groupsPerMetric {
                let evaluator = try ExpressionEvaluator(for: labels.map(\.value))
                return MetricTable(table) { group in
                    let byField = Dictionary(uniqueKeysWithValues: zip(fields, group))
                    return labels.map { label in
                        evaluator.value(of: label.value) { byField[$0] ?? .missing }
                    }
                }
            }
        }
        let keys = labels.map { GroupKey(name: $0.name, expression: $0.value) }
        let table = try ask(query(from, to, step, by: keys))
        guard table.rows.count < MetricsLimits.groupsPerMetric else {
            throw PromQLError.execution(
                "\(name) has \(MetricsLimits.groupsPerMetric) combinations of labels or more; "
                    + "take labels with fewer values")
        }
        return MetricTable(table) { $0 }
    }

    /// The query behind the metric: a counter's one calculation, or of a histogram the number of
    /// values, their sum, and how many are at most each bound.
    private func query(
        _ from: Int64, _ to: Int64, _ step: Int64?, by keys: [GroupKey]
    ) -> Query {
        var query = Query()
        query.source = source
        query.timeRange = .between(.absolute(from), .absolute(to))
        query.step = step.map { .every($0) }
        query.transforms = filter.map { [.filter($0)] } ?? []
        var calculations: [Calculation]
        switch kind {
        case .counter:
            calculations = [value.map { Calculation(.sum, of: $0) } ?? Calculation(.count)]
        case .histogram(let bounds):
            let value = value ?? .literal(.missing)
            calculations = [Calculation(.count, of: value), Calculation(.sum, of: value)]
            calculations += bounds.map {
                Calculation(
                    .count, where: .compare(.lessOrEqual, value, .literal(FieldValue(number: $0))))
            }
        }
        for index in calculations.indices { calculations[index].alias = "value\(index)" }
        query.shape = .statistics(Statistics(calculations: calculations, groupBy: keys))
        query.limit = MetricsLimits.groupsPerMetric
        return query
    }
}

/// Rows of a table, of which those of one group become one.
private struct GroupSums {
    private(set) var rows: [MetricTable.Row] = []
    private var places: [[FieldValue]: Int] = [:]

    mutating func add(_ values: [Double], to group: [FieldValue]) {
        guard let place = places[group] else {
            places[group] = rows.count
            rows.append(MetricTable.Row(group: group, values: values))
            return
        }
        for index in values.indices { rows[place].values[index] += values[index] }
    }
}

extension AggregateValue {
    /// A number that can be added up; 0 for what is none, as the sum of no values.
    fileprivate var number: Double {
        switch self {
        case .value(.int(let value)): Double(value)
        case .value(.float(let value)): value
        default: 0
        }
    }
}
