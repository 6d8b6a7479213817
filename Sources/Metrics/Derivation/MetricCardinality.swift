internal import Compute
public import EventQuery
internal import Events

/// How many combinations of labels the stored events have, and which label is at fault for many.
public struct MetricCardinality: Sendable {
    /// A label with the number of its values.
    public struct Label: Hashable, Sendable {
        public let name: String
        public let values: Int
    }

    /// What stands in the one series of all combinations beyond the limit.
    public struct Overflow: Sendable {
        /// Events in it, weighted by their sample rates.
        public let events: Int64
        /// The label with the most values.
        public let label: String
        /// Its values with the most events, with their number.
        public let top: [(value: String, events: Int64)]
    }

    /// Different combinations of the values of labels.
    public let combinations: Int
    /// Series that these are, those of the overflow as one combination.
    public let series: Int
    /// By the number of values, descending.
    public let labels: [Label]
    /// How many combinations have series of their own.
    public let limit: Int
    /// When the events are that were looked at, nanoseconds since 1970.
    private let range: (from: Int64, to: Int64)

    public var isOverLimit: Bool { combinations > limit }

    /// Labels with so many values that they are worth a word.
    public var wideLabels: [Label] {
        labels.filter { $0.values > MetricsLimits.narrowLabelValues }
    }

    /// - Parameters:
    ///   - now: nanoseconds since 1970; of a metric that asks for relatives the hour before is counted.
    ///   - ask: answers a query that is about statistics.
    public init(
        _ definition: MetricDefinition, now: Int64, _ ask: DerivedSeries.Ask
    ) throws {
        limit = definition.seriesLimit
        let hour = now - MetricDefinition.relativesRestart * 1_000_000
        range = definition.asksForRelatives ? (hour, now) : (.min, .max)
        var query = definition.query(range.from, range.to)
        let texts = definition.labels.map(\.value.asText)
        let all = [AdmittedSeries.identity(of: definition)] + texts
        let distinct = all.map { Calculation(.distinct, of: $0) }
        query.shape = .statistics(
            Statistics(calculations: (distinct + [Calculation(.count)]).named))
        let row = try ask(query).rows.first
        let counts = (row?.values ?? []).map { value -> Int in
            if case .value(.int(let count)) = value { Int(count) } else { 0 }
        }
        let isEmpty = (counts.last ?? 0) == 0
        combinations = isEmpty ? 0 : max(1, counts.first ?? 0)
        labels = zip(definition.labels, counts.dropFirst()).map {
            Label(name: $0.name, values: $1)
        }.sorted { ($1.values, $0.name) < ($0.values, $1.name) }
        let each = definition.parts.reduce(0) {
            $0 + ($1 == .bucket ? definition.bounds.count + 1 : 1)
        }
        series = (combinations > limit ? limit + 1 : combinations) * each
    }

    /// Looks at what is beyond the limit; nil when nothing is.
    public func overflow(
        of definition: MetricDefinition, _ ask: DerivedSeries.Ask
    ) throws -> Overflow? {
        guard isOverLimit, let label = labels.first,
            let dimension = definition.labels.first(where: { $0.name == label.name }),
            let filter = try AdmittedSeries(
                definition, from: range.from, until: range.to, ask
            ).overflowFilter
        else { return nil }
        var query = definition.query(range.from, range.to)
        query.transforms.append(.filter(filter))
        query.shape = .statistics(Statistics(calculations: [Calculation(.count)].named))
        let events = try ask(query).rows.first?.values.first?.whole ?? 0
        query.limit = MetricsLimits.valuesNamed
        let key = GroupKey(name: label.name, expression: dimension.value.asText)
        let top = try ask(query.grouped(by: [key])).rows.map { row in
            (value: row.group[0].labelText, events: row.values.first?.whole ?? 0)
        }
        return Overflow(events: events, label: label.name, top: top)
    }
}

extension AggregateValue {
    /// A count; 0 for what is none.
    var whole: Int64 {
        if case .value(.int(let count)) = self { count } else { 0 }
    }
}
