import SeriesStore

@testable import Metrics

/// Compares answers with what a script expects.
///
/// As Prometheus does, an instant query is also asked as the middle step of a range query, and with its
/// selectors bound to its time by `@` at other times, which must not change the answer.
struct ScriptCheck {
    private let evaluation: ScriptEvaluation
    private let engine: PromQLEngine

    init(_ evaluation: ScriptEvaluation, _ source: any SeriesSource) {
        self.evaluation = evaluation
        engine = PromQLEngine(source)
    }

    /// What is not as expected; nil when all is.
    func failure() throws -> String? {
        let query: PromQLQuery
        do {
            query = try PromQLQuery(evaluation.query)
        } catch {
            return try errorFailure(error)
        }
        if evaluation.isRange {
            return try failure { () throws(PromQLError) in
                try engine.answer(
                    query, from: evaluation.start, to: evaluation.end, step: evaluation.step)
            }
        }
        let time = evaluation.isMatrix ? evaluation.end : evaluation.start
        if let failure = try failure(query, at: time, isBound: false) { return failure }
        if evaluation.isMatrix || evaluation.text != nil { return nil }
        var bound = query.root
        guard bound.bind(to: time) else { return nil }
        let boundQuery = try PromQLQuery(PromQLPrinter.text(bound))
        for other in time == 0 ? [-1000, 1000] : [-10 * time, 0, time / 5, 10 * time] {
            if let failure = try failure(boundQuery, at: other, isBound: true) {
                return "\(boundQuery) at \(other): \(failure)"
            }
        }
        return nil
    }

    private func failure(
        _ query: PromQLQuery, at time: Int64, isBound: Bool
    ) throws -> String? {
        if let failure = try failure(
            hasNotes: !isBound, { () throws(PromQLError) in try engine.answer(query, at: time) })
        {
            return failure
        }
        let readsTimes = try Regex("(start|end|range|step)\\(\\)").firstMatch(in: query.text) != nil
        if evaluation.fails || evaluation.isMatrix || evaluation.text != nil || readsTimes {
            return nil
        }
        let answer = try engine.answer(
            query, from: time - 60_000, to: time + 60_000, step: 60_000)
        guard case .matrix(let series) = answer.value else { return "no matrix" }
        let middle = series.compactMap { one -> SeriesData? in
            let samples = one.samples.clamped(from: time, to: time)
            return samples.isEmpty ? nil : SeriesData(labels: one.labels, samples: samples)
        }
        if let number = evaluation.number {
            let found = middle.first?.samples.values.first ?? .nan
            return isClose(found, number) ? nil : "in range mode \(found), not \(number)"
        }
        return try vectorFailure(middle, isOrdered: false).map { "in range mode: \($0)" }
    }

    private func errorFailure(_ error: PromQLError) throws -> String? {
        guard evaluation.fails else { return "error: \(error.message)" }
        guard let pattern = evaluation.failure else { return nil }
        return try pattern.matches(error.message) ? nil : "another error: \(error.message)"
    }

    private func failure(
        hasNotes: Bool = true, _ work: () throws(PromQLError) -> PromQLEngine.Answer
    ) throws -> String? {
        let answer: PromQLEngine.Answer
        do throws(PromQLError) {
            answer = try work()
        } catch {
            return try errorFailure(error)
        }
        if evaluation.fails { return "no error" }
        if hasNotes {
            if let failure = try notesFailure(
                answer.warnings, evaluation.warnings, evaluation.hasNoWarning, "warning")
                ?? notesFailure(answer.infos, evaluation.infos, evaluation.hasNoInfo, "info")
            {
                return failure
            }
        }
        switch answer.value {
        case .scalar(_, let number):
            guard let expected = evaluation.number else { return "a scalar: \(number)" }
            return isClose(number, expected) ? nil : "\(number), not \(expected)"
        case .string(_, let text):
            return text == evaluation.text ? nil : "text \(text)"
        case .vector(let series):
            return try vectorFailure(series, isOrdered: evaluation.isOrdered)
        case .matrix(let series): return try matrixFailure(series)
        }
    }

    private func notesFailure(
        _ found: [String], _ expected: [ScriptEvaluation.Pattern], _ isNone: Bool, _ kind: String
    ) throws -> String? {
        if isNone && !found.isEmpty { return "\(kind)s: \(found)" }
        if expected.isEmpty { return nil }
        for pattern in expected where try !found.contains(where: { try pattern.matches($0) }) {
            return "no \(kind) like \(pattern): \(found)"
        }
        for text in found where try !expected.contains(where: { try $0.matches(text) }) {
            return "another \(kind): \(text)"
        }
        return nil
    }

    // MARK: - Values

    private func vectorFailure(_ series: [SeriesData], isOrdered: Bool) throws -> String? {
        if let number = evaluation.number { return "a vector, not \(number): \(series)" }
        if series.count != evaluation.series.count {
            return "\(series.count) series, not \(evaluation.series.count): "
                + "\(series.map { "\($0.labels) \($0.samples.values)" })"
        }
        for (place, one) in series.enumerated() {
            guard let other = evaluation.series.firstIndex(where: { $0.labels == one.labels })
            else { return "unexpected series \(one.labels) \(one.samples.values)" }
            if isOrdered && other != place { return "\(one.labels) at \(place), not \(other)" }
            if let failure = failure(one, 0, evaluation.series[other].values[0]) {
                return failure
            }
        }
        return nil
    }

