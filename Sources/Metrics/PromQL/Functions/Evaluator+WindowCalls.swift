internal import SeriesStore

/// Functions of the samples of a stretch of time.
extension Evaluator {
    func windowCall(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        guard let place = arguments.firstIndex(where: { $0.type == .matrix }) else {
            preconditionFailure("BUG: no window: \(function.rawValue)")
        }
        try checkEnds(function, arguments[place].unwrapped)
        var others: [[Double]] = []
        for (index, argument) in arguments.enumerated() where index != place {
            others.append(try scalar(argument, steps))
        }
        let windows = try windows(of: arguments[place].unwrapped, steps)
        let range = arguments[0].unwrapped.range
        let body = windowFunction(function, windows, others, range)
        let keepsName = function == .lastOverTime || function == .firstOverTime
        var result: [StepSeries] = []
        result.reserveCapacity(windows.series.count)
        var visited = 0
        for series in windows.series {
            var new = StepSeries(
                labels: series.labels, dropsName: !keepsName || series.dropsName,
                steps: steps.count)
            try windows.each(series) { step, window throws(PromQLError) in
                new[step] = try body(window, step)
                // Windows may be long and overlap: a series alone can take for ever.
                visited += window.numberPlaces.count + window.histogramPlaces.count
                if visited > MetricsLimits.samplesUnasked {
                    visited = 0
                    if let error = options.interruption() { throw error }
                }
            }
            if function == .rate || function == .increase { checkName(new, range) }
            if [.sumOverTime, .averageOverTime].contains(function), new.isQuantile {
                warnOfQuantiles(new.labels, range)
            }
            if new.isEmpty { continue }
            try hold(new.cost)
            result.append(new)
        }
        guard function == .absentOverTime else { return result }
        return absent(result, arguments[place], steps)
    }

    private func checkEnds(
        _ function: PromQLFunction, _ node: PromQLNode
    ) throws(PromQLError) {
        guard case .window(let selector, _) = node.kind, let ends = selector.ends else { return }
        var allowed: [PromQLFunction] = [.delta, .increase, .rate]
        if ends == .anchored { allowed = [.changes] + allowed + [.resets] }
        if allowed.contains(function) { return }
        throw .execution(
            "\(ends.rawValue) modifier can only be used with: "
                + allowed.map(\.rawValue).joined(separator: ", ")
                + " - not with \(function.rawValue)")
    }

