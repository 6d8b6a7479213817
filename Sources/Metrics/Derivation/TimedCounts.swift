internal import Compute
internal import EventQuery
internal import Events

/// What one question to the events tells of a metric in a stretch of time: its numbers, and when the
/// first and the last event of each combination of labels happened.
struct TimedCounts {
    /// Nanoseconds since 1970, by the labels' values.
    private(set) var spans: [[String]: ClosedRange<Int64>] = [:]
    let table: MetricTable

    /// Nil when there are more combinations than one question answers, or than have series of their own.
    ///
    /// - Parameters:
    ///   - from: nanoseconds since 1970, as `to`, which is not included.
    ///   - step: nanoseconds of a cell, for numbers by time.
    ///   - hasNumbers: whether the metric's numbers are asked for.
    init?(
        _ definition: MetricDefinition, _ from: Int64, _ to: Int64, step: Int64? = nil,
        hasNumbers: Bool, _ ask: DerivedSeries.Ask
    ) throws {
        let numbers = hasNumbers ? definition.calculations : []
        let times = [Aggregate.min, .max].map { Calculation($0, of: .field(.timestamp)) }
        var query = definition.query(from, to, step)
        query.shape = .statistics(Statistics(calculations: (numbers + times).named))
        var keys = definition.labelKeys
        var labels: ([FieldValue]) -> [String] = { $0.map(\.labelText) }
        // Fields can stand for labels where the numbers of groups add up to those of all.
        if definition.kind.isAdditive || !hasNumbers, let fields = try definition.fieldKeys() {
            (keys, labels) = fields
        }
        var answer = try ask(query.grouped(by: keys))
        guard answer.rows.count < MetricsLimits.groupsPerQuery else { return nil }
        for row in answer.rows {
            guard case .value(.int(let first)) = row.values[numbers.count],
                case .value(.int(let last)) = row.values[numbers.count + 1]
            else { continue }
            let group = labels(row.group)
            let known = spans[group] ?? first...last
            spans[group] = min(known.lowerBound, first)...max(known.upperBound, last)
        }
        guard spans.count <= definition.seriesLimit else { return nil }
        for place in answer.rows.indices { answer.rows[place].values.removeLast(times.count) }
        for place in answer.series.indices {
            answer.series[place].row.values.removeLast(times.count)
        }
        table = MetricTable(answer, labels)
    }
}
