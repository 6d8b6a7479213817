internal import SeriesStore

/// `rate`, `increase` and `delta`: how much a series changes in a window.
///
/// Where samples begin and end close to the window's ends, the change is taken to go on up to them.
struct RateFunction {
    let isCounter: Bool
    let isPerSecond: Bool
    /// Where the query names the series, for what is to be told of them.
    let range: Range<Int>
    let ends: Selector.Extension?

    func value(_ window: Window, _ annotations: inout Annotations) -> StepValue? {
        if window.isMixed {
            annotations.warnOfMix(window.series.labels.metricName, at: range)
            return nil
        }
        if let ends {
            let rate = ExtendedRate(
                isCounter: isCounter, isPerSecond: isPerSecond, range: range,
                isSmoothed: ends == .smoothed)
            return rate.value(window, &annotations)
        }
        if window.histogramPlaces.isEmpty { return ofNumbers(window) }
        return ofHistograms(window, &annotations)
    }

    // MARK: - Numbers

    private func ofNumbers(_ window: Window) -> StepValue? {
        let numbers = window.numbers
        guard numbers.count > 1, let first = numbers.first, let last = numbers.last else {
            return nil
        }
        var change = last - first
        if isCounter {
            var before = first
            for number in numbers.dropFirst() {
                if number < before { change += before }
                before = number
            }
        }
        let zero = change > 0 && first >= 0 ? first / change : nil
        return .number(
            change * factor(window, window.numberPlaces, window.series.times, zero: zero))
    }

    /// What a change over the samples is multiplied by to be that over the window.
    ///
    /// - Parameter zero: for a counter its first value, as a share of the change.
    private func factor(
        _ window: Window, _ places: Range<Int>, _ times: [Int64], zero: Double?
    ) -> Double {
        let (first, last) = (times[places.lowerBound], times[places.upperBound - 1])
        let sampled = Double(last - first) / 1000
        let average = sampled / Double(places.count - 1)
        // A sample would have been expected nearer to an end that is further away.
        let threshold = average * 1.1
        var toStart = Double(first - window.bounds.lowerBound) / 1000
        var toEnd = Double(window.bounds.upperBound - last) / 1000
        if toStart >= threshold { toStart = average / 2 }
        if toEnd >= threshold { toEnd = average / 2 }
        // A counter cannot have been below zero.
        if isCounter, let zero { toStart = min(toStart, sampled * zero) }
        let factor = (sampled + toStart + toEnd) / sampled
        return isPerSecond ? factor / (Double(window.range) / 1000) : factor
    }

    // MARK: - Histograms

    private func ofHistograms(
        _ window: Window, _ annotations: inout Annotations
    ) -> StepValue? {
        let histograms = Array(window.histograms)
        guard histograms.count > 1,
            var change = change(histograms, window.series.labels.metricName, &annotations)
        else { return nil }
        let first = histograms[0].count
        let zero = change.count > 0 && first >= 0 ? first / change.count : nil
        change.multiply(
            by: factor(
                window, window.histogramPlaces, window.series.histogramTimes, zero: zero))
        return .histogram(change)
    }

    private func change(
        _ histograms: [Histogram], _ name: String, _ annotations: inout Annotations
    ) -> Histogram? {
        var first = histograms[0]
        let last = histograms[histograms.count - 1]
        if isCounter && histograms.contains(where: \.isGauge) {
            annotations.warn(
                "this native histogram metric is not a counter: " + QuotedText.quoted(name),
                at: range)
        }
        if isCounter && histograms[1].isReset(after: first) {
            // The first one is not looked at then, whatever its bounds are.
            let second = histograms[1]
            first = Histogram()
            (first.schema, first.customBounds) = (second.schema, second.customBounds)
        }
        let between = isCounter ? histograms[1...] : histograms[(histograms.count - 1)...]
        guard between.allSatisfy({ $0.usesCustomBounds == first.usesCustomBounds }) else {
            annotations.warnOfBounds(name, at: range)
            return nil
        }
        var change = last
        change.reduce(to: between.reduce(first.schema) { min($0, $1.schema) })
        do throws(Histogram.IncompatibleBounds) {
            if try change.subtract(first).boundsDiffered {
                annotations.informOfBounds("subtraction", at: range)
            }
            if isCounter {
                var before = first
                for histogram in histograms.dropFirst() {
                    if histogram.isReset(after: before), try change.add(before).boundsDiffered {
                        annotations.informOfBounds("addition", at: range)
                    }
                    before = histogram
                }
            }
        } catch {
            annotations.warnOfBounds(name, at: range)
            return nil
        }
        if !isCounter && !(histograms[0].isGauge && last.isGauge) {
            annotations.warn(
                "this native histogram metric is not a gauge: " + QuotedText.quoted(name),
                at: range)
        }
        change.counterReset = .gauge
        return change
    }
}

/// `irate` and `idelta`: the change between the last two samples.
enum InstantRate {
    static func value(
        _ window: Window, isRate: Bool, _ range: Range<Int>, _ annotations: inout Annotations
    ) -> StepValue? {
        let name = window.series.labels.metricName
        var samples: [(time: Int64, value: StepValue)] = []
        for place in window.numberPlaces.suffix(2) {
            samples.append((window.series.times[place], .number(window.series.numbers[place])))
        }
        for place in window.histogramPlaces.suffix(2) {
            samples.append(
                (
                    window.series.histogramTimes[place],
                    .histogram(window.series.histograms[place])
                ))
        }
        samples.sort { $0.time < $1.time }
        guard samples.count > 1 else { return nil }
        let (before, last) = (samples[samples.count - 2], samples[samples.count - 1])
        let seconds = Double(last.time - before.time) / 1000
        if seconds == 0 { return nil }
        switch (before.value, last.value) {
        case (.number(let old), .number(let new)):
            let change = isRate && new < old ? new : new - old
            return .number(isRate ? change / seconds : change)
        case (.histogram(let old), .histogram(var new)):
            if isRate ? old.isGauge || new.isGauge : !(old.isGauge && new.isGauge) {
                annotations.warn(
                    "this native histogram metric is not a \(isRate ? "counter" : "gauge"): "
                        + QuotedText.quoted(name), at: range)
            }
            if !isRate || !new.isReset(after: old) {
                guard let combination = try? new.subtract(old) else {
                    annotations.warnOfBounds(name, at: range)
                    return nil
                }
                if combination.boundsDiffered {
                    annotations.informOfBounds("subtraction", at: range)
                }
            }
            new.counterReset = .gauge
            if isRate { new.divide(by: seconds) }
            return .histogram(new)
        default:
            annotations.warnOfMix(name, at: range)
            return nil
        }
    }
}

extension Annotations {
    /// Numbers and histograms where only one kind makes sense.
    mutating func warnOfMix(_ name: String, at range: Range<Int>) {
        warn(
            "encountered a mix of histograms and floats for metric name "
                + QuotedText.quoted(name), at: range)
    }

    /// Exponential and custom bounds together.
    mutating func warnOfBounds(_ name: String, at range: Range<Int>) {
        warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas for "
                + "metric name " + QuotedText.quoted(name), at: range)
    }

    /// Custom bounds of which only those in common are left.
    mutating func informOfBounds(_ operation: String, at range: Range<Int>) {
        inform("mismatched custom buckets were reconciled during \(operation)", at: range)
    }

    /// Histograms of which some follow resets.
    mutating func warnOfResets(_ operation: String, at range: Range<Int>) {
        warn("conflicting counter resets during histogram \(operation)", at: range)
    }
}
