internal import SeriesStore

/// The value of a group of series at one step, as one value after the other is added.
struct GroupSummary {
    private let aggregator: Aggregator
    /// Where the query names the series, for what is to be told of them.
    private let range: Range<Int>
    private var count = 0.0
    private var sum = CompensatedSum()
    private var mean: RunningMean?
    private var extreme: Double?
    /// Mean and sum of squares about it, as they run.
    private var center = 0.0
    private var squares = 0.0
    private var numbers: [Double] = []
    private var histograms: HistogramTotal?
    private var hasNumber = false
    private var isBroken = false

    init(_ aggregator: Aggregator, _ range: Range<Int>) {
        self.aggregator = aggregator
        self.range = range
    }

    mutating func add(_ value: StepValue, _ labels: Labels, _ annotations: inout Annotations) {
        switch (value, aggregator) {
        case (_, .count), (_, .group): count += 1
        case (.number(let number), _): add(number)
        case (.histogram(let histogram), .sum), (.histogram(let histogram), .avg):
            add(histogram, labels, &annotations)
        case (.histogram, _):
            annotations.inform(
                "ignored histogram in \(aggregator.rawValue) aggregation", at: range)
        }
    }

    private mutating func add(_ number: Double) {
        count += 1
        hasNumber = true
        switch aggregator {
        case .sum: if count == 1 { sum = CompensatedSum(number) } else { sum.add(number) }
        case .avg: if mean == nil { mean = RunningMean(number) } else { mean?.add(number) }
        case .max: if extreme.map({ $0 < number || $0.isNaN }) ?? true { extreme = number }
        case .min: if extreme.map({ $0 > number || $0.isNaN }) ?? true { extreme = number }
        case .stddev, .stdvar:
            if count == 1 {
                center = number
                squares = number.isFinite ? 0 : .nan
            } else {
                let delta = number - center
                center += delta / count
                squares += delta * (number - center)
            }
        case .quantile: numbers.append(number)
        default: preconditionFailure("BUG: no summary: \(aggregator.rawValue)")
        }
    }

    private mutating func add(
        _ histogram: Histogram, _ labels: Labels, _ annotations: inout Annotations
    ) {
        if isBroken { return }
        guard var total = histograms else {
            histograms = HistogramTotal(histogram)
            return
        }
        do throws(Histogram.IncompatibleBounds) {
            if aggregator == .avg {
                try total.addToMean(histogram)
            } else {
                try total.add(histogram)
            }
            if total.boundsDiffered { annotations.informOfBounds("aggregation", at: range) }
            histograms = total
        } catch {
            annotations.warnOfBounds(labels.metricName, at: range)
            isBroken = true
        }
    }

    /// - Parameter quantile: what is asked for, if that is a quantile.
    func value(quantile: Double, _ annotations: inout Annotations) -> StepValue? {
        switch aggregator {
        case .count: return .number(count)
        case .group: return .number(1)
        case .max, .min: return extreme.map { .number($0) }
        case .stdvar: return hasNumber ? .number(squares / count) : nil
        case .stddev: return hasNumber ? .number((squares / count).squareRoot()) : nil
        case .quantile: return hasNumber ? .number(Quantile.value(quantile, numbers)) : nil
        default: return total(&annotations)
        }
    }

    private func total(_ annotations: inout Annotations) -> StepValue? {
        guard let histograms else {
            return .number(aggregator == .sum ? sum.value + sum.compensation : mean?.value ?? .nan)
        }
        if hasNumber {
            annotations.warn(
                "encountered a mix of histograms and floats for aggregation", at: range)
            return nil
        }
        if isBroken { return nil }
        if histograms.resetsConflict { annotations.warnOfResets("aggregation", at: range) }
        return .histogram(aggregator == .sum ? histograms.value : histograms.mean)
    }
}
