internal import Compute
public import EventQuery
internal import Events
internal import SeriesStore

/// What stands behind one sample of a derived series: the events of its cell, and the query that gives
/// them.
public struct MetricExplanation: Sendable {
    /// Nanoseconds since 1970: the cell whose end is the sample's time; its end is not included.
    public let cell: Range<Int64>
    /// What the cell adds to a counter or histogram, or what a gauge is in it, one a calculation of the
    /// query; nil where no event of the cell counts.
    public let numbers: [Double]?
    /// The running totals at the end of the cell; nil for gauges.
    public let totals: [Double]?
    /// The query that answers `numbers`.
    public let query: Query
    /// Events behind it, each counted once.
    public let events: Int64
    /// Those among them that came so late that the sample may have been read without them.
    public let lateEvents: Int64
    /// What they changed, as `numbers`; nil where there are none.
    public let revision: [Double]?
    /// When the latest of them was received, nanoseconds since 1970.
    public let lastReceived: Int64?
    /// When the first event of the series that is there happened, nanoseconds since 1970.
    public let reachesBackTo: Int64?
    /// When the first event of any series of the metric happened that is there.
    public let eventsFrom: Int64?
    /// Of which time something is left of events of the metric that are gone, to the hour.
    ///
    /// Nanoseconds since 1970. The numbers count what is left.
    public let past: Range<Int64>?
    /// Whether the series is that of all combinations beyond the limit.
    public let isOverflow: Bool

    /// - Parameters:
    ///   - labels: of one series, without its name and bound; those it does not have are empty.
    ///   - time: milliseconds since 1970; the sample is the last one up to it.
    ///   - left: what is left of events that are gone.
    ///   - ask: answers a query that is about statistics.
    /// - Throws: `MetricDefinition.Flaw` for a label that the metric has not.
    public init(
        _ definition: MetricDefinition, _ labels: [String: String], at time: Int64,
        past left: PastSeries? = nil, _ ask: DerivedSeries.Ask
    ) throws {
        let width = definition.resolution * 1_000_000
        let (nanoseconds, overflows) = time.multipliedReportingOverflow(by: 1_000_000)
        guard !overflows, nanoseconds >= width else {
            throw MetricDefinition.Flaw("time", "there is no cell at that time")
        }
        let end = nanoseconds / width * width
        cell = end - width..<end
        isOverflow = labels[MetricDefinition.overflowLabel] == "true"
        let condition = try definition.condition(labels, isOverflow, until: end, ask)
        var query = definition.query(cell.lowerBound, cell.upperBound)
        if let condition { query.transforms.append(.filter(condition)) }
        query.limit = nil
        query.shape = .statistics(Statistics(calculations: definition.calculations))
        self.query = query
        past = try left?.span(of: definition)
        let group = isOverflow ? nil : definition.labels.map { labels[$0.name] ?? "" }
        let gone = try left?.left(of: definition, group, in: cell)
        let isAdditive = definition.kind.isAdditive
        let counted = try MetricTable(ask(query)) { _ in [] }.rows.first?.numbers
        numbers =
            (isAdditive ? .sum([gone?.within, counted]) : counted ?? gone?.within)?.explained
        let since = definition.since ?? .min
        let begin = max(since, definition.totalsBegin(before: cell.lowerBound))
        let whole =
            isAdditive
            ? try MetricTable(ask(query.beginning(begin))) { _ in [] }.rows.first?.numbers : nil
        totals =
            isAdditive ? MetricNumbers.sum([gone?.before, gone?.within, whole])?.explained : nil

        var counting = query
        counting.isUnweighted = true
        counting.shape = .statistics(
            Statistics(
                calculations: [
                    Calculation(.count), Calculation(.count, where: .isLate(for: end)),
                    Calculation(.max, of: .field(.received)),
                ].named))
        let counts = try ask(counting).rows.first?.values ?? []
        (events, lateEvents) = (counts.first?.whole ?? 0, counts.dropFirst().first?.whole ?? 0)
        lastReceived = events > 0 ? counts.last?.whole : nil
        var late = query
        late.transforms.append(.filter(.isLate(for: end)))
        revision =
            lateEvents > 0
            ? try MetricTable(ask(late)) { _ in [] }.rows.first?.numbers.explained : nil
        let first = max(since, definition.eventsBegin(before: cell.lowerBound))
        var beginning = query.beginning(first)
        beginning.shape = .statistics(
            Statistics(calculations: [Calculation(.min, of: .field(.timestamp))].named))
        reachesBackTo =
            events > 0 || whole != nil ? try ask(beginning).rows.first?.values.first?.whole : nil
        eventsFrom = try definition.firstEvent(from: first, until: end, ask)
    }
}

