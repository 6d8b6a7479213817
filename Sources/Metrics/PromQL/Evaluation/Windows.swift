internal import SeriesStore

/// The samples of a series that a function over windows may look at, without marks of its end.
struct WindowSeries {
    let labels: Labels
    let dropsName: Bool
    /// Milliseconds since 1970, ascending, as long as `numbers`.
    private(set) var times: [Int64] = []
    private(set) var numbers: [Double] = []
    /// As long as `histograms`.
    private(set) var histogramTimes: [Int64] = []
    private(set) var histograms: [Histogram] = []

    init(_ data: SeriesData) {
        labels = data.labels
        dropsName = false
        let samples = data.samples
        if samples.histograms.isEmpty && !samples.values.contains(where: StaleMarker.isStale) {
            // Fast path: the arrays are shared, not copied.
            (times, numbers) = (samples.timestamps, samples.values)
            return
        }
        times.reserveCapacity(samples.count)
        numbers.reserveCapacity(samples.count)
        for place in 0..<samples.count where !StaleMarker.isStale(samples.values[place]) {
            if !samples.histograms.isEmpty, let histogram = samples.histograms[place] {
                histogramTimes.append(samples.timestamps[place])
                histograms.append(Histogram(histogram))
            } else {
                times.append(samples.timestamps[place])
                numbers.append(samples.values[place])
            }
        }
    }

    /// The values of a subquery.
    ///
    /// What is known of resets does not hold among them: they may leave samples out or repeat them.
    init(_ series: StepSeries, _ steps: Steps) {
        labels = series.labels
        dropsName = series.dropsName
        for step in 0..<steps.count {
            switch series[step] {
            case .number(let number):
                times.append(steps.time(step))
                numbers.append(number)
            case .histogram(var histogram):
                if !histogram.isGauge { histogram.counterReset = .unknown }
                histogramTimes.append(steps.time(step))
                histograms.append(histogram)
            case nil: continue
            }
        }
    }

    /// Points of 16 bytes that it costs.
    var cost: Int {
        numbers.count + histograms.reduce(0) { $0 + Histogram.ownCost + $1.cost }
    }

    /// Samples after `bounds.lowerBound` up to `bounds.upperBound`.
    func samples(in bounds: ClosedRange<Int64>) -> Samples {
        var result = Samples()
        var (number, histogram) = (0, 0)
        while number < times.count || histogram < histograms.count {
            let isNumber =
                histogram >= histograms.count
                || number < times.count && times[number] < histogramTimes[histogram]
            let time = isNumber ? times[number] : histogramTimes[histogram]
            if time > bounds.lowerBound && time <= bounds.upperBound {
                if isNumber {
                    result.append(time, numbers[number])
                } else {
                    result.append(time, histograms[histogram].stored)
                }
            }
            if isNumber { number += 1 } else { histogram += 1 }
        }
        return result
    }
}

/// Series with the windows that lie over them.
struct Windows {
    let series: [WindowSeries]
    let steps: Steps
    let reference: Evaluator.Reference
    /// Milliseconds of a window.
    let range: Int64
    let ends: Selector.Extension?
    let lookback: Int64

    /// The times of a step's window; its start does not belong to it.
    func bounds(_ step: Int) -> ClosedRange<Int64> {
        let end = reference.time(step, steps)
        return (end &- range)...max(end, end &- range)
    }

    /// Calls `take` with the window of each step; those without samples are left out.
    ///
    /// - Throws: what `take` throws.
    func each(
        _ series: WindowSeries, _ take: (Int, Window) throws(PromQLError) -> Void
    ) throws(PromQLError) {
        let before = ends == nil ? 0 : lookback
        let after = ends == .smoothed ? lookback : 0
        var numbers = 0..<0
        var histograms = 0..<0
        for step in 0..<steps.count {
            let bounds = bounds(step)
            let (start, end) = (bounds.lowerBound &- before, bounds.upperBound &+ after)
            numbers = Windows.moved(numbers, series.times, after: start, upTo: end)
            histograms = Windows.moved(
                histograms, series.histogramTimes, after: start, upTo: end)
            if numbers.isEmpty && histograms.isEmpty { continue }
            try take(
                step,
                Window(
                    series: series, numberPlaces: numbers, histogramPlaces: histograms,
                    bounds: bounds, time: steps.time(step), range: range))
        }
    }

    /// The places of times in a window that lies no earlier than the one before.
    private static func moved(
        _ places: Range<Int>, _ times: [Int64], after start: Int64, upTo end: Int64
    ) -> Range<Int> {
        var (low, high) = (places.lowerBound, places.upperBound)
        while low < times.count && times[low] <= start { low += 1 }
        high = max(high, low)
        while high < times.count && times[high] <= end { high += 1 }
        return low..<high
    }
}

/// The samples of one series in one window; there is at least one.
struct Window {
    let series: WindowSeries
    let numberPlaces: Range<Int>
    let histogramPlaces: Range<Int>
    /// The window's start, which does not belong to it, and its end.
    let bounds: ClosedRange<Int64>
    /// Of the step.
    let time: Int64
    /// Milliseconds.
    let range: Int64

    var numbers: ArraySlice<Double> { series.numbers[numberPlaces] }
    var times: ArraySlice<Int64> { series.times[numberPlaces] }
    var histograms: ArraySlice<Histogram> { series.histograms[histogramPlaces] }
    var histogramTimes: ArraySlice<Int64> { series.histogramTimes[histogramPlaces] }
    /// Both numbers and histograms.
    var isMixed: Bool { !numberPlaces.isEmpty && !histogramPlaces.isEmpty }
}
