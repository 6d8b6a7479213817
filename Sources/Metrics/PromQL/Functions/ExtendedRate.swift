internal import SeriesStore

/// Rates over windows whose ends have values, so that nothing is extrapolated.
///
/// The value of an end is the sample before (`anchored`), or what lies on the line between the samples
/// around it (`smoothed`).
struct ExtendedRate {
    let isCounter: Bool
    let isPerSecond: Bool
    let range: Range<Int>
    let isSmoothed: Bool

    func value(_ window: Window, _ annotations: inout Annotations) -> StepValue? {
        let times = Array(window.histogramPlaces.isEmpty ? window.times : window.histogramTimes)
        guard let ends = WindowEnds(times, window.bounds, isSmoothed: isSmoothed) else {
            return nil
        }
        if window.histogramPlaces.isEmpty {
            return .number(ofNumbers(window, times, ends))
        }
        return ofHistograms(window, times, ends, &annotations).map { .histogram($0) }
    }

    private var seconds: (Window) -> Double { { Double($0.range) / 1000 } }

    // MARK: - Numbers

    private func ofNumbers(_ window: Window, _ times: [Int64], _ ends: WindowEnds) -> Double {
        let numbers = Array(window.numbers)
        let left = Interpolation.left(numbers, times, ends, isCounter: isCounter)
        let right = Interpolation.right(numbers, times, ends, isCounter: isCounter)
        var change = right - left
        if isCounter {
            let first = times[ends.first] <= ends.start ? ends.first + 1 : ends.first
            let last = times[ends.last] >= ends.end ? ends.last - 1 : ends.last
            var before = left
            if first <= last {
                for number in numbers[first...last] {
                    if number < before { change += before }
                    before = number
                }
            }
            if right < before { change += before }
        }
        return isPerSecond ? change / seconds(window) : change
    }

    // MARK: - Histograms

    private func ofHistograms(
        _ window: Window, _ times: [Int64], _ ends: WindowEnds, _ annotations: inout Annotations
    ) -> Histogram? {
        let name = window.series.labels.metricName
        let histograms = Array(window.histograms)
        let looked = histograms[ends.first...ends.last]
        guard looked.allSatisfy({ $0.usesCustomBounds == looked[ends.first].usesCustomBounds })
        else {
            annotations.warnOfBounds(name, at: range)
            return nil
        }
        if isCounter && looked.contains(where: \.isGauge) {
            annotations.warn(
                "this native histogram metric is not a counter: " + QuotedText.quoted(name),
                at: range)
        }
        do throws(Histogram.IncompatibleBounds) {
            let interpolation = HistogramInterpolation(range: range, isCounter: isCounter)
            let left = try interpolation.left(histograms, times, ends, &annotations)
            let right = try interpolation.right(histograms, times, ends, &annotations)
            if !isCounter && !(left.isGauge && right.isGauge) {
                annotations.warn(
                    "this native histogram metric is not a gauge: " + QuotedText.quoted(name),
                    at: range)
            }
            var change = right
            if try change.subtract(left).boundsDiffered {
                annotations.informOfBounds("subtraction", at: range)
            }
            if isCounter {
                for lost in lost(histograms, times, ends, left, right) {
                    if try change.add(lost).boundsDiffered {
                        annotations.informOfBounds("addition", at: range)
                    }
                }
            }
            if isPerSecond { change.divide(by: seconds(window)) }
            change.counterReset = .gauge
            return change
        } catch {
            annotations.warnOfBounds(name, at: range)
            return nil
        }
    }

    /// What counters had reached when they began anew.
    private func lost(
        _ histograms: [Histogram], _ times: [Int64], _ ends: WindowEnds, _ left: Histogram,
        _ right: Histogram
    ) -> [Histogram] {
        var first = ends.first + 1
        var before = left
        if isSmoothed, first < histograms.count, times[ends.first] < ends.start,
            histograms[first].isReset(after: histograms[ends.first])
        {
            // The left end has already been taken from behind this reset.
            before = histograms[first]
            first += 1
        }
        guard first <= ends.last else { return [] }
        var lost: [Histogram] = []
        for histogram in histograms[first..<ends.last] {
            if histogram.isReset(after: before) { lost.append(before) }
            before = histogram
        }
        if right.isReset(after: before) { lost.append(before) }
        return lost
    }
}

