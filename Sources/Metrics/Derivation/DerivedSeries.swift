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

    let definitions: [MetricDefinition]
    let now: Int64
    let past: PastSeries?
    let ask: Ask
    private let settling: Int64
    private let readsOpenCells: Bool

    /// - Parameters:
    ///   - now: milliseconds since 1970; cells that ended less than a settling delay ago have no sample
    ///     yet.
    ///   - past: what is left of events that are gone.
    ///   - settling: milliseconds of that delay.
    ///   - readsOpenCells: whether the cell that has not ended has a sample, at the end of what is asked for
    ///     or now.
    public init(
        _ definitions: [MetricDefinition], now: Int64, past: PastSeries? = nil,
        settling: Int64 = DerivedSeries.settling, readsOpenCells: Bool = false,
        _ ask: @escaping Ask
    ) {
        self.definitions = definitions
        self.now = now
        self.past = past
        self.settling = settling
        self.readsOpenCells = readsOpenCells
        self.ask = ask
    }

    // MARK: - Samples

    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        guard let past else { return try counted(matchers, from: from, to: to) }
        return try past.consistently { try counted(matchers, from: from, to: to) }
    }

    private func counted(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        var found: [SeriesData] = []
        for definition in definitions {
            let parts = definition.parts.filter { isNamed(definition, $0, matchers) }
            guard !parts.isEmpty, let frame = try frame(of: definition, from: from, to: to)
            else {
                continue
            }
            var cells = try DerivedCells(definition, frame, asking(by: frame.openEnd))
            try past?.add(to: &cells, of: definition, now: now)
            let maker = DerivedSamples(cells, definition, from: from)
            var points = 0
            for group in cells.groups {
                for part in parts {
                    for (labels, place) in definition.series(of: group.labels, part)
                    where matchers.allSatisfy({ $0.matches(labels) }) {
                        let samples = maker.samples(definition.kind, of: group, place)
                        points += samples.count + samples.bucketCount
                        if points > MetricsLimits.derivedSamples { throw tooMany(definition) }
                        found.append(SeriesData(labels: labels, samples: samples))
                    }
                }
            }
        }
        return found.filter { !$0.samples.isEmpty }.sorted { $0.labels < $1.labels }
    }

    /// What answers queries about events up to a time in milliseconds since 1970; nil for all.
    private func asking(by time: Int64?) -> Ask {
        guard let time else { return ask }
        return { [ask] in try ask($0.ending(by: time)) }
    }

    /// The cells of a range of most metrics, or longer ones that are left of events that are gone; those of a
    /// longer resolution have longer ones.
    public func spacing(from: Int64, to: Int64) -> Int64 {
        let (range, overflows) = min(to, now - DerivedSeries.settling)
            .subtractingReportingOverflow(from)
        return max(
            DerivedSeries.width(overflows ? .max : range, atLeast: 0),
            past?.spacing(from: from, to: to) ?? 0)
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

    /// The cells that a range needs; nil when it has none.
    private func frame(
        of definition: MetricDefinition, from: Int64, to: Int64
    ) throws -> DerivedCells.Frame? {
        let last = min(to, now - settling)
        guard from <= last, last >= 0 else { return nil }
        let longest = MetricsLimits.longestCell
        let from = max(from, last - longest.width * longest.count)
        let width = DerivedSeries.width(of: definition, range: last - from)
        var firstEnd = (from + width - 1) / width * width
        // Spans that began some time before may be open still.
        if definition.kind == .gauge(.concurrency) {
            firstEnd -= DerivedSeries.spanReach / width * width
        }
        var count = last / width - firstEnd / width + 1
        // Spans that are open on average are so over whole cells.
        let isOpen =
            readsOpenCells && last % width != 0 && definition.kind != .gauge(.concurrency)
        if isOpen { count += 1 }
        guard count > 0 else { return nil }
        // Different values of two cells cannot be added up to those of a longer one.
        guard definition.kind != .distinct || count <= MetricsLimits.fixedCells else {
            throw PromQLError.execution(
                "\(definition.name) has more than \(MetricsLimits.fixedCells) cells in this range; "
                    + "take a shorter one, or give it a longer resolution")
        }
        return DerivedCells.Frame(
            start: (firstEnd - width) * 1_000_000, width: width * 1_000_000, count: Int(count),
            openEnd: isOpen ? last : nil)
    }

    /// Milliseconds for which events of a cell may still be under way.
    public static let settling: Int64 = 30_000
    /// Milliseconds before the first cell from which on spans are looked at.
    private static let spanReach: Int64 = 600_000

    /// Milliseconds of a cell: ten seconds up to a day, a minute up to 45 days, then an hour, then a
    /// day; at least what the definition says.
    private static func width(of definition: MetricDefinition, range: Int64) -> Int64 {
        definition.kind == .distinct
            ? max(MetricsLimits.derivedCells[0].width, definition.resolution)
            : width(range, atLeast: definition.resolution)
    }

    private static func width(_ range: Int64, atLeast resolution: Int64) -> Int64 {
        for (width, count) in MetricsLimits.derivedCells {
            let width = max(width, resolution)
            if range / width <= count { return width }
        }
        return MetricsLimits.longestCell.width
    }

    // MARK: - Labels

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        var found: [Labels] = []
        for definition in definitions {
            let parts = definition.parts.filter { isNamed(definition, $0, matchers) }
            if parts.isEmpty { continue }
            let to = DerivedSeries.nanoseconds(to) &+ 1
            let admitted = try AdmittedSeries(
                definition, until: min(to, now * 1_000_000), ask)
            let from = DerivedSeries.nanoseconds(from)
            var groups: [[String]?] = admitted.spans.filter { $0.value.upperBound >= from }
                .map(\.key)
            if admitted.filter != nil { groups.append(nil) }
            for group in groups {
                for part in parts {
                    found += definition.series(of: group, part).map(\.labels)
                        .filter { labels in matchers.allSatisfy { $0.matches(labels) } }
                }
            }
        }
        guard let past else { return found.sorted() }
        found += try past.series(of: definitions, matchers, from: from, to: to)
        return Set(found).sorted()
    }

    static func nanoseconds(_ milliseconds: Int64) -> Int64 {
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

extension Query {
    /// The same question about events up to a time, the whole millisecond included.
    fileprivate func ending(by time: Int64) -> Query {
        var query = self
        if case .between(let from, .absolute(let to)) = timeRange {
            query.timeRange = .between(from, .absolute(min(to, (time + 1) * 1_000_000)))
        }
        return query
    }
}

extension Samples {
    /// Buckets of histograms, those that follow one another unchanged counted once.
    fileprivate var bucketCount: Int {
        guard !histograms.isEmpty else { return 0 }
        var count = 0
        for (place, histogram) in histograms.enumerated() {
            guard let histogram else { continue }
            if place > 0, values[place] == values[place - 1],
                histograms[place - 1]?.count == histogram.count
            {
                continue
            }
            count += histogram.positiveBuckets.count + histogram.negativeBuckets.count
        }
        return count
    }
}
