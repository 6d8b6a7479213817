internal import CKernels
internal import SeriesStore

extension Evaluator {
    func aggregate(
        _ aggregation: Aggregation, _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        if aggregation.aggregator == .countValues { return try countValues(aggregation, steps) }
        var parameter: [Double] = []
        if let given = aggregation.parameter { parameter = try scalar(given, steps) }
        var series = try evaluate(aggregation.operand, steps)
        // Which ones are taken does not depend on how the operand came by them.
        if aggregation.aggregator == .limitk { series.sort { $0.labels < $1.labels } }
        switch aggregation.aggregator {
        case .topk, .bottomk, .limitk, .limitRatio:
            return try pick(aggregation, node, series, parameter, steps)
        default: return try summarise(aggregation, series, parameter, steps)
        }
    }

    // MARK: - Groups

    private func groupLabels(_ labels: Labels, _ aggregation: Aggregation) -> Labels {
        if aggregation.isWithout {
            return labels.removing(aggregation.grouping + [Labels.metricName])
        }
        return aggregation.grouping.isEmpty ? .empty : labels.keeping(aggregation.grouping)
    }

    /// The places of the series of each group, in the order in which groups come up.
    private func groups(
        _ series: [StepSeries], _ aggregation: Aggregation
    ) -> [(labels: Labels, places: [Int])] {
        var groups: [(labels: Labels, places: [Int])] = []
        var known: [Labels: Int] = [:]
        for (place, one) in series.enumerated() {
            let labels = groupLabels(one.labels, aggregation)
            if let group = known[labels] {
                groups[group].places.append(place)
            } else {
                known[labels] = groups.count
                groups.append((labels, [place]))
            }
        }
        return groups
    }

    // MARK: - One value a group

    private func summarise(
        _ aggregation: Aggregation, _ series: [StepSeries], _ parameter: [Double], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let range = aggregation.operand.range
        if aggregation.aggregator == .quantile { checkQuantiles(parameter, aggregation) }
        var result: [StepSeries] = []
        for group in groups(series, aggregation) {
            var new = StepSeries(labels: group.labels, steps: steps.count)
            new.dropsName = group.places.contains { series[$0].dropsName }
            if group.places.count > 1, [.sum, .avg].contains(aggregation.aggregator),
                let place = group.places.first(where: { series[$0].isQuantile })
            {
                warnOfQuantiles(series[place].labels, range)
            }
            for step in 0..<steps.count {
                var summary: GroupSummary?
                for place in group.places {
                    guard let value = series[place][step] else { continue }
                    if summary == nil {
                        summary = GroupSummary(aggregation.aggregator, range)
                    }
                    summary?.add(value, series[place].labels, &annotations)
                }
                let quantile = parameter.isEmpty ? 0 : parameter[step]
                new[step] = summary?.value(quantile: quantile, &annotations)
            }
            if new.isEmpty { continue }
            try hold(new.cost)
            result.append(new)
        }
        return result
    }

    /// Tells that the quantiles of summaries say nothing of the whole when they are added up.
    func warnOfQuantiles(_ labels: Labels, _ range: Range<Int>) {
        annotations.warn(
            "sums and averages of quantiles are no quantiles, take them of a histogram"
                + Annotations.named(labels.metricName), at: range)
    }

    private func checkQuantiles(_ values: [Double], _ aggregation: Aggregation) {
        for value in values where !(value >= 0 && value <= 1) {
            annotations.warn(
                "quantile value should be between 0 and 1, got \(NumberText.general(value))",
                at: aggregation.parameter?.range ?? 0..<0)
        }
    }

    private func countValues(
        _ aggregation: Aggregation, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        guard case .string(let label)? = aggregation.parameter?.unwrapped.kind else {
            preconditionFailure("BUG: a label that is no literal")
        }
        guard !label.isEmpty else { throw .execution("invalid label name \"\"") }
        var aggregation = aggregation
        if !aggregation.isWithout { aggregation.grouping.append(label) }
        var merger = SeriesMerger(room: options.samples)
        for one in try evaluate(aggregation.operand, steps) {
            for step in 0..<steps.count {
                let text: String
                switch one[step] {
                case .number(let number): text = NumberText.plain(number)
                case .histogram(let histogram): text = histogram.description
                case nil: continue
                }
                let labels = groupLabels(one.labels.setting(label, to: text), aggregation)
                let place = try merger.place(
                    of: labels, dropsName: false, steps: steps.count)
                merger.count(place, step)
            }
        }
        return merger.series
    }

