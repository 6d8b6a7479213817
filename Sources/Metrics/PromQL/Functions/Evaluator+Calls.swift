internal import CKernels
internal import SeriesStore

extension Evaluator {
    func call(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        if function.takesWindow { return try windowCall(function, arguments, steps) }
        switch function {
        case .time: return scalar(steps) { Double(steps.time($0)) / 1000 }
        case .start: return constant(Double(times.start) / 1000, steps)
        case .end: return constant(Double(times.end) / 1000, steps)
        case .step: return constant(Double(times.step) / 1000, steps)
        case .range: return constant(Double(times.end - times.start) / 1000, steps)
        case .pi: return constant(.pi, steps)
        case .maxOf, .minOf:
            let (left, right) = try (scalar(arguments[0], steps), scalar(arguments[1], steps))
            return scalar(steps) {
                if left[$0].isNaN || right[$0].isNaN { return .nan }
                return function == .maxOf ? max(left[$0], right[$0]) : min(left[$0], right[$0])
            }
        case .scalar: return try scalarOfVector(arguments[0], steps)
        case .vector: return try evaluate(arguments[0], steps)
        case .timestamp: return try timestamps(arguments[0], steps)
        case .hour, .minute, .month, .year, .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth:
            return try calendar(function, arguments, steps)
        case .absent: return try absent(arguments[0], steps)
        case .info: return try info(arguments, node, steps)
        case .labelReplace: return try replaceLabel(arguments, steps)
        case .labelJoin: return try joinLabels(arguments, steps)
        case .sort, .sortDescending, .sortByLabel, .sortByLabelDescending:
            return try sorted(function, arguments, node, steps)
        case .histogramAverage, .histogramCount, .histogramSum, .histogramDeviation,
            .histogramVariance:
            return try eachHistogram(arguments[0], steps, HistogramFunction.of(function))
        case .histogramFraction, .histogramQuantile, .histogramQuantiles:
            return try quantiles(function, arguments, steps)
        default: return try eachNumber(function, arguments, steps)
        }
    }

    // MARK: - Scalars

    private func constant(_ value: Double, _ steps: Steps) -> [StepSeries] {
        [StepSeries(constant: value, steps: steps.count)]
    }

    private func scalar(_ steps: Steps, _ value: (Int) -> Double) -> [StepSeries] {
        var series = StepSeries(constant: 0, steps: steps.count)
        for step in 0..<steps.count { series.numbers[step] = value(step) }
        return [series]
    }

    /// The only number at a step; NaN where there are none or several.
    private func scalarOfVector(
        _ argument: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        var found = [Int](repeating: 0, count: steps.count)
        var values = [Double](repeating: .nan, count: steps.count)
        for series in try evaluate(argument, steps) {
            for step in 0..<steps.count where series.kinds[step] == .number {
                found[step] += 1
                values[step] = found[step] == 1 ? series.numbers[step] : .nan
            }
        }
        return scalar(steps) { values[$0] }
    }

    // MARK: - Each value by itself

    private func eachNumber(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let series = try evaluate(arguments[0], steps)
        var others: [[Double]] = []
        for argument in arguments.dropFirst() { others.append(try scalar(argument, steps)) }
        let change = NumberFunction.of(function, others)
        return series.map { one in
            var one = one
            one.dropsName = true
            for step in 0..<steps.count {
                guard one.kinds[step] == .number, let number = change(one.numbers[step], step)
                else {
                    one.remove(step)
                    continue
                }
                one.numbers[step] = number
            }
            return one
        }
    }

    private func eachHistogram(
        _ argument: PromQLNode, _ steps: Steps, _ value: (Histogram) -> Double
    ) throws(PromQLError) -> [StepSeries] {
        try evaluate(argument, steps).map { one in
            var result = StepSeries(labels: one.labels, dropsName: true, steps: steps.count)
            for step in 0..<steps.count {
                if case .histogram(let histogram) = one[step] { result.set(step, value(histogram)) }
            }
            return result
        }
    }

    // MARK: - Time

    private func timestamps(
        _ argument: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        if case .selector(let selector) = argument.unwrapped.kind {
            return try selectTimes(selector, steps).map { one in
                var one = one
                one.dropsName = true
                return one
            }
        }
        return try evaluate(argument, steps).map { one in
            var result = StepSeries(labels: one.labels, dropsName: true, steps: steps.count)
            for step in 0..<steps.count where one.has(step) {
                result.set(step, Double(steps.time(step)) / 1000)
            }
            return result
        }
    }

    private func calendar(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        guard let argument = arguments.first else {
            return scalar(steps) { CalendarFunction.value(function, steps.time($0) / 1000) }
        }
        return try evaluate(argument, steps).map { one in
            var one = one
            one.dropsName = true
            for step in 0..<steps.count {
                guard one.kinds[step] == .number else {
                    one.remove(step)
                    continue
                }
                one.numbers[step] = CalendarFunction.value(function, one.numbers[step])
            }
            return one
        }
    }
}

/// Functions of a number at a step.
enum NumberFunction {
    /// - Parameter others: further arguments, for each step.
    static func of(
        _ function: PromQLFunction, _ others: [[Double]]
    ) -> (Double, Int) -> Double? {
        switch function {
        case .clamp: { number, step in clamped(number, others[0][step], others[1][step]) }
        case .clampMax: { number, step in clamped(number, -.infinity, others[0][step]) }
        case .clampMin: { number, step in clamped(number, others[0][step], .infinity) }
        case .round:
            { number, step in
                // The inverse loses less: 5 * (1 / 0.1) is whole, 5 / 0.1 need not be.
                let inverse = 1 / (others.first?[step] ?? 1)
                return (number * inverse + 0.5).rounded(.down) / inverse
            }
        default: { number, _ in value(function, number) }
        }
    }

    private static func clamped(_ number: Double, _ lowest: Double, _ highest: Double) -> Double? {
        if highest < lowest { return nil }
        if number.isNaN || lowest.isNaN || highest.isNaN { return .nan }
        return max(lowest, min(highest, number))
    }

    private static func value(_ function: PromQLFunction, _ x: Double) -> Double {
        switch function {
        case .abs: x.magnitude
        case .acos: wf_acos(x)
        case .acosh: wf_acosh(x)
        case .asin: wf_asin(x)
        case .asinh: wf_asinh(x)
        case .atan: wf_atan(x)
        case .atanh: wf_atanh(x)
        case .ceil: x.rounded(.up)
        case .cos: wf_cos(x)
        case .cosh: wf_cosh(x)
        case .deg: x * 180 / .pi
        case .exp: wf_exp(x)
        case .floor: x.rounded(.down)
        case .ln: wf_log(x)
        case .log10: wf_log10(x)
        case .log2: wf_log2(x)
        case .rad: x * .pi / 180
        case .sgn: x < 0 ? -1 : x > 0 ? 1 : x
        case .sin: wf_sin(x)
        case .sinh: wf_sinh(x)
        case .sqrt: x.squareRoot()
        case .tan: wf_tan(x)
        case .tanh: wf_tanh(x)
        default: preconditionFailure("BUG: no function of a number: \(function.rawValue)")
        }
    }
}

/// Functions of a histogram.
enum HistogramFunction {
    static func of(_ function: PromQLFunction) -> (Histogram) -> Double {
        switch function {
        case .histogramAverage: { $0.sum / $0.count }
        case .histogramCount: { $0.count }
        case .histogramSum: { $0.sum }
        case .histogramVariance: { $0.variance }
        default: { $0.variance.squareRoot() }
        }
    }
}