    /// Tells when a rate is taken of what is no counter by its name.
    private func checkName(_ series: StepSeries, _ range: Range<Int>) {
        let name = series.labels.metricName
        let endings = ["_total", "_sum", "_count", "_bucket"]
        guard !name.isEmpty, !endings.contains(where: name.hasSuffix),
            series.kinds.contains(.number)
        else { return }
        annotations.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + QuotedText.quoted(name), at: range)
    }

    // MARK: - Functions

    private typealias Body = (Window, Int) throws(PromQLError) -> StepValue?

    private func windowFunction(
        _ function: PromQLFunction, _ windows: Windows, _ others: [[Double]], _ range: Range<Int>
    ) -> Body {
        switch function {
        case .rate, .increase, .delta:
            let rate = RateFunction(
                isCounter: function != .delta, isPerSecond: function == .rate, range: range,
                ends: windows.ends)
            return { window, _ in rate.value(window, &self.annotations) }
        case .irate, .idelta:
            let isRate = function == .irate
            return { window, _ in
                InstantRate.value(window, isRate: isRate, range, &self.annotations)
            }
        case .changes, .resets:
            let isAnchored = windows.ends == .anchored
            return { window, _ in
                WindowChanges.count(window, resetsOnly: function == .resets, isAnchored).map {
                    .number(Double($0))
                }
            }
        case .countOverTime:
            return { window, _ in
                .number(Double(window.numberPlaces.count + window.histogramPlaces.count))
            }
        case .presentOverTime, .absentOverTime: return { _, _ in .number(1) }
        case .firstOverTime, .lastOverTime, .timeOfFirst, .timeOfLast:
            return { window, _ in WindowEdge.value(window, function) }
        case .sumOverTime, .averageOverTime:
            return { window, _ in self.total(window, isMean: function == .averageOverTime, range) }
        case .smoothing:
            return { window, step throws(PromQLError) in
                try self.smoothed(window, others[0][step], others[1][step], range)
            }
        case .quantileOverTime:
            return { window, step in
                let quantile = others[0][step]
                if window.numberPlaces.isEmpty { return nil }
                if !(quantile >= 0 && quantile <= 1) {
                    self.annotations.warn(
                        "quantile value should be between 0 and 1, got "
                            + NumberText.general(quantile), at: range)
                }
                self.noteIgnored(window, range)
                return .number(Quantile.value(quantile, Array(window.numbers)))
            }
        case .deriv, .predictLinear:
            return { window, step in
                self.line(window, seconds: function == .deriv ? nil : others[0][step], range)
            }
        default:
            return { window, _ in
                if window.numberPlaces.isEmpty { return nil }
                self.noteIgnored(window, range)
                return .number(WindowStatistic.value(window, function))
            }
        }
    }

    /// Tells that histograms among the numbers of a window are left out.
    private func noteIgnored(_ window: Window, _ range: Range<Int>) {
        if window.histogramPlaces.isEmpty { return }
        annotations.inform(
            "ignored histograms in a range containing both floats and histograms for metric name "
                + QuotedText.quoted(window.series.labels.metricName), at: range)
    }

    private func total(_ window: Window, isMean: Bool, _ range: Range<Int>) -> StepValue? {
        let name = window.series.labels.metricName
        if window.isMixed {
            annotations.warnOfMix(name, at: range)
            return nil
        }
        guard let first = window.histograms.first else {
            let numbers = window.numbers
            return .number(
                isMean ? NumberTotal.mean(of: numbers) : NumberTotal.sum(of: numbers))
        }
        var total = HistogramTotal(first)
        do throws(Histogram.IncompatibleBounds) {
            for histogram in window.histograms.dropFirst() {
                if isMean {
                    try total.addToMean(histogram)
                } else {
                    try total.add(histogram)
                }
            }
        } catch {
            annotations.warnOfBounds(name, at: range)
            return nil
        }
        if total.resetsConflict { annotations.warnOfResets("aggregation", at: range) }
        if total.boundsDiffered { annotations.informOfBounds("aggregation", at: range) }
        return .histogram(isMean ? total.mean : total.value)
    }

    /// The slope of the line through the numbers, or its value so many seconds after the step.
    private func line(_ window: Window, seconds: Double?, _ range: Range<Int>) -> StepValue? {
        guard window.numberPlaces.count > 1 else {
            if window.isMixed { noteIgnored(window, range) }
            return nil
        }
        noteIgnored(window, range)
        let start = seconds == nil ? window.times[window.numberPlaces.lowerBound] : window.time
        let (slope, intercept) = LinearRegression.line(window, from: start)
        return .number(seconds.map { slope * $0 + intercept } ?? slope)
    }

    private func smoothed(
        _ window: Window, _ smoothing: Double, _ trend: Double, _ range: Range<Int>
    ) throws(PromQLError) -> StepValue? {
        for (value, name, sign) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")]
        where value <= 0 || value >= 1 {
            throw .execution(
                "invalid \(name) factor. Expected: 0 < \(sign) < 1, got: "
                    + NumberText.fixed(value, digits: 6))
        }
        guard window.numberPlaces.count > 1 else {
            if window.isMixed { noteIgnored(window, range) }
            return nil
        }
        noteIgnored(window, range)
        let numbers = Array(window.numbers)
        var (before, level) = (0.0, numbers[0])
        var slope = numbers[1] - numbers[0]
        for place in 1..<numbers.count {
            if place > 1 { slope = trend * (level - before) + (1 - trend) * slope }
            let next = smoothing * numbers[place] + (1 - smoothing) * (level + slope)
            (before, level) = (level, next)
        }
        return .number(level)
    }
}