/// Which samples stand at the ends of a window.
struct WindowEnds {
    /// The window's bounds.
    let start: Int64
    let end: Int64
    /// The places of the samples that stand at, or next to, the ends.
    let first: Int
    let last: Int
    let isSmoothed: Bool

    /// Nil when no sample lies in the window in a way that gives its ends values.
    init?(_ times: [Int64], _ bounds: ClosedRange<Int64>, isSmoothed: Bool) {
        (start, end) = (bounds.lowerBound, bounds.upperBound)
        self.isSmoothed = isSmoothed
        let (start, end) = (start, end)
        let all = times.count - 1
        first = max(0, (times[..<all].firstIndex { $0 > start } ?? all) - 1)
        last = isSmoothed ? times[..<all].firstIndex { $0 >= end } ?? all : all
        if times[last] <= start || isSmoothed && times[first] > end { return nil }
    }
}

/// Values on the line between samples.
enum Interpolation {
    static func left(
        _ numbers: [Double], _ times: [Int64], _ ends: WindowEnds, isCounter: Bool
    ) -> Double {
        let place = ends.first
        guard ends.isSmoothed && times[place] < ends.start else { return numbers[place] }
        return between(numbers, times, place, at: ends.start, isCounter: isCounter)
    }

    static func right(
        _ numbers: [Double], _ times: [Int64], _ ends: WindowEnds, isCounter: Bool
    ) -> Double {
        let place = ends.last
        guard ends.isSmoothed && place > 0 && times[place] > ends.end else {
            return numbers[place]
        }
        return between(numbers, times, place - 1, at: ends.end, isCounter: isCounter)
    }

    /// The value at a time between a place and the next; a counter that fell came from zero.
    static func between(
        _ numbers: [Double], _ times: [Int64], _ place: Int, at time: Int64, isCounter: Bool
    ) -> Double {
        let (from, to) = (numbers[place], numbers[place + 1])
        let start = isCounter && to < from ? 0 : from
        let share = Double(time - times[place]) / Double(times[place + 1] - times[place])
        return start + (to - start) * share
    }
}

/// Histograms on the line between samples.
struct HistogramInterpolation {
    let range: Range<Int>
    let isCounter: Bool

    func left(
        _ histograms: [Histogram], _ times: [Int64], _ ends: WindowEnds,
        _ annotations: inout Annotations
    ) throws(Histogram.IncompatibleBounds) -> Histogram {
        let place = ends.first
        guard ends.isSmoothed && times[place] < ends.start else { return histograms[place] }
        return try between(histograms, times, place, at: ends.start, &annotations)
    }

    func right(
        _ histograms: [Histogram], _ times: [Int64], _ ends: WindowEnds,
        _ annotations: inout Annotations
    ) throws(Histogram.IncompatibleBounds) -> Histogram {
        let place = ends.last
        guard ends.isSmoothed && place > 0 && times[place] > ends.end else {
            return histograms[place]
        }
        return try between(histograms, times, place - 1, at: ends.end, &annotations)
    }

    func between(
        _ histograms: [Histogram], _ times: [Int64], _ place: Int, at time: Int64,
        _ annotations: inout Annotations
    ) throws(Histogram.IncompatibleBounds) -> Histogram {
        let (from, to) = (histograms[place], histograms[place + 1])
        if time == times[place] { return from }
        if time == times[place + 1] { return to }
        let share = Double(time - times[place]) / Double(times[place + 1] - times[place])
        var result = to
        guard to.usesCustomBounds == from.usesCustomBounds else {
            throw Histogram.IncompatibleBounds()
        }
        if isCounter && to.isReset(after: from) {
            result.multiply(by: share)
            return result
        }
        if try result.subtract(from).boundsDiffered {
            annotations.informOfBounds("subtraction", at: range)
        }
        result.multiply(by: share)
        if try result.add(from).boundsDiffered {
            annotations.informOfBounds("addition", at: range)
        }
        return result
    }
}
