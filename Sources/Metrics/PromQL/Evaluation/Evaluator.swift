internal import SeriesStore

/// Works out one query.
///
/// Each expression gives whole series over all steps, so that operators and functions run series by
/// series. Used by one thread.
final class Evaluator {
    let source: any SeriesSource
    let options: PromQLEngine.Options
    /// Of the query, also within subqueries.
    let times: QueryTimes
    var annotations = Annotations()
    private var samples = 0

    static let tooManySamples = PromQLError.execution(
        "query processing would load too many samples into memory in query execution")

    init(_ source: any SeriesSource, _ options: PromQLEngine.Options, _ times: QueryTimes) {
        self.source = source
        self.options = options
        self.times = times
    }

    // MARK: - Bounds

    /// Accounts for points that are held; asks whether the query may go on.
    func hold(_ points: Int) throws(PromQLError) {
        samples += points
        if samples > options.samples { throw Evaluator.tooManySamples }
        if let error = options.interruption() { throw error }
    }

    /// Works something out, after which only its result is held.
    private func settling(
        _ work: () throws(PromQLError) -> [StepSeries]
    ) throws(PromQLError) -> [StepSeries] {
        let before = samples
        let result = try work()
        samples = before
        try hold(result.reduce(0) { $0 + $1.cost })
        return result
    }

    // MARK: - Expressions

    /// The series of an expression over all steps; of a scalar one without labels.
    func evaluate(_ node: PromQLNode, _ steps: Steps) throws(PromQLError) -> [StepSeries] {
        try settling { () throws(PromQLError) in
            if !steps.isInstant && node.isFixed {
                let once = Steps(start: steps.start, interval: steps.interval, count: 1)
                let series = try evaluate(node, once)
                try hold(series.count * steps.count)
                return series.map { $0.repeated(steps.count) }
            }
            switch node.kind {
            case .number(let value, _): return [StepSeries(constant: value, steps: steps.count)]
            case .string, .window, .subquery:
                preconditionFailure("BUG: no value at steps: \(node.type)")
            case .selector(let selector): return try select(selector, node, steps)
            case .call(let function, let arguments):
                return try call(function, arguments, node, steps)
            case .aggregation(let aggregation): return try aggregate(aggregation, node, steps)
            case .binary(let operation): return try combine(operation, node, steps)
            case .unary(let isNegative, let operand):
                let series = try evaluate(operand, steps)
                return isNegative ? try negated(series) : series
            case .parenthesised(let inner): return try evaluate(inner, steps)
            }
        }
    }

    /// The numbers of a scalar at all steps.
    func scalar(_ node: PromQLNode, _ steps: Steps) throws(PromQLError) -> [Double] {
        try evaluate(node, steps)[0].numbers
    }

    private func negated(_ series: [StepSeries]) throws(PromQLError) -> [StepSeries] {
        try SeriesMerger.merged(
            series.map { one in
                var one = one
                one.dropsName = true
                for step in one.kinds.indices {
                    switch one[step] {
                    case .number(let number): one.numbers[step] = -number
                    case .histogram(var histogram):
                        histogram.multiply(by: -1)
                        one[step] = .histogram(histogram)
                    case nil: break
                    }
                }
                return one
            })
    }

    // MARK: - Times

    /// The moment that a selector or subquery looks back from, for each step.
    func reference(_ shift: TimeShift, _ steps: Steps) throws(PromQLError) -> Reference {
        let offset = try shift.offset?.milliseconds(times, mayBeNegative: true) ?? 0
        switch shift.anchor {
        case .time(let time): return Reference(offset: offset, fixed: time)
        case .start: return Reference(offset: offset, fixed: times.start)
        case .end: return Reference(offset: offset, fixed: times.end)
        case nil: return Reference(offset: offset, fixed: nil)
        }
    }

    /// Where selectors look: at a fixed time or at that of the step, less an offset.
    struct Reference {
        let offset: Int64
        let fixed: Int64?

        func time(_ step: Int, _ steps: Steps) -> Int64 {
            (fixed ?? steps.time(step)) &- offset
        }
    }
}
