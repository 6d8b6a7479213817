internal import CKernels

/// The times that a query is about, which durations may refer to.
struct QueryTimes: Sendable {
    /// Milliseconds since 1970 of the first and the last step.
    let start: Int64
    let end: Int64
    /// Milliseconds between two steps, 0 in an instant query.
    let step: Int64
}

/// A length of time, possibly one that depends on the query's times.
indirect enum DurationExpression: Sendable {
    /// Seconds; written as a duration or as a number.
    case seconds(Double, isDuration: Bool)
    case step
    case range
    case negated(DurationExpression)
    case parenthesised(DurationExpression)
    case binary(BinaryOperator, DurationExpression, DurationExpression)
    case largest(DurationExpression, DurationExpression)
    case smallest(DurationExpression, DurationExpression)

    /// Seconds, where the value is known without the query's times.
    var literal: Double? {
        if case .seconds(let value, _) = self { return value }
        return nil
    }

    /// Milliseconds.
    ///
    /// - Throws: `PromQLError` of `.badData` when the value is no length of time, or a negative one
    ///   where only positive ones make sense.
    func milliseconds(_ times: QueryTimes, mayBeNegative: Bool) throws(PromQLError) -> Int64 {
        let seconds = try value(times)
        guard seconds.isFinite else {
            throw PromQLError(.badData, "duration is NaN or infinite")
        }
        guard seconds > 0 || mayBeNegative else {
            throw PromQLError(.badData, "duration must be greater than 0")
        }
        let limit = Double(MetricsLimits.durationMilliseconds) / 1000
        guard abs(seconds) <= limit else {
            throw PromQLError(.badData, "duration is out of range")
        }
        return Int64((seconds * 1e9).rounded()) / 1_000_000
    }

    private func value(_ times: QueryTimes) throws(PromQLError) -> Double {
        switch self {
        case .seconds(let seconds, _): return seconds
        case .step: return Double(times.step) / 1000
        case .range: return Double(times.end - times.start) / 1000
        case .negated(let inner): return try -inner.value(times)
        case .parenthesised(let inner): return try inner.value(times)
        case .largest(let left, let right): return try max(left.value(times), right.value(times))
        case .smallest(let left, let right): return try min(left.value(times), right.value(times))
        case .binary(let sign, let left, let right):
            let (left, right) = try (left.value(times), right.value(times))
            switch sign {
            case .add: return left + right
            case .subtract: return left - right
            case .multiply: return left * right
            case .power: return wf_pow(left, right)
            case .divide:
                if right == 0 { throw PromQLError(.badData, "division by zero") }
                return left / right
            default:
                if right == 0 { throw PromQLError(.badData, "modulo by zero") }
                return left.truncatingRemainder(dividingBy: right)
            }
        }
    }
}
