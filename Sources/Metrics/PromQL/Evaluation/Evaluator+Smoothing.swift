internal import SeriesStore

extension Evaluator {
    /// Values on the line between the samples before and after each step.
    func selectSmoothed(
        _ selector: Selector, _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let reference = try reference(selector.shift, steps)
        let first = reference.time(0, steps) &- options.lookback &+ 1
        let last = reference.time(steps.count - 1, steps) &+ options.lookback
        var result: [StepSeries] = []
        for data in try read(selector.matchers, from: first, to: last) {
            let series = WindowSeries(data)
            try hold(series.cost)
            var new = StepSeries(labels: data.labels, steps: steps.count)
            for step in 0..<steps.count {
                new[step] = smoothedValue(series, at: reference.time(step, steps), node.range)
            }
            if !new.isEmpty { result.append(new) }
        }
        return result
    }

    private func smoothedValue(
        _ series: WindowSeries, at time: Int64, _ range: Range<Int>
    ) -> StepValue? {
        func isNear(_ other: Int64) -> Bool {
            other > time - options.lookback && other <= time + options.lookback
        }
        let numbers = series.times.indices.filter { isNear(series.times[$0]) }
        let histograms = series.histogramTimes.indices.filter {
            isNear(series.histogramTimes[$0])
        }
        if !numbers.isEmpty && !histograms.isEmpty {
            annotations.warnOfMix(series.labels.metricName, at: range)
            return nil
        }
        if let before = numbers.last(where: { series.times[$0] <= time }) {
            guard series.times[before] < time, numbers.contains(before + 1) else {
                return .number(series.numbers[before])
            }
            return .number(
                Interpolation.between(
                    series.numbers, series.times, before, at: time, isCounter: false))
        }
        guard let before = histograms.last(where: { series.histogramTimes[$0] <= time }) else {
            return nil
        }
        var histogram = series.histograms[before]
        if series.histogramTimes[before] == time { return .histogram(histogram) }
        guard histograms.contains(before + 1) else {
            histogram.counterReset = .unknown
            return .histogram(histogram)
        }
        let isCounter = !(histogram.isGauge && series.histograms[before + 1].isGauge)
        let interpolation = HistogramInterpolation(range: range, isCounter: isCounter)
        do throws(Histogram.IncompatibleBounds) {
            return .histogram(
                try interpolation.between(
                    series.histograms, series.histogramTimes, before, at: time, &annotations))
        } catch {
            annotations.warnOfBounds(series.labels.metricName, at: range)
            return nil
        }
    }
}
