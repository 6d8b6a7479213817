public import SeriesStore

/// Answers PromQL over a source of series; times and lengths are milliseconds.
public struct PromQLEngine: Sendable {
    /// What one query may cost, and what it takes for granted.
    public struct Options: Sendable {
        /// Points in memory at once; a histogram counts for its buckets too.
        public var samples = 50_000_000
        /// Series that one selector may find.
        public var series = 500_000
        /// How far back a selector looks for the last sample.
        public var lookback: Int64 = 300_000
        /// The step of subqueries that name none.
        public var subqueryStep: Int64 = 60_000
        /// Asked now and then; an error it gives ends the query.
        public var interruption: @Sendable () -> PromQLError? = { nil }

        public init() {}
    }

    /// The value of a query.
    public enum Value: Sendable {
        case scalar(Int64, Double)
        case string(Int64, String)
        /// Series with one sample each, in the order that the query asks for.
        case vector([SeriesData])
        /// Series by their labels, ascending.
        case matrix([SeriesData])
    }

    public struct Answer: Sendable {
        public let value: Value
        public let warnings: [String]
        public let infos: [String]
    }

    private let source: any SeriesSource
    private let options: Options

    public init(_ source: any SeriesSource, options: Options = Options()) {
        self.source = source
        self.options = options
    }

    /// Works a query out at one moment.
    ///
    /// - Throws: `PromQLError`.
    public func answer(_ query: PromQLQuery, at time: Int64) throws(PromQLError) -> Answer {
        let evaluator = Evaluator(
            source, options, QueryTimes(start: time, end: time, step: 0))
        let steps = Steps(start: time, interval: 1, count: 1)
        let value = try evaluator.instantValue(query.root, steps)
        return evaluator.answer(value, query)
    }

    /// Works a query out at steps from `start` to `end`, both included.
    ///
    /// - Parameter step: above 0.
    /// - Throws: `PromQLError`.
    public func answer(
        _ query: PromQLQuery, from start: Int64, to end: Int64, step: Int64
    ) throws(PromQLError) -> Answer {
        guard query.root.type == .vector || query.root.type == .scalar else {
            let type = query.root.type.rawValue
            throw PromQLError(
                .badData,
                "invalid expression type \"\(type)\" for range query, must be Scalar or instant "
                    + "Vector")
        }
        precondition(step > 0, "BUG: a range query without a step")
        let (length, overflows) = end.subtractingReportingOverflow(start)
        guard !overflows, length / step < Int64(options.samples) else {
            throw Evaluator.tooManySamples
        }
        let count = length < 0 ? 0 : Int(length / step) + 1
        let evaluator = Evaluator(
            source, options, QueryTimes(start: start, end: end, step: step))
        let steps = Steps(start: start, interval: step, count: count)
        let series = count == 0 ? [] : try evaluator.finished(evaluator.evaluate(query.root, steps))
        let sorted = series.sorted { $0.labels < $1.labels }
        return evaluator.answer(.matrix(sorted.map { $0.samples(steps) }), query)
    }
}

extension Evaluator {
    func answer(_ value: PromQLEngine.Value, _ query: PromQLQuery) -> PromQLEngine.Answer {
        let text = Array(query.text.utf8)
        return PromQLEngine.Answer(
            value: value, warnings: annotations.texts(.warning, query: text),
            infos: annotations.texts(.info, query: text))
    }

    /// The value of a query at a single step.
    func instantValue(
        _ root: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> PromQLEngine.Value {
        switch root.type {
        case .string:
            guard case .string(let text) = root.unwrapped.kind else {
                preconditionFailure("BUG: a text that is no literal")
            }
            return .string(steps.start, text)
        case .scalar:
            return .scalar(steps.start, try evaluate(root, steps)[0].numbers[0])
        case .vector:
            return .vector(try finished(evaluate(root, steps)).map { $0.samples(steps) })
        case .matrix:
            let windows = try windows(of: root.unwrapped, steps)
            var series: [SeriesData] = []
            for window in windows.series {
                let samples = window.samples(in: windows.bounds(0))
                if samples.isEmpty { continue }
                let labels = window.dropsName ? window.labels.withoutMetric : window.labels
                series.append(SeriesData(labels: labels, samples: samples))
            }
            return .matrix(series.sorted { $0.labels < $1.labels })
        }
    }

    /// Takes names from series that dropped theirs.
    func finished(_ series: [StepSeries]) throws(PromQLError) -> [StepSeries] {
        var series = series.filter { !$0.isEmpty }
        for place in series.indices where series[place].dropsName {
            series[place].labels = series[place].labels.withoutMetric
        }
        return try SeriesMerger.merged(series)
    }
}

extension StepSeries {
    func samples(_ steps: Steps) -> SeriesData {
        var samples = Samples()
        for step in 0..<steps.count {
            switch self[step] {
            case .number(let number): samples.append(steps.time(step), number)
            case .histogram(let histogram): samples.append(steps.time(step), histogram.stored)
            case nil: continue
            }
        }
        return SeriesData(labels: labels, samples: samples)
    }
}
