internal import Compute
internal import EventQuery
internal import Events
public import SeriesStore

/// An event that stands for those of a sample: where its trace is.
public struct Exemplar: Hashable, Sendable {
    public let traceID: String
    /// Empty where the event is no span.
    public let spanID: String
    /// What the event added to a counter, or its value in a histogram.
    public let value: Double
    /// Milliseconds since 1970.
    public let timestamp: Int64
}

/// The exemplars of one series, by their times ascending.
public struct SeriesExemplars: Sendable {
    public let labels: Labels
    public let exemplars: [Exemplar]
}

/// Finds exemplars of derived series among the events that are stored when they are asked for: none of an
/// event that is gone.
///
/// Of each stretch of time, a histogram has the event of the largest value of each of its buckets, and a
/// counter the latest. Gauges have none, as in OpenMetrics.
public struct DerivedExemplars: Sendable {
    private let definitions: [MetricDefinition]
    private let now: Int64
    private let ask: DerivedSeries.Ask

    /// - Parameter now: milliseconds since 1970.
    public init(_ definitions: [MetricDefinition], now: Int64, _ ask: @escaping DerivedSeries.Ask) {
        self.definitions = definitions.filter(\.kind.isAdditive)
        self.now = now
        self.ask = ask
    }

    /// The exemplars of the series that every matcher lets through.
    ///
    /// - Parameters:
    ///   - from: milliseconds since 1970, as `to`; both belong to the range.
    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesExemplars] {
        let (from, to) = (max(from, 0), min(to, now))
        guard from <= to else { return [] }
        var found: [SeriesExemplars] = []
        for definition in definitions {
            let part = definition.exemplarPart
            let name = definition.name + part.suffix
            let isNamed = matchers.allSatisfy { $0.name != Labels.metricName || $0.matches(name) }
            if !isNamed { continue }
            for (labels, exemplars) in try definition.exemplars(
                from: from * 1_000_000, to: to * 1_000_000 + 1_000_000, ask)
            where matchers.allSatisfy({ $0.matches(labels) }) {
                found.append(SeriesExemplars(labels: labels, exemplars: exemplars))
            }
        }
        return found.sorted { $0.labels < $1.labels }
    }
}

extension MetricDefinition {
    fileprivate var exemplarPart: Part {
        if case .histogram = kind { .bucket } else { .whole }
    }

    /// What makes one event stand for others: the largest of these.
    private var rank: Expression {
        switch kind {
        case .counter: .field(.timestamp)
        default: value ?? .field(.timestamp)
        }
    }

    /// The number of the bucket that the value belongs to.
    private var bucketKey: GroupKey? {
        guard case .histogram(let bounds) = kind, let value else { return nil }
        var arguments: [Expression] = []
        for (place, bound) in bounds.enumerated() {
            arguments.append(.compare(.lessOrEqual, value, .literal(FieldValue(number: bound))))
            arguments.append(.literal(.int(Int64(place))))
        }
        arguments.append(.literal(.int(Int64(bounds.count))))
        return GroupKey(name: "bucket", expression: .call(.if, arguments))
    }

    /// The exemplars of each series in a range of time, nanoseconds since 1970, `to` not included.
    func exemplars(
        from: Int64, to: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [(labels: Labels, exemplars: [Exemplar])] {
        let admitted = try AdmittedSeries(self, from: from, until: to, ask)
        var query = query(from, to)
        query.transforms.append(.filter(.builtIn("trace.trace_id exists")))
        if let filter = admitted.filter { query.transforms.append(.filter(filter)) }
        let keys = labelKeys + [bucketKey].compactMap { $0 }
        let cells = max(
            1,
            min(
                MetricsLimits.exemplarsPerSeries,
                MetricsLimits.exemplarRanks
                    / max(1, admitted.spans.count * (bounds.count + 1))))
        query.step = .every(max(1_000_000_000, (to - from) / Int64(cells) + 1))

        // First the rank of the event of each cell, then the events that have one of them.
        let ranks = Calculation(.max, of: rank)
        query.shape = .statistics(Statistics(calculations: [ranks].named, groupBy: keys))
        var wanted: [Cell: FieldValue] = [:]
        for entry in try ask(query).series {
            guard case .value(let value) = entry.row.values[0], value.isNumber else { continue }
            wanted[Cell(time: entry.time, group: entry.row.group)] = value
        }
        if wanted.isEmpty { return [] }
        query.transforms.append(
            .filter(.membership(rank, Array(Set(wanted.values)), negated: false)))
        let spans = Expression.builtIn(#"concat(trace.trace_id, " ", trace.span_id)"#)
        let calculations = [
            Calculation(.latest, of: spans), Calculation(.max, of: .field(.timestamp)),
            Calculation(.latest, of: value ?? .literal(.int(1))),
        ]
        let rankKey = GroupKey(name: "rank", expression: rank)
        query.shape = .statistics(
            Statistics(calculations: calculations.named, groupBy: keys + [rankKey]))
        var found: [Labels: [Exemplar]] = [:]
        for entry in try ask(query).series {
            let cell = Cell(time: entry.time, group: Array(entry.row.group.dropLast()))
            guard wanted[cell] == entry.row.group.last,
                let exemplar = Exemplar(entry.row.values)
            else { continue }
            found[exemplarLabels(cell.group), default: []].append(exemplar)
        }
        return found.map { ($0, $1.sorted { $0.timestamp < $1.timestamp }) }
    }

    private struct Cell: Hashable {
        let time: Int64
        let group: [FieldValue]
    }

    /// The series that a group's exemplars belong to.
    private func exemplarLabels(_ group: [FieldValue]) -> Labels {
        let values = group.prefix(labels.count).map(\.labelText)
        guard exemplarPart == .bucket, case .int(let bucket)? = group.last else {
            return seriesLabels(values, exemplarPart)
        }
        let place = Int(bucket)
        let le = place < bounds.count ? NumberText.openMetrics(bounds[place]) : "+Inf"
        return seriesLabels(values, .bucket, le: le)
    }
}

extension Exemplar {
    /// Reads the ids, the time and the value; nil where the event has no number.
    fileprivate init?(_ values: [AggregateValue]) {
        guard case .value(.string(let ids)) = values[0],
            case .value(.int(let time)) = values[1],
            case .value(let value) = values[2], value.isNumber
        else { return nil }
        // An id has at most what OpenMetrics takes for all labels of an exemplar together.
        let parts = ids.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let span = parts.count > 1 ? String(parts[1]) : ""
        guard parts[0].count + span.count <= MetricsLimits.exemplarCharacters else { return nil }
        traceID = String(parts[0])
        spanID = span
        timestamp = time / 1_000_000
        switch value {
        case .int(let number): self.value = Double(number)
        case .float(let number): self.value = number
        default: return nil
        }
    }

    /// As labels, without those that are empty.
    var labels: Labels { Labels([Label("trace_id", traceID), Label("span_id", spanID)]) }
}

extension FieldValue {
    fileprivate var isNumber: Bool {
        switch self {
        case .int, .float: true
        default: false
        }
    }
}
