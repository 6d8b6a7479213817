internal import SeriesStore

extension Evaluator {
    /// Reads series whose samples lie in a stretch of time, both ends included.
    func read(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws(PromQLError) -> [SeriesData] {
        if let error = options.interruption() { throw error }
        let found: [SeriesData]
        do {
            found = try source.select(matchers, from: from, to: to)
        } catch let error as PromQLError {
            throw error
        } catch {
            throw .execution("expanding series: \(error)")
        }
        guard found.count <= options.series else {
            throw .execution(
                "a selector finds more than \(options.series) series: \(found.count)")
        }
        return found
    }

    /// The last sample before each step, unless it is too old or says that the series has ended.
    func select(
        _ selector: Selector, _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        if selector.ends == .smoothed { return try selectSmoothed(selector, node, steps) }
        return try eachSample(selector, steps) { series, step, samples, place in
            if samples.histograms.isEmpty {
                series.set(step, samples.values[place])
            } else if let histogram = samples.histograms[place] {
                series[step] = .histogram(Histogram(histogram))
            } else {
                series.set(step, samples.values[place])
            }
        }
    }

    /// The times of the samples that a selector finds, in seconds.
    func selectTimes(_ selector: Selector, _ steps: Steps) throws(PromQLError) -> [StepSeries] {
        try eachSample(selector, steps) { series, step, samples, place in
            series.set(step, Double(samples.timestamps[place]) / 1000)
        }
    }

    private func eachSample(
        _ selector: Selector, _ steps: Steps,
        _ take: (inout StepSeries, Int, borrowing Samples, Int) -> Void
    ) throws(PromQLError) -> [StepSeries] {
        let reference = try reference(selector.shift, steps)
        let last = reference.time(steps.count - 1, steps)
        // Where samples are sparser than that, the last one may lie as far back as they are apart.
        var lookback = options.lookback
        for _ in 0..<2 {
            let from = reference.time(0, steps) &- lookback &+ 1
            lookback = max(lookback, source.spacing(from: from, to: last))
        }
        let first = reference.time(0, steps) &- lookback &+ 1
        let found = try read(selector.matchers, from: first, to: last)
        var result: [StepSeries] = []
        result.reserveCapacity(found.count)
        for data in found {
            var series = StepSeries(labels: data.labels, steps: steps.count)
            let samples = data.samples
            var next = 0
            for step in 0..<steps.count {
                let time = reference.time(step, steps)
                while next < samples.count && samples.timestamps[next] <= time { next += 1 }
                let place = next - 1
                guard place >= 0, samples.timestamps[place] > time &- lookback,
                    !StaleMarker.isStale(samples.values[place])
                else { continue }
                take(&series, step, samples, place)
            }
            if series.isEmpty { continue }
            try hold(series.cost)
            result.append(series)
        }
        return result
    }

    // MARK: - Windows

    /// The samples that a function over windows looks at.
    func windows(of node: PromQLNode, _ steps: Steps) throws(PromQLError) -> Windows {
        switch node.kind {
        case .window(let selector, let length):
            let reference = try reference(selector.shift, steps)
            let range = try length.milliseconds(times, mayBeNegative: false)
            return try windows(selector, reference, range, node, steps)
        case .subquery(let subquery): return try windows(subquery, steps)
        case .parenthesised(let inner): return try windows(of: inner, steps)
        default: preconditionFailure("BUG: no window: \(node.type)")
        }
    }

    private func windows(
        _ selector: Selector, _ reference: Reference, _ range: Int64, _ node: PromQLNode,
        _ steps: Steps
    ) throws(PromQLError) -> Windows {
        let lookback = selector.ends == nil ? 0 : options.lookback
        let ahead = selector.ends == .smoothed ? options.lookback : 0
        let first = reference.time(0, steps) &- range &- lookback &+ 1
        let last = reference.time(steps.count - 1, steps) &+ ahead
        let found = try read(selector.matchers, from: first, to: last)
        var series: [WindowSeries] = []
        series.reserveCapacity(found.count)
        for data in found {
            let one = WindowSeries(data)
            try hold(one.cost)
            series.append(one)
        }
        return Windows(
            series: series, steps: steps, reference: reference, range: range,
            ends: selector.ends, lookback: options.lookback)
    }

    private func windows(_ subquery: Subquery, _ steps: Steps) throws(PromQLError) -> Windows {
        let reference = try reference(subquery.shift, steps)
        let range = try subquery.range.milliseconds(times, mayBeNegative: false)
        let interval = try max(
            1, subquery.step?.milliseconds(times, mayBeNegative: false) ?? options.subqueryStep)
        let before = reference.time(0, steps) &- range
        // Steps of a subquery are whole multiples of their length, whenever it is asked.
        var start = interval * (before / interval)
        if start <= before { start += interval }
        let last = reference.time(steps.count - 1, steps)
        let count = last < start ? 0 : (last - start) / interval + 1
        guard count <= MetricsLimits.subquerySteps else {
            throw .execution(
                "a subquery has more than \(MetricsLimits.subquerySteps) steps: \(count)")
        }
        let inner = Steps(start: start, interval: interval, count: Int(count))
        let found = count == 0 ? [] : try evaluate(subquery.inner, inner)
        return Windows(
            series: found.map { WindowSeries($0, inner) }, steps: steps, reference: reference,
            range: range, ends: nil, lookback: options.lookback)
    }
}
