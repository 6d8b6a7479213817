import Compute
import EventQuery
import Events
import TestSupport

/// Calculations that speak of several time buckets at once.
struct NaiveBuckets {
    let range: Range<Int64>
    /// Nanoseconds; nil for the whole range as one bucket.
    let width: Int64?
    let isUnweighted: Bool

    static func concerns(_ calculation: Calculation) -> Bool {
        [.rateSum, .rateAvg, .rateMax, .concurrency].contains(calculation.aggregate)
    }

    func bucket(_ time: Int64) -> Int64 {
        guard let width else { return range.lowerBound }
        return time >= 0 ? time / width * width : -((width - 1 - time) / width) * width
    }

    /// The value over the whole range, and in each bucket that says something.
    func answer(
        _ calculation: Calculation, _ rows: [NaiveRow]
    ) -> (whole: FieldValue, buckets: [Int64: FieldValue]) {
        if rows.isEmpty { return (.missing, [:]) }
        return calculation.aggregate == .concurrency
            ? open(calculation, rows) : differences(calculation, rows)
    }

    private func differences(
        _ calculation: Calculation, _ rows: [NaiveRow]
    ) -> (FieldValue, [Int64: FieldValue]) {
        var plain = calculation
        plain.aggregate =
            switch calculation.aggregate {
            case .rateSum: .sum
            case .rateAvg: .avg
            default: .max
            }
        let aggregate = NaiveAggregate(calculation: plain, isUnweighted: isUnweighted)
        var values: [(time: Int64, value: FieldValue)] = []
        for (time, rows) in Dictionary(grouping: rows, by: { bucket($0.event.timestamp) }) {
            guard case .value(let value) = aggregate.answer(rows), !value.isMissing else {
                continue
            }
            values.append((time, value))
        }
        values.sort { $0.time < $1.time }
        func difference(_ a: FieldValue, _ b: FieldValue) -> FieldValue {
            NaiveExpression { _ in .missing }
                .evaluate(.arithmetic(.subtract, .literal(a), .literal(b)))
        }
        var found: [Int64: FieldValue] = [:]
        for (earlier, later) in zip(values, values.dropFirst()) {
            found[later.time] = difference(later.value, earlier.value)
        }
        guard values.count > 1, let first = values.first, let last = values.last else {
            return (.missing, found)
        }
        return (difference(last.value, first.value), found)
    }

    /// Each span is laid over each bucket.
    private func open(
        _ calculation: Calculation, _ rows: [NaiveRow]
    ) -> (FieldValue, [Int64: FieldValue]) {
        var open: [Int64: Double] = [:]
        for row in rows {
            if let filter = calculation.filter, !row.meets(filter) { continue }
            let milliseconds: Double
            switch row.value(.named("duration_ms")) {
            case .int(let number): milliseconds = Double(number)
            case .float(let number): milliseconds = number
            default: continue
            }
            let start = row.event.timestamp
            if milliseconds <= 0 { continue }
            let longest = range.upperBound - start
            let length = min(Double(longest), milliseconds * 1e6)
            let end = start + Int64(length)
            let weight = isUnweighted ? 1 : Double(row.weight)
            var time = bucket(start)
            while time < end {
                let next = width.map { time + $0 } ?? range.upperBound
                open[time, default: 0] += Double(min(end, next) - max(start, time)) * weight
                time = next
            }
        }
        let length = Double(range.upperBound - range.lowerBound)
        let whole = FieldValue(number: open.values.reduce(0, +) / max(1, length))
        let each = Double(width ?? max(1, range.upperBound - range.lowerBound))
        var found: [Int64: FieldValue] = [:]
        for row in rows { found[bucket(row.event.timestamp)] = .float(0) }
        for (time, open) in open where open > 0 { found[time] = FieldValue(number: open / each) }
        return (whole, found)
    }
}
