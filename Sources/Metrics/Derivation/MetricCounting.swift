public import Compute
internal import EventQuery
internal import Events

extension MetricDefinition {
    /// The numbers of a metric by the values of its labels, and by time where a step is given.
    ///
    /// - Parameters:
    ///   - from: nanoseconds since 1970, as `to`, which is not included.
    ///   - step: nanoseconds.
    ///   - admitted: which combinations of labels have series; the others are left out.
    ///   - ask: answers a query that is about statistics.
    func table(
        _ from: Int64, _ to: Int64, step: Int64? = nil, _ admitted: AdmittedSeries,
        _ ask: DerivedSeries.Ask
    ) throws -> MetricTable {
        var query = query(from, to, step)
        query.shape = .statistics(Statistics(calculations: calculations))
        if let filter = admitted.filter { query.transforms.append(.filter(filter)) }
        // Fast path: fields are grouped by code, and labels worked out once a group: a fifth of the
        // time of labels that are worked out row by row.
        if let (keys, labels) = try fieldKeys(), kind.isAdditive, admitted.filter == nil {
            let table = try ask(query.grouped(by: keys))
            if table.rows.count < MetricsLimits.groupsPerQuery { return MetricTable(table, labels) }
        }
        return MetricTable(try ask(query.grouped(by: labelKeys))) { $0.map(\.labelText) }
    }

    /// The numbers of all events that have no series of their own.
    func overflowTable(
        _ from: Int64, _ to: Int64, step: Int64? = nil, _ filter: Expression,
        _ ask: DerivedSeries.Ask
    ) throws -> MetricTable {
        var query = query(from, to, step)
        query.shape = .statistics(Statistics(calculations: calculations))
        query.transforms.append(.filter(filter))
        return MetricTable(try ask(query)) { _ in [] }
    }

    /// The query behind the metric, without what it is about.
    func query(_ from: Int64, _ to: Int64, _ step: Int64? = nil) -> Query {
        var query = Query()
        query.source = source
        let (from, to) = (max(from, since ?? .min), max(to, since ?? .min))
        query.timeRange = .between(.absolute(from), .absolute(to))
        query.step = step.map { .every($0) }
        query.transforms = filter.map { [.filter($0)] } ?? []
        if asksForRelatives, from > .min + MetricDefinition.relativesReach {
            query.timeRange = .between(
                .absolute(from - MetricDefinition.relativesReach), .absolute(to))
            query.transforms.insert(
                .filter(.compare(.greaterOrEqual, .field(.timestamp), .literal(.int(from)))), at: 0)
        }
        query.limit = MetricsLimits.groupsPerQuery
        return query
    }

    /// What is counted of each combination of labels.
    ///
    /// A counter's sum or the number of events; of a histogram the number of values, their sum, and how
    /// many are at most each bound.
    var calculations: [Calculation] {
        let value = value ?? .literal(.missing)
        var calculations: [Calculation]
        switch kind {
        case .counter:
            calculations = [self.value.map { Calculation(.sum, of: $0) } ?? Calculation(.count)]
        case .gauge(.last): calculations = [Calculation(.latest, of: value)]
        case .gauge(.min): calculations = [Calculation(.min, of: value)]
        case .gauge(.max): calculations = [Calculation(.max, of: value)]
        case .gauge(.avg): calculations = [Calculation(.avg, of: value)]
        case .gauge(.concurrency): calculations = [Calculation(.concurrency)]
        case .presence: calculations = [Calculation(.count)]
        case .distinct: calculations = [Calculation(.distinct, of: value)]
        case .exponentialHistogram:
            calculations = [
                Calculation(.sum, of: value), Calculation(.exponentialHistogram, of: value),
            ]
        case .histogram(let bounds):
            // Every number is at most the largest one, and nothing else is.
            let whole = [Double.greatestFiniteMagnitude] + bounds
            calculations = whole.map {
                Calculation(
                    .count, where: .compare(.lessOrEqual, value, .literal(FieldValue(number: $0))))
            }
            calculations.insert(Calculation(.sum, of: value), at: 1)
        }
        return calculations.named
    }

    // MARK: - Labels

    /// The labels as texts.
    var labelKeys: [GroupKey] {
        labels.map { GroupKey(name: $0.name, expression: $0.value.asText) }
    }

    /// The fields that labels are worked out of, and the labels of a group of their values; nil when
    /// there are too many.
    func fieldKeys() throws -> (keys: [GroupKey], labels: ([FieldValue]) -> [String])? {
        let fields = Set(labels.flatMap(\.value.fields)).sorted { "\($0)" < "\($1)" }
        if fields.count > MetricsLimits.labelsPerMetric { return nil }
        let keys = fields.enumerated().map {
            GroupKey(name: "key\($0.offset)", expression: .field($0.element))
        }
        let evaluator = try ExpressionEvaluator(for: labels.map(\.value))
        let labels = labels
        return (
            keys,
            { group in
                let byField = Dictionary(uniqueKeysWithValues: zip(fields, group))
                return labels.map { label in
                    evaluator.value(of: label.value) { byField[$0] ?? .missing }.labelText
                }
            }
        )
    }
}

extension Query {
    /// The same question by groups.
    func grouped(by keys: [GroupKey]) -> Query {
        var query = self
        guard case .statistics(var statistics) = shape else { return self }
        statistics.groupBy = keys
        query.shape = .statistics(statistics)
        return query
    }
}

extension Expression {
    /// The value as a text, empty where it is missing: as a label has it.
    public var asText: Expression {
        .call(.coalesce, [.call(.string, [self]), .literal(.string(""))])
    }
}

extension FieldValue {
    /// As the value of a label; what `asText` gives.
    var labelText: String { ExpressionEvaluator.text(self) }
}
