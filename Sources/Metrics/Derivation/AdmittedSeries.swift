internal import Compute
internal import EventQuery
internal import Events

/// Which combinations of labels have series of their own: those whose first events are the earliest.
///
/// So events that come later, at times after those, change nothing about series that are there.
struct AdmittedSeries {
    /// By the labels' values: the times of the first and the last event, nanoseconds since 1970; of all
    /// that are admitted.
    private(set) var spans: [[String]: ClosedRange<Int64>] = [:]
    /// What holds for events of admitted combinations, where there are others; nil for all events.
    private(set) var filter: Expression?
    /// What holds for all other events.
    private(set) var overflowFilter: Expression?

    /// No combination is left out, and none is known.
    static let all = AdmittedSeries()

    private init() {}

    /// Looks at all events before a time, nanoseconds since 1970.
    ///
    /// - Parameter start: from when on these are looked at where they cannot be all.
    init(
        _ definition: MetricDefinition, from start: Int64? = nil, until end: Int64,
        _ ask: DerivedSeries.Ask
    ) throws {
        let first = definition.eventsBegin(before: start ?? end)
        spans = try definition.spans(first, end, ask)
        if spans.count > definition.seriesLimit { cut(definition) }
    }

    /// Keeps the combinations that were there first.
    private mutating func cut(_ definition: MetricDefinition) {
        let ordered = spans.sorted {
            ($0.value.lowerBound, $0.key.joined(separator: AdmittedSeries.separator))
                < ($1.value.lowerBound, $1.key.joined(separator: AdmittedSeries.separator))
        }
        let kept = ordered.prefix(definition.seriesLimit)
        spans = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
        let names = kept.map {
            FieldValue.string($0.key.joined(separator: AdmittedSeries.separator))
        }
        let identity = AdmittedSeries.identity(of: definition)
        filter = .membership(identity, names, negated: false)
        overflowFilter = .membership(identity, names, negated: true)
    }

    /// The values of all labels as one text.
    static func identity(of definition: MetricDefinition) -> Expression {
        let parts = definition.labels.flatMap {
            [$0.value.asText, .literal(.string(AdmittedSeries.separator))]
        }
        return parts.isEmpty ? .literal(.string("")) : .call(.concat, parts.dropLast())
    }

    /// Between the values of labels, where they stand in one text.
    private static let separator = "\u{1F}"
}

extension MetricDefinition {
    /// The times of the first and the last event of each combination of labels, at most one combination
    /// more than have series, from those with the earliest first events on.
    func spans(
        _ from: Int64, _ to: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [[String]: ClosedRange<Int64>] {
        var query = query(from, to)
        let times = [Aggregate.min, .max].map { Calculation($0, of: .field(.timestamp)) }
        query.shape = .statistics(Statistics(calculations: times.named))
        query.sort = [SortKey("value0", descending: false)]
        if let (keys, labels) = try fieldKeys() {
            let table = try ask(query.grouped(by: keys))
            if table.rows.count < MetricsLimits.groupsPerQuery { return spans(in: table, labels) }
        }
        query.limit = seriesLimit + 1
        return spans(in: try ask(query.grouped(by: labelKeys))) { $0.map(\.labelText) }
    }

    private func spans(
        in table: StatisticsTable, _ labels: ([FieldValue]) -> [String]
    ) -> [[String]: ClosedRange<Int64>] {
        var spans: [[String]: ClosedRange<Int64>] = [:]
        for row in table.rows {
            guard case .value(.int(let first)) = row.values[0],
                case .value(.int(let last)) = row.values[1]
            else { continue }
            let group = labels(row.group)
            let known = spans[group] ?? first...last
            spans[group] = min(known.lowerBound, first)...max(known.upperBound, last)
        }
        return spans
    }
}

extension [Calculation] {
    /// The same under the names that tables of metrics have.
    var named: [Calculation] {
        enumerated().map { place, calculation in
            var calculation = calculation
            calculation.alias = "value\(place)"
            return calculation
        }
    }
}
