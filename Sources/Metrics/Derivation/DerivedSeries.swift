public import EventQuery
internal import Events
public import SeriesStore

/// The series that definitions derive from events, counted when they are asked for.
///
/// A counter's sample stands at the end of each cell and is the running total of the events' own time:
/// what PromQL makes of it and what the query of the metric answers are one number. A series that has
/// its first event within the range begins at 0, so that `increase` counts that event too.
public struct DerivedSeries: SeriesSource {
    /// Answers a query that is about statistics.
    public typealias Ask = @Sendable (Query) throws -> StatisticsTable

    private let definitions: [MetricDefinition]
    private let now: Int64
    private let ask: Ask

    /// - Parameter now: milliseconds since 1970; cells that ended less than a settling delay ago have
    ///   no sample yet.
    public init(_ definitions: [MetricDefinition], now: Int64, _ ask: @escaping Ask) {
        self.definitions = definitions
        self.now = now
        self.ask = ask
    }

    // MARK: - Samples

    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        var found: [SeriesData] = []
        for definition in definitions {
            let parts = definition.parts.filter { isNamed(definition, $0, matchers) }
            guard !parts.isEmpty, let cells = try cells(of: definition, from: from, to: to) else {
                continue
            }
            var points = 0
            for group in cells.groups {
                for part in parts {
                    for (labels, place) in definition.series(of: group.labels, part)
                    where matchers.allSatisfy({ $0.matches(labels) }) {
                        points += cells.count
                        if points > MetricsLimits.derivedSamples { throw tooMany(definition) }
                        let samples = cells.samples(of: group, place, from: from)
                        found.append(SeriesData(labels: labels, samples: samples))
                    }
                }
            }
        }
        return found.filter { !$0.samples.isEmpty }.sorted { $0.labels < $1.labels }
    }

    private func tooMany(_ definition: MetricDefinition) -> PromQLError {
        .execution(
            "\(definition.name) has more than \(MetricsLimits.derivedSamples) samples in this range; "
                + "take a shorter one, or more matchers")
    }

    /// Whether the matchers of names let a part through.
    private func isNamed(
        _ definition: MetricDefinition, _ part: MetricDefinition.Part, _ matchers: [LabelMatcher]
    ) -> Bool {
        matchers.allSatisfy {
            $0.name != Labels.metricName || $0.matches(definition.name + part.suffix)
        }
    }

    private func cells(
        of definition: MetricDefinition, from: Int64, to: Int64
    ) throws -> DerivedCells? {
        let last = min(to, now - DerivedSeries.settling)
        guard from <= last, last >= 0 else { return nil }
        let from = max(from, last - DerivedSeries.rangeMax)
        let width = DerivedSeries.width(ofRange: last - from)
        let firstEnd = (from + width - 1) / width * width
        let count = last / width - firstEnd / width + 1
        guard count > 0 else { return nil }
        return try DerivedCells(
            definition, start: (firstEnd - width) * 1_000_000, width: width * 1_000_000,
            count: Int(count), ask)
    }

    /// Milliseconds for which events of a cell may still be under way.
    public static let settling: Int64 = 30_000
    /// Milliseconds of as many cells of a day as are counted; what is before stands in the first.
    private static let rangeMax = MetricsLimits.derivedCells * 86_400_000

    /// Milliseconds of a cell: ten seconds up to a day, a minute up to six days, then an hour, then a
    /// day.
    private static func width(ofRange range: Int64) -> Int64 {
        for width: Int64 in [10_000, 60_000, 3_600_000]
        where range / width <= MetricsLimits.derivedCells { return width }
        return 86_400_000
    }

    // MARK: - Labels

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        var found: [Labels] = []
        for definition in definitions {
            let parts = definition.parts.filter { isNamed(definition, $0, matchers) }
            if parts.isEmpty { continue }
            let table = try definition.table(
                DerivedSeries.nanoseconds(from), DerivedSeries.nanoseconds(to) &+ 1, ask)
            for row in table.rows {
                for part in parts {
                    found += definition.series(of: row.group, part).map(\.labels)
                        .filter { labels in matchers.allSatisfy { $0.matches(labels) } }
                }
            }
        }
        return found.sorted()
    }

    private static func nanoseconds(_ milliseconds: Int64) -> Int64 {
        let (product, overflows) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        if overflows { return milliseconds < 0 ? .min : .max - 1 }
        return product
    }

    public func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        let names = Set(try series(matchers, from: from, to: to).flatMap { $0.map(\.name) })
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        let values = Set(try series(matchers, from: from, to: to).map { $0[name] })
        return values.subtracting([""]).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

extension DerivedCells {
    /// The running total of one of a group's numbers, from the time on that was asked.
    ///
    /// - Parameter from: milliseconds since 1970.
    fileprivate func samples(of group: Group, _ place: Int, from: Int64) -> Samples {
        var total = group.before[place]
        var samples = Samples()
        var rest = group.cells[...]
        let first = group.isNew ? group.cells.first?.cell ?? count : 0
        for cell in first..<count {
            let begins = (start + Int64(cell) * width) / 1_000_000
            if group.isNew && cell == first && begins >= from { samples.append(begins, 0) }
            if let next = rest.first, next.cell == cell {
                total += next.added[place]
                rest.removeFirst()
            }
            samples.append(begins + width / 1_000_000, total)
        }
        return samples
    }
}

extension MetricDefinition {
    /// How many series the stored events make; throws when they are too many.
    public func expectedSeries(_ ask: DerivedSeries.Ask) throws -> Int {
        let rows = try table(.min, .max, ask).rows.count
        return rows * parts.reduce(0) { $0 + ($1 == .bucket ? bounds.count + 1 : 1) }
    }

    /// The series of one part for a group, each with the place of its calculation.
    func series(of group: [FieldValue], _ part: Part) -> [(labels: Labels, place: Int)] {
        switch part {
        case .total, .count: return [(seriesLabels(group, part), 0)]
        case .sum: return [(seriesLabels(group, part), 1)]
        case .bucket:
            let bounded = bounds.enumerated().map { index, bound in
                (seriesLabels(group, part, le: NumberText.openMetrics(bound)), index + 2)
            }
            return bounded + [(seriesLabels(group, part, le: "+Inf"), 0)]
        }
    }
}
