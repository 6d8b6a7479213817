public import EventQuery

/// The totals of a metric that asks for other events of the trace, counted a stretch at a time as the
/// events come: each event once.
///
/// Such a metric cannot be counted over all events whenever somebody asks. What comes after its stretch was
/// counted is not in the totals.
public struct RunningTotals: Sendable {
    /// Nanoseconds since 1970: events from then on count.
    public let begun: Int64
    /// Nanoseconds since 1970: events before have been counted.
    public private(set) var counted: Int64
    /// By the values of labels; nil for all combinations beyond the limit.
    private(set) var totals: [[String]?: MetricNumbers] = [:]

    /// Nothing yet; counts from a time on, nanoseconds since 1970.
    public init(at now: Int64) {
        begun = RunningTotals.settled(now)
        counted = begun
    }

    /// The end of the last whole stretch whose spans, and those that they were called by, should be there.
    private static func settled(_ now: Int64) -> Int64 {
        let step = MetricsLimits.scrapedStep
        return (now - MetricsLimits.scrapedSettling) / step * step
    }

    /// Counts what has settled since, of one call at most `MetricsLimits.scrapedStretch`.
    ///
    /// - Parameters:
    ///   - now: nanoseconds since 1970.
    ///   - ask: answers a query that is about statistics; what it throws leaves the totals as they are.
    public mutating func advance(
        _ definition: MetricDefinition, to now: Int64, _ ask: DerivedSeries.Ask
    ) throws {
        let end = min(RunningTotals.settled(now), counted + MetricsLimits.scrapedStretch)
        guard end > counted else { return }
        for row in try definition.table(counted, end, AdmittedSeries.all, ask).rows {
            let isKnown = totals[row.labels] != nil
            let labels =
                isKnown || totals.count < definition.seriesLimit ? row.labels : [String]?.none
            var total = totals[labels] ?? MetricNumbers(numbers: row.numbers.numbers.map { _ in 0 })
            total.add(row.numbers)
            totals[labels] = total
        }
        counted = end
    }
}
