/// Sums and means of numbers, accurate beyond what floats keep.
enum NumberTotal {
    static func sum(of numbers: ArraySlice<Double>) -> Double {
        var sum = CompensatedSum()
        for number in numbers { sum.add(number) }
        return sum.total
    }

    static func mean(of numbers: ArraySlice<Double>) -> Double {
        guard let first = numbers.first else { return .nan }
        var mean = RunningMean(first)
        for number in numbers.dropFirst() { mean.add(number) }
        return mean.value
    }
}

/// A mean that is a sum as long as that fits a float, and worked out step by step from there on.
struct RunningMean {
    private var sum: CompensatedSum
    private var isIncremental = false
    private(set) var count = 1.0

    init(_ first: Double) { sum = CompensatedSum(first) }

    mutating func add(_ number: Double) {
        count += 1
        if !isIncremental {
            var next = sum
            next.add(number)
            if !next.value.isInfinite {
                sum = next
                return
            }
            isIncremental = true
            sum.value /= count - 1
            sum.compensation /= count - 1
        }
        let share = (count - 1) / count
        sum.value *= share
        sum.compensation *= share
        sum.add(number / count)
    }

    var value: Double {
        isIncremental
            ? sum.value + sum.compensation : sum.value / count + sum.compensation / count
    }
}

/// The value below which a share of numbers lies, between two of them on the line that joins them.
enum Quantile {
    static func value(_ quantile: Double, _ numbers: [Double]) -> Double {
        if numbers.isEmpty || quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        // NaN is below all others.
        let sorted = numbers.sorted { $0 < $1 || $0.isNaN && !$1.isNaN }
        let rank = quantile * Double(sorted.count - 1)
        let lower = max(0, Int(rank.rounded(.down)))
        let upper = min(sorted.count - 1, lower + 1)
        let weight = rank - rank.rounded(.down)
        return sorted[lower] * (1 - weight) + sorted[upper] * weight
    }
}

/// Figures about the numbers of a window, of which there is at least one.
enum WindowStatistic {
    static func value(_ window: Window, _ function: PromQLFunction) -> Double {
        let numbers = window.numbers
        switch function {
        case .maxOverTime: return extreme(numbers) { $0 > $1 }.value
        case .minOverTime: return extreme(numbers) { $0 < $1 }.value
        case .timeOfMax: return time(window, extreme(numbers) { $0 >= $1 }.place)
        case .timeOfMin: return time(window, extreme(numbers) { $0 <= $1 }.place)
        case .varianceOverTime: return variance(numbers)
        case .deviationOverTime: return variance(numbers).squareRoot()
        case .madOverTime: return deviationFromMedian(numbers)
        default: preconditionFailure("BUG: no figure of a window: \(function.rawValue)")
        }
    }

    private static func time(_ window: Window, _ place: Int) -> Double {
        Double(window.times[place]) / 1000
    }

    /// The number that comes before all others; any comes before NaN.
    private static func extreme(
        _ numbers: ArraySlice<Double>, _ isBefore: (Double, Double) -> Bool
    ) -> (value: Double, place: Int) {
        var place = numbers.startIndex
        var value = numbers[place]
        for next in numbers.indices where isBefore(numbers[next], value) || value.isNaN {
            (value, place) = (numbers[next], next)
        }
        return (value, place)
    }

    private static func variance(_ numbers: ArraySlice<Double>) -> Double {
        var count = 0.0
        var (mean, squares) = (CompensatedSum(), CompensatedSum())
        for number in numbers {
            count += 1
            let delta = number - (mean.value + mean.compensation)
            mean.add(delta / count)
            squares.add(delta * (number - (mean.value + mean.compensation)))
        }
        return (squares.value + squares.compensation) / count
    }

    private static func deviationFromMedian(_ numbers: ArraySlice<Double>) -> Double {
        if numbers.contains(where: \.isNaN) { return .nan }
        let median = Quantile.value(0.5, Array(numbers))
        return Quantile.value(0.5, numbers.map { ($0 - median).magnitude })
    }
}

