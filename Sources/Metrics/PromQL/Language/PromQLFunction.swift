/// The functions of PromQL by their names.
enum PromQLFunction: String, CaseIterable, Sendable {
    // Of each value by itself.
    case abs, acos, acosh, asin, asinh, atan, atanh, ceil, cos, cosh, deg, exp, floor, ln, log10
    case log2, rad, sgn, sin, sinh, sqrt, tan, tanh, round, clamp
    case clampMax = "clamp_max"
    case clampMin = "clamp_min"
    // Of time.
    case time, timestamp, hour, minute, month, year
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
    case start, end, step, range
    // Of labels and order.
    case absent, info, scalar, sort, vector
    case labelReplace = "label_replace"
    case labelJoin = "label_join"
    case sortDescending = "sort_desc"
    case sortByLabel = "sort_by_label"
    case sortByLabelDescending = "sort_by_label_desc"
    // Constants and comparisons of scalars.
    case pi
    case maxOf = "max_of"
    case minOf = "min_of"
    // Of histograms.
    case histogramAverage = "histogram_avg"
    case histogramCount = "histogram_count"
    case histogramSum = "histogram_sum"
    case histogramDeviation = "histogram_stddev"
    case histogramVariance = "histogram_stdvar"
    case histogramFraction = "histogram_fraction"
    case histogramQuantile = "histogram_quantile"
    case histogramQuantiles = "histogram_quantiles"
    // Of windows.
    case absentOverTime = "absent_over_time"
    case averageOverTime = "avg_over_time"
    case countOverTime = "count_over_time"
    case firstOverTime = "first_over_time"
    case lastOverTime = "last_over_time"
    case madOverTime = "mad_over_time"
    case maxOverTime = "max_over_time"
    case minOverTime = "min_over_time"
    case presentOverTime = "present_over_time"
    case quantileOverTime = "quantile_over_time"
    case deviationOverTime = "stddev_over_time"
    case varianceOverTime = "stdvar_over_time"
    case sumOverTime = "sum_over_time"
    case timeOfFirst = "ts_of_first_over_time"
    case timeOfLast = "ts_of_last_over_time"
    case timeOfMax = "ts_of_max_over_time"
    case timeOfMin = "ts_of_min_over_time"
    case changes, delta, deriv, idelta, increase, irate, rate, resets
    case predictLinear = "predict_linear"
    case smoothing = "double_exponential_smoothing"

    /// What a function takes and gives.
    struct Signature {
        let arguments: [PromQLNode.ValueType]
        /// Arguments that may be left out at the end, or repeat the last type; nil for any number.
        let optional: Int?
        let result: PromQLNode.ValueType
    }

    var signature: Signature {
        switch self {
        case .time, .start, .end, .step, .range, .pi: of([], .scalar)
        case .maxOf, .minOf: of([.scalar, .scalar], .scalar)
        case .scalar: of([.vector], .scalar)
        case .vector: of([.scalar])
        case .clamp: of([.vector, .scalar, .scalar])
        case .clampMax, .clampMin: of([.vector, .scalar])
        case .round: of([.vector, .scalar], optional: 1)
        case .hour, .minute, .month, .year, .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth:
            of([.vector], optional: 1)
        case .info: of([.vector, .vector], optional: 1)
        case .labelReplace: of([.vector, .string, .string, .string, .string])
        case .labelJoin: of([.vector, .string, .string, .string], optional: nil)
        case .sortByLabel, .sortByLabelDescending: of([.vector, .string], optional: nil)
        case .histogramFraction: of([.scalar, .scalar, .vector])
        case .histogramQuantile: of([.scalar, .vector])
        case .histogramQuantiles: of([.vector, .string, .scalar, .scalar], optional: 9)
        case .quantileOverTime: of([.scalar, .matrix])
        case .predictLinear: of([.matrix, .scalar])
        case .smoothing: of([.matrix, .scalar, .scalar])
        default: of([takesWindow ? .matrix : .vector])
        }
    }

    private func of(
        _ arguments: [PromQLNode.ValueType], optional: Int? = 0,
        _ result: PromQLNode.ValueType = .vector
    ) -> Signature {
        Signature(arguments: arguments, optional: optional, result: result)
    }

    private func of(
        _ arguments: [PromQLNode.ValueType], _ result: PromQLNode.ValueType
    ) -> Signature {
        of(arguments, optional: 0, result)
    }

    /// Whether it looks at the samples of a stretch of time.
    var takesWindow: Bool {
        switch self {
        case .absentOverTime, .averageOverTime, .countOverTime, .firstOverTime, .lastOverTime,
            .madOverTime, .maxOverTime, .minOverTime, .presentOverTime, .quantileOverTime,
            .deviationOverTime, .varianceOverTime, .sumOverTime, .timeOfFirst, .timeOfLast,
            .timeOfMax, .timeOfMin, .changes, .delta, .deriv, .idelta, .increase, .irate, .rate,
            .resets, .predictLinear, .smoothing:
            true
        default: false
        }
    }
}