extension MetricExplanation {
    /// Milliseconds after the end of a cell at which it has a sample.
    public static let settling = DerivedSeries.settling

    /// The labels of a series, from a selector such as `name{label="value"}`; of a bucket without its
    /// bound.
    ///
    /// - Throws: `PromQLError` for anything else.
    public static func labels(of selector: String) throws(PromQLError) -> [String: String] {
        var labels: [String: String] = [:]
        for matcher in try PromQLQuery.matchers(selector) {
            guard matcher.operation == .equal else {
                throw PromQLError(.badData, "a series is named by label=\"value\" alone")
            }
            if matcher.name != Labels.metricName && matcher.name != "le" {
                labels[matcher.name] = matcher.value
            }
        }
        return labels
    }
}

extension MetricDefinition {
    /// What holds for the events of one series; nil for all.
    fileprivate func condition(
        _ labels: [String: String], _ isOverflow: Bool, until: Int64, _ ask: DerivedSeries.Ask
    ) throws -> Expression? {
        if isOverflow {
            return try AdmittedSeries(self, until: until, ask).overflowFilter
                ?? .literal(.bool(false))
        }
        if let unknown = labels.keys.sorted().first(where: { name in
            !self.labels.contains { $0.name == name }
        }) {
            throw Flaw("labels", "\(name) has no label \(unknown)")
        }
        let conditions = self.labels.map { $0.value.hasText(labels[$0.name] ?? "") }
        return conditions.isEmpty ? nil : .and(conditions)
    }
}

extension MetricDefinition {
    /// When the first event of any of its series happened.
    fileprivate func firstEvent(
        from: Int64, until: Int64, _ ask: DerivedSeries.Ask
    ) throws -> Int64? {
        var query = query(from, until)
        query.limit = nil
        query.shape = .statistics(
            Statistics(calculations: [Calculation(.min, of: .field(.timestamp))].named))
        return try ask(query).rows.first?.values.first?.whole
    }
}

extension Expression {
    /// Whether the value as a text is this one.
    fileprivate func hasText(_ text: String) -> Expression {
        // A text that no number and no boolean is written as is the value itself.
        let isPlain = text.utf8.first.map { $0 | 32 >= 0x61 && $0 | 32 <= 0x7A } ?? false
        if isPlain, !["true", "false", "inf", "nan"].contains(text.lowercased()) {
            return .compare(.equal, self, .literal(.string(text)))
        }
        return .compare(
            .equal, text.isEmpty ? asText : .call(.string, [self]), .literal(.string(text)))
    }

    /// Whether an event came when the sample at a time may have been read.
    fileprivate static func isLate(for end: Int64) -> Expression {
        let settled = end + DerivedSeries.settling * 1_000_000
        return .compare(.greaterOrEqual, .field(.received), .literal(.int(settled)))
    }
}

extension Query {
    /// The same question about all events from a time on.
    fileprivate func beginning(_ start: Int64) -> Query {
        var query = self
        if case .between(_, let end) = timeRange {
            query.timeRange = .between(.absolute(start), end)
        }
        return query
    }
}

extension MetricNumbers {
    /// The numbers, and of an exponential histogram how many values it has.
    fileprivate var explained: [Double] { numbers + (counts.map { [Double($0.count)] } ?? []) }

    /// Those that are there, together.
    fileprivate static func sum(_ parts: [MetricNumbers?]) -> MetricNumbers? {
        parts.compactMap { $0 }.reduce(nil) { sum, part in
            var sum = sum ?? MetricNumbers(numbers: part.numbers.map { _ in 0 })
            sum.add(part)
            return sum
        }
    }
}
