internal import SeriesStore

/// Quantiles and shares of histograms, native ones and those whose buckets are series.
extension Evaluator {
    /// What is to be known of each histogram.
    private enum Wanted {
        /// A quantile for each step.
        case quantile([Double])
        /// The share between two values for each step.
        case fraction([Double], [Double])
    }

    func quantiles(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        switch function {
        case .histogramQuantile:
            let values = try scalar(arguments[0], steps)
            let series = try evaluate(arguments[1], steps)
            checkQuantiles(values, arguments[0])
            return try histograms(
                series, arguments[1], steps, .quantile(values))
        case .histogramFraction:
            let (lower, upper) = try (scalar(arguments[0], steps), scalar(arguments[1], steps))
            let series = try evaluate(arguments[2], steps)
            return try histograms(series, arguments[2], steps, .fraction(lower, upper))
        default:
            let series = try evaluate(arguments[0], steps)
            guard case .string(let label) = arguments[1].unwrapped.kind else {
                preconditionFailure("BUG: a label that is no literal")
            }
            var result: [StepSeries] = []
            for argument in arguments.dropFirst(2) {
                let values = try scalar(argument, steps)
                checkQuantiles(values, argument)
                result += try labeled(series, arguments[0], steps, values, label)
            }
            return try SeriesMerger.merged(result)
        }
    }

    private func checkQuantiles(_ values: [Double], _ argument: PromQLNode) {
        for value in values where !(value >= 0 && value <= 1) {
            annotations.warn(
                "quantile value should be between 0 and 1, got \(NumberText.general(value))",
                at: argument.unwrapped.range)
        }
    }

    /// Quantiles whose value stands in a label; it may change from step to step.
    private func labeled(
        _ series: [StepSeries], _ argument: PromQLNode, _ steps: Steps, _ values: [Double],
        _ label: String
    ) throws(PromQLError) -> [StepSeries] {
        var merger = SeriesMerger(room: options.samples)
        for one in try histograms(series, argument, steps, .quantile(values)) {
            for step in 0..<steps.count {
                guard let value = one[step] else { continue }
                let text = NumberText.openMetrics(values[step])
                let place = try merger.place(
                    of: one.labels.setting(label, to: text), dropsName: true, steps: steps.count)
                try merger.set(place, step, value)
            }
        }
        return merger.series
    }

    // MARK: - Histograms

    /// A classic histogram: the places of the series that are its buckets.
    private struct Classic {
        let labels: Labels
        var buckets: [(upper: Double, place: Int)] = []
    }

    private func histograms(
        _ series: [StepSeries], _ argument: PromQLNode, _ steps: Steps, _ wanted: Wanted
    ) throws(PromQLError) -> [StepSeries] {
        let range = argument.unwrapped.range
        let (classics, places) = classics(series, range)
        // Steps at which a native histogram stands beside a classic one of the same labels.
        var conflicts: [Int: Set<Int>] = [:]
        var result: [StepSeries] = []
        for one in series where !one.histograms.isEmpty {
            var new = StepSeries(labels: one.labels, dropsName: true, steps: steps.count)
            for step in 0..<steps.count {
                guard case .histogram(let histogram) = one[step] else { continue }
                if let place = places[one.labels],
                    classics[place].buckets.contains(where: {
                        series[$0.place].kinds[step] == .number
                    })
                {
                    conflicts[place, default: []].insert(step)
                    annotations.warn(
                        "vector contains a mix of classic and native histograms"
                            + Annotations.named(one.labels.metricName), at: range)
                    continue
                }
                new.set(step, value(histogram, wanted, step, one.labels.metricName, range))
            }
            if !new.isEmpty { result.append(new) }
        }
        for (place, classic) in classics.enumerated() {
            var new = StepSeries(labels: classic.labels, dropsName: true, steps: steps.count)
            for step in 0..<steps.count where conflicts[place]?.contains(step) != true {
                let buckets = classic.buckets.compactMap {
                    series[$0.place].kinds[step] == .number
                        ? ClassicHistogram.Bucket(
                            upper: $0.upper, count: series[$0.place].numbers[step]) : nil
                }
                if buckets.isEmpty { continue }
                new.set(
                    step,
                    value(ClassicHistogram(buckets), wanted, step, classic.labels, range, steps))
            }
            if !new.isEmpty { result.append(new) }
        }
        return try SeriesMerger.merged(result)
    }

    /// Classic histograms among series, and their places by labels.
    private func classics(
        _ series: [StepSeries], _ range: Range<Int>
    ) -> (classics: [Classic], places: [Labels: Int]) {
        var classics: [Classic] = []
        var places: [Labels: Int] = [:]
        for (place, one) in series.enumerated() where one.kinds.contains(.number) {
            let bound = one.labels["le"]
            guard let upper = LiteralScanner.bound(bound) else {
                annotations.warn(
                    "bucket label \"le\" is missing or has a malformed value of "
                        + QuotedText.quoted(bound) + Annotations.named(one.labels.metricName),
                    at: range)
                continue
            }
            let labels = one.labels.removing(["le"])
            if let known = places[labels] {
                classics[known].buckets.append((upper, place))
            } else {
                places[labels] = classics.count
                classics.append(Classic(labels: labels, buckets: [(upper, place)]))
            }
        }
        return (classics, places)
    }

    private func value(
        _ histogram: Histogram, _ wanted: Wanted, _ step: Int, _ metric: String,
        _ range: Range<Int>
    ) -> Double {
        switch wanted {
        case .quantile(let values):
            let (value, observations) = histogram.quantile(values[step])
            if observations != .none {
                annotations.inform(
                    "input to histogram_quantile has NaN observations, result is "
                        + (observations == .skewed ? "skewed higher" : "NaN")
                        + Annotations.named(metric), at: range)
            }
            return value
        case .fraction(let lower, let upper):
            let (value, hasNaN) = histogram.fraction(from: lower[step], to: upper[step])
            if hasNaN {
                annotations.inform(
                    "input to histogram_fraction has NaN observations, which are excluded from "
                        + "all fractions" + Annotations.named(metric), at: range)
            }
            return value
        }
    }

    private func value(
        _ histogram: ClassicHistogram, _ wanted: Wanted, _ step: Int, _ labels: Labels,
        _ range: Range<Int>, _ steps: Steps
    ) -> Double {
        var histogram = histogram
        switch wanted {
        case .quantile(let values):
            let (value, repair) = histogram.quantile(values[step])
            if let repair {
                annotations.inform(
                    of: repair, labels.metricName, at: range, time: steps.time(step))
            }
            return value
        case .fraction(let lower, let upper):
            return histogram.fraction(from: lower[step], to: upper[step])
        }
    }
}
