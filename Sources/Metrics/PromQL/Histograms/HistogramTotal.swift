internal import SeriesStore

/// The sum or the mean of histograms, accurate beyond what floats keep.
///
/// A mean is a sum as long as that fits floats, and is worked out step by step from there on.
struct HistogramTotal: Sendable {
    private var total: Histogram
    private var zero = 0.0
    private var count = 0.0
    private var sum = 0.0
    /// Histograms that `total` is the mean of already; 0 while it is their sum.
    private var isMean = false
    private(set) var terms = 1.0
    private(set) var boundsDiffered = false
    private var sawReset = false
    private var sawNoReset = false

    /// Whether some are said to follow resets and some not to.
    var resetsConflict: Bool { sawReset && sawNoReset }

    init(_ first: Histogram) {
        total = first
        note(first)
    }

    private mutating func note(_ histogram: Histogram) {
        if histogram.counterReset == .reset { sawReset = true }
        if histogram.counterReset == .notReset { sawNoReset = true }
    }

    /// Adds one to a sum.
    mutating func add(_ histogram: Histogram) throws(Histogram.IncompatibleBounds) {
        note(histogram)
        terms += 1
        try accumulate(histogram)
    }

    /// Adds one to what the mean is of.
    mutating func addToMean(_ histogram: Histogram) throws(Histogram.IncompatibleBounds) {
        note(histogram)
        terms += 1
        if !isMean {
            let before = self
            try accumulate(histogram)
            if !total.hasOverflow { return }
            self = before
            isMean = true
            scale(1 / (terms - 1))
        }
        scale((terms - 1) / terms)
        var part = histogram
        part.divide(by: terms)
        try accumulate(part)
    }

    private mutating func scale(_ factor: Double) {
        total.multiply(by: factor)
        zero *= factor
        count *= factor
        sum *= factor
    }

    private mutating func accumulate(
        _ histogram: Histogram
    ) throws(Histogram.IncompatibleBounds) {
        var other = histogram
        if try total.align(&other).boundsDiffered { boundsDiffered = true }
        func add(_ term: Double, to value: inout Double, _ compensation: inout Double) {
            var sum = CompensatedSum(value, compensation: compensation)
            sum.add(term)
            (value, compensation) = (sum.value, sum.compensation)
        }
        add(other.zeroCount, to: &total.zeroCount, &zero)
        add(other.count, to: &total.count, &count)
        add(other.sum, to: &total.sum, &sum)
        total.positive.addCompensated(other.positive)
        total.negative.addCompensated(other.negative)
    }

    /// The sum.
    var value: Histogram {
        var result = total
        result.zeroCount += zero
        result.count += count
        result.sum += sum
        result.positive = total.positive.settled
        result.negative = total.negative.settled
        return result
    }

    /// The mean.
    var mean: Histogram {
        if isMean { return value }
        var result = self
        result.total.divide(by: terms)
        result.zero /= terms
        result.count /= terms
        result.sum /= terms
        return result.value
    }
}