    private func matrixFailure(_ series: [SeriesData]) throws -> String? {
        let expected = evaluation.series
        if series.count != expected.count {
            return "\(series.count) series, not \(expected.count): "
                + "\(series.map { "\($0.labels) \($0.samples.values)" })"
        }
        if series.map(\.labels) != series.map(\.labels).sorted() { return "not in order" }
        for one in series {
            guard let other = expected.first(where: { $0.labels == one.labels }) else {
                return "unexpected series \(one.labels)"
            }
            var place = 0
            for (step, value) in other.values.enumerated() {
                if case .omitted = value { continue }
                let time = evaluation.start + Int64(step) * evaluation.step
                guard place < one.samples.count, one.samples.timestamps[place] == time else {
                    return "\(one.labels) has no value at \(time): \(one.samples.timestamps) "
                        + "\(one.samples.values)"
                }
                if let failure = failure(one, place, value) {
                    return "at \(time): \(failure) of \(one.samples.values)"
                }
                place += 1
            }
            if place < one.samples.count { return "\(one.labels) has more: \(one.samples)" }
        }
        return nil
    }

    private func failure(_ one: SeriesData, _ place: Int, _ expected: SeriesNotation.Value)
        -> String?
    {
        let value = one.samples.values[place]
        let stored = one.samples.histograms.isEmpty ? nil : one.samples.histograms[place]
        switch (expected, stored) {
        case (.number(let number), nil):
            return isClose(value, number) ? nil : "\(one.labels) is \(value), not \(number)"
        case (.histogram(let histogram, let tellsReset), let stored?):
            if isClose(Histogram(stored), Histogram(histogram))
                && (!tellsReset || stored.counterReset == histogram.counterReset)
            {
                return nil
            }
            return "\(one.labels) is \(Histogram(stored)) \(stored.schema) "
                + "\(stored.counterReset) \(stored.customBounds), not \(Histogram(histogram)) "
                + "\(histogram.schema) \(histogram.counterReset) \(histogram.customBounds)"
        default: return "\(one.labels) is of another kind: \(value)"
        }
    }

    private func isClose(_ left: Histogram, _ right: Histogram) -> Bool {
        func areClose(_ left: [Double], _ right: [Double]) -> Bool {
            left.count == right.count && zip(left, right).allSatisfy { isClose($0, $1) }
        }
        return left.schema == right.schema && left.zeroThreshold == right.zeroThreshold
            && areClose(
                [left.count, left.sum, left.zeroCount], [right.count, right.sum, right.zeroCount])
            && left.positive.indices == right.positive.indices
            && left.negative.indices == right.negative.indices
            && areClose(left.positive.counts, right.positive.counts)
            && areClose(left.negative.counts, right.negative.counts)
            && left.customBounds == right.customBounds
    }

    /// As close as Prometheus asks for: a millionth of their sum.
    private func isClose(_ left: Double, _ right: Double) -> Bool {
        if left.isNaN && right.isNaN || left == right { return true }
        let sum = left.magnitude + right.magnitude
        let difference = (left - right).magnitude
        let smallest = Double.leastNormalMagnitude
        if left == 0 || right == 0 || sum < smallest { return difference < 1e-6 * smallest }
        return difference / min(sum, .greatestFiniteMagnitude) < 1e-6
    }
}

extension PromQLNode {
    /// Functions whose value depends on the step although their arguments do not.
    private static let unsafe: Set<PromQLFunction> = [
        .daysInMonth, .dayOfMonth, .dayOfWeek, .dayOfYear, .end, .hour, .minute, .month, .year,
        .predictLinear, .range, .start, .step, .time, .timestamp,
    ]

    /// Binds selectors and subqueries to a time, if they are not bound to one.
    ///
    /// - Returns: false when the value depends on the step all the same.
    mutating func bind(to time: Int64) -> Bool {
        func bind(_ shift: inout TimeShift) {
            if shift.anchor == nil { shift.anchor = .time(time) }
        }
        switch kind {
        case .number, .string: return true
        case .selector(var selector):
            bind(&selector.shift)
            kind = .selector(selector)
        case .window(var selector, let length):
            bind(&selector.shift)
            kind = .window(selector, length)
        case .subquery(var subquery):
            guard !subquery.inner.hasUnsafeCall else { return false }
            bind(&subquery.shift)
            kind = .subquery(subquery)
        case .call(let function, var arguments):
            if PromQLNode.unsafe.contains(function) { return false }
            for place in arguments.indices where !arguments[place].bind(to: time) { return false }
            kind = .call(function, arguments)
        case .aggregation(var aggregation):
            guard aggregation.operand.bind(to: time),
                aggregation.parameter?.bind(to: time) ?? true
            else { return false }
            kind = .aggregation(aggregation)
        case .binary(var operation):
            guard operation.left.bind(to: time), operation.right.bind(to: time) else {
                return false
            }
            kind = .binary(operation)
        case .unary(let isNegative, var operand):
            guard operand.bind(to: time) else { return false }
            kind = .unary(isNegative: isNegative, operand)
        case .parenthesised(var inner):
            guard inner.bind(to: time) else { return false }
            kind = .parenthesised(inner)
        }
        return true
    }

    private var hasUnsafeCall: Bool {
        var copy = self
        return !copy.bind(to: 0)
    }
}
