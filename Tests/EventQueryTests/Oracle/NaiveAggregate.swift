import Compute
import EventQuery
import Events
import TestSupport

/// Aggregates over plain rows: everything sorted, everything exact.
struct NaiveAggregate {
    let calculation: Calculation
    let isUnweighted: Bool

    /// The rows that take part, with the value they bring and how often they count.
    private func entries(_ rows: [NaiveRow]) -> [(value: FieldValue, weight: UInt64)] {
        rows.compactMap { row in
            let expression = NaiveExpression(value: row.value)
            if let filter = calculation.filter, !row.meets(filter) { return nil }
            let value = calculation.argument.map(expression.evaluate) ?? .bool(true)
            return value.isMissing ? nil : (value, isUnweighted ? 1 : row.weight)
        }
    }

    func answer(_ rows: [NaiveRow]) -> Answer.Cell {
        let entries = entries(rows)
        switch calculation.aggregate {
        case .count: return .value(.int(Int64(entries.reduce(0) { $0 + $1.weight })))
        case .distinct: return .value(.int(Int64(Set(entries.map(\.value)).count)))
        case .min: return .value(entries.map(\.value).sorted().first ?? .missing)
        case .max: return .value(entries.map(\.value).sorted().last ?? .missing)
        case .sum, .avg: return .value(sumOrAverage(entries))
        case .quantile(let share): return .value(quantile(share, entries))
        case .latest: return .value(latest(rows))
        case .heatmap, .exponentialHistogram: return .bins(bins(entries))
        case .rateSum, .rateAvg, .rateMax, .concurrency:
            preconditionFailure("a calculation over several buckets")
        }
    }

    private func sumOrAverage(_ entries: [(value: FieldValue, weight: UInt64)]) -> FieldValue {
        var whole: Int128 = 0
        var floats: [Double] = []
        var count: UInt64 = 0
        for (value, weight) in entries {
            switch value {
            case .bool(let flag): whole += flag ? Int128(weight) : 0
            case .int(let number): whole += Int128(number) * Int128(weight)
            case .float(let number): floats.append(number * Double(weight))
            case .string, .missing: continue
            }
            count += weight
        }
        if count == 0 { return .missing }
        // From the smallest up: what rounding there is stays small.
        let fraction = floats.sorted { $0.magnitude < $1.magnitude }.reduce(0, +)
        if calculation.aggregate == .avg {
            return FieldValue(number: (Double(whole) + fraction) / Double(count))
        }
        if floats.isEmpty, let exact = Int64(exactly: whole) { return .int(exact) }
        return FieldValue(number: Double(whole) + fraction)
    }

    /// The numbers among the values, ascending.
    private func numbers(
        _ entries: [(value: FieldValue, weight: UInt64)]
    ) -> [(value: Double, weight: UInt64)] {
        entries.compactMap { entry -> (value: Double, weight: UInt64)? in
            switch entry.value {
            case .int(let number): (Double(number), entry.weight)
            case .float(let number): (number, entry.weight)
            case .bool, .string, .missing: nil
            }
        }.sorted { $0.value < $1.value }
    }

    /// `percentile_cont`: linear between the neighbours in the list of all events that are meant.
    private func quantile(
        _ share: Double, _ entries: [(value: FieldValue, weight: UInt64)]
    ) -> FieldValue {
        let list = numbers(entries).flatMap { Array(repeating: $0.value, count: Int($0.weight)) }
        if list.isEmpty { return .missing }
        let place = share * Double(list.count - 1)
        let low = Int(place.rounded(.down))
        let high = min(low + 1, list.count - 1)
        return FieldValue(number: list[low] + (list[high] - list[low]) * (place - Double(low)))
    }

    /// Of the latest rows that have a value the largest.
    private func latest(_ rows: [NaiveRow]) -> FieldValue {
        let timed = rows.flatMap { row in entries([row]).map { (row.event.timestamp, $0.value) } }
        return timed.max { $0 < $1 }?.1 ?? .missing
    }

    /// One bin a value, as narrow as can be.
    private func bins(
        _ entries: [(value: FieldValue, weight: UInt64)]
    ) -> [(low: Double, high: Double, count: UInt64)] {
        var bins: [(low: Double, high: Double, count: UInt64)] = []
        for (value, weight) in numbers(entries) {
            if bins.last?.low == value {
                bins[bins.count - 1].count += weight
            } else {
                bins.append((value, value.nextUp, weight))
            }
        }
        return bins
    }
}