    // MARK: - Some series of a group

    private func pick(
        _ aggregation: Aggregation, _ node: PromQLNode, _ series: [StepSeries],
        _ parameter: [Double], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        guard try checkParameter(aggregation, parameter) else { return [] }
        var picked = series.map {
            StepSeries(labels: $0.labels, dropsName: $0.dropsName, steps: steps.count)
        }
        var order: [Int] = []
        for group in groups(series, aggregation) {
            for step in 0..<steps.count {
                let present = group.places.filter { series[$0].has(step) }
                let places = picks(aggregation, node, series, present, parameter[step], step)
                for place in places { picked[place][step] = series[place][step] }
                if steps.isInstant { order += places }
            }
        }
        // Of one step the order matters: the first is the largest, or the smallest.
        return steps.isInstant ? order.map { picked[$0] } : picked.filter { !$0.isEmpty }
    }

    /// Whether anything is asked for at all.
    private func checkParameter(
        _ aggregation: Aggregation, _ values: [Double]
    ) throws(PromQLError) -> Bool {
        let range = aggregation.parameter?.range ?? 0..<0
        let isRatio = aggregation.aggregator == .limitRatio
        if values.contains(where: \.isNaN) {
            throw .execution(isRatio ? "Ratio value is NaN" : "Parameter value is NaN")
        }
        let (lowest, highest) = (values.min() ?? 0, values.max() ?? 0)
        if isRatio {
            for (value, bound) in [(highest, 1.0), (lowest, -1.0)]
            where value.magnitude > 1 && (value > 0) == (bound > 0) {
                annotations.warn(
                    "ratio value should be between -1 and 1, got \(NumberText.general(value)), "
                        + "capping to \(NumberText.general(bound))", at: range)
            }
            return lowest != 0 || highest != 0
        }
        if highest < 1 { return false }
        if lowest <= -9.223372036854775e18 {
            throw .execution("Scalar value \(NumberText.general(lowest)) underflows int64")
        }
        if highest >= 9.223372036854775e18 {
            throw .execution("Scalar value \(NumberText.general(highest)) overflows int64")
        }
        return true
    }

    /// The places of the series that are taken at a step, of those of a group that have a value.
    private func picks(
        _ aggregation: Aggregation, _ node: PromQLNode, _ series: [StepSeries], _ present: [Int],
        _ parameter: Double, _ step: Int
    ) -> [Int] {
        switch aggregation.aggregator {
        case .limitk: return Array(present.prefix(max(0, Int(parameter))))
        case .limitRatio:
            let ratio = max(-1, min(1, parameter))
            return present.filter {
                let share = Evaluator.share(of: series[$0].labels)
                return ratio >= 0 ? share < ratio : share >= 1 + ratio
            }
        default:
            let numbers = present.filter { series[$0].kinds[step] == .number }
            if numbers.count < present.count {
                annotations.inform(
                    "ignored histogram in \(aggregation.aggregator.rawValue) aggregation",
                    at: node.range)
            }
            let isTop = aggregation.aggregator == .topk
            let sorted = numbers.sorted {
                NumberOrder.isBefore(
                    series[$0].numbers[step], series[$1].numbers[step], isDescending: isTop)
            }
            return Array(sorted.prefix(max(0, Int(parameter))))
        }
    }

    /// A number from 0 up to 1 that depends on nothing but the labels.
    private static func share(of labels: Labels) -> Double {
        var text = labels.inBraces
        let hash = text.withUTF8 { bytes in
            // Mixed once more: texts that differ little lie close together otherwise.
            bytes.baseAddress.map { wf_hash64(wf_hash($0, bytes.count, 0)) } ?? 0
        }
        return Double(hash >> 11) / Double(1 << 53)
    }
}

extension SeriesMerger {
    /// Counts one more at a step.
    fileprivate mutating func count(_ place: Int, _ step: Int) {
        let before = series[place].has(step) ? series[place].numbers[step] : 0
        setNumber(place, step, before + 1)
    }
}

extension StepSeries {
    /// Whether it is one of the quantiles that a summary tells.
    var isQuantile: Bool { !labels["quantile"].isEmpty }
}