/// The first or last sample of a window, or its time.
enum WindowEdge {
    static func value(_ window: Window, _ function: PromQLFunction) -> StepValue? {
        let isFirst = function == .firstOverTime || function == .timeOfFirst
        let number = isFirst ? window.numberPlaces.first : window.numberPlaces.last
        let histogram = isFirst ? window.histogramPlaces.first : window.histogramPlaces.last
        let time = number.map { window.series.times[$0] }
        let histogramTime = histogram.map { window.series.histogramTimes[$0] }
        let isNumber: Bool
        switch (time, histogramTime) {
        case (let time?, let other?): isNumber = isFirst ? time < other : time > other
        default: isNumber = time != nil
        }
        if function == .timeOfFirst || function == .timeOfLast {
            return (isNumber ? time : histogramTime).map { .number(Double($0) / 1000) }
        }
        if isNumber { return number.map { .number(window.series.numbers[$0]) } }
        return histogram.map { .histogram(window.series.histograms[$0]) }
    }
}

/// The line that numbers lie closest to.
enum LinearRegression {
    /// - Parameter start: the time, in milliseconds, at which the intercept is.
    static func line(_ window: Window, from start: Int64) -> (slope: Double, intercept: Double) {
        let numbers = window.numbers
        let first = numbers[numbers.startIndex]
        if numbers.allSatisfy({ $0 == first }) {
            return first.isInfinite ? (.nan, .nan) : (0, first)
        }
        var sums = [CompensatedSum](repeating: CompensatedSum(), count: 4)
        for place in window.numberPlaces {
            let x = Double(window.series.times[place] - start) / 1000
            let y = window.series.numbers[place]
            sums[0].add(x)
            sums[1].add(y)
            sums[2].add(x * y)
            sums[3].add(x * x)
        }
        let count = Double(numbers.count)
        let (x, y, xy, xx) = (sums[0].sum, sums[1].sum, sums[2].sum, sums[3].sum)
        let slope = (xy - x * y / count) / (xx - x * x / count)
        return (slope, y / count - slope * x / count)
    }
}

extension CompensatedSum {
    fileprivate var sum: Double { value + compensation }
}

/// How often a series changes, or begins anew.
enum WindowChanges {
    private enum Sample {
        case number(Double)
        case histogram(Histogram)
    }

    /// Nil when an anchored window has no sample behind its start.
    static func count(_ window: Window, resetsOnly: Bool, _ isAnchored: Bool) -> Int? {
        guard var samples = samples(window, isAnchored) else { return nil }
        var count = 0
        guard var before = samples.popFirst() else { return 0 }
        for sample in samples {
            if differs(sample, from: before, resetsOnly) { count += 1 }
            before = sample
        }
        return count
    }

    private static func samples(_ window: Window, _ isAnchored: Bool) -> ArraySlice<Sample>? {
        var samples: [Sample] = []
        var anchor = 0
        let series = window.series
        var (number, histogram) = (window.numberPlaces, window.histogramPlaces)
        while !number.isEmpty || !histogram.isEmpty {
            let isNumber =
                histogram.isEmpty
                || !number.isEmpty
                    && series.times[number.lowerBound]
                        < series.histogramTimes[histogram.lowerBound]
            let time: Int64
            if isNumber {
                time = series.times[number.lowerBound]
                samples.append(.number(series.numbers[number.removeFirst()]))
            } else {
                time = series.histogramTimes[histogram.lowerBound]
                samples.append(.histogram(series.histograms[histogram.removeFirst()]))
            }
            if time <= window.bounds.lowerBound { anchor = samples.count - 1 }
        }
        guard isAnchored else { return samples[...] }
        let last = max(
            window.numberPlaces.last.map { series.times[$0] } ?? .min,
            window.histogramPlaces.last.map { series.histogramTimes[$0] } ?? .min)
        return last > window.bounds.lowerBound ? samples[anchor...] : nil
    }

    private static func differs(_ sample: Sample, from before: Sample, _ resetsOnly: Bool) -> Bool {
        switch (before, sample) {
        case (.number(let old), .number(let new)):
            return resetsOnly ? new < old : new != old && !(new.isNaN && old.isNaN)
        case (.histogram(let old), .histogram(let new)):
            return resetsOnly ? new.isReset(after: old) : new != old
        default: return true
        }
    }
}

extension Range where Bound == Int {
    /// Takes the first place away.
    fileprivate mutating func removeFirst() -> Int {
        defer { self = (lowerBound + 1)..<upperBound }
        return lowerBound
    }
}
