import EventQuery
import Host
import Metrics
import SeriesStore
import TestSupport

/// Answers the queries behind metrics over events in two batches.
func asking(_ events: [ModelEvent], now: Int64) throws -> DerivedSeries.Ask {
    let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SystemClock())
    let half = events.count / 2
    let batches = [makeBatch(Array(events[..<half])), makeBatch(Array(events[half...]))]
    return { query in
        let answer = try engine.answer(query, over: batches, now: now)
        guard case .statistics(let table) = answer.content else {
            preconditionFailure("BUG: the query of a metric is about events")
        }
        return table
    }
}

/// The series that definitions derive from events at a moment, nanoseconds since 1970.
func derived(
    _ definitions: [MetricDefinition], _ events: [ModelEvent], now: Int64
) throws -> DerivedSeries {
    DerivedSeries(definitions, now: now / 1_000_000, try asking(events, now: now))
}

extension DerivedSeries {
    /// The series of a name, milliseconds since 1970.
    func named(_ name: String, from: Int64, to: Int64) throws -> [SeriesData] {
        try select([LabelMatcher(Labels.metricName, .equal, name)], from: from, to: to)
    }
}
