internal import Bytes
internal import SeriesStore

/// Functions of labels and of the order of series.
extension Evaluator {
    private func text(_ node: PromQLNode) -> String {
        guard case .string(let text) = node.unwrapped.kind else {
            preconditionFailure("BUG: a text that is no literal")
        }
        return text
    }

    // MARK: - Labels

    func replaceLabel(
        _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let target = text(arguments[1])
        let source = text(arguments[3])
        let pattern = text(arguments[4])
        let expression: RegularExpression
        do {
            expression = try RegularExpression("^(?s:\(pattern))$")
        } catch {
            throw .execution("invalid regular expression in label_replace(): \(pattern)")
        }
        guard !target.isEmpty else {
            throw .execution("invalid destination label name in label_replace(): \(target)")
        }
        let template = ReplacementTemplate(text(arguments[2]))
        return try relabeled(arguments[0], target, steps) { labels in
            expression.groups(in: labels[source]).map {
                template.text($0) { expression.groupIndex(named: $0) }
            }
        }
    }

    func joinLabels(
        _ arguments: [PromQLNode], _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let target = text(arguments[1])
        let separator = text(arguments[2])
        let sources = arguments.dropFirst(3).map(text)
        if let source = sources.first(where: \.isEmpty) {
            throw .execution("invalid source label name in label_join(): \(source)")
        }
        guard !target.isEmpty else {
            throw .execution("invalid destination label name in label_join(): \(target)")
        }
        return try relabeled(arguments[0], target, steps) { labels in
            sources.map { labels[$0] }.joined(separator: separator)
        }
    }

    /// Sets a label to what `value` makes of the others; nil leaves the series as it is.
    private func relabeled(
        _ argument: PromQLNode, _ target: String, _ steps: Steps, _ value: (Labels) -> String?
    ) throws(PromQLError) -> [StepSeries] {
        let series = try evaluate(argument, steps).map { one in
            guard let value = value(one.labels) else { return one }
            var one = one
            one.labels = one.labels.setting(target, to: value)
            if target == Labels.metricName { one.dropsName = false }
            return one
        }
        return try SeriesMerger.merged(series)
    }

    // MARK: - Absence

    func absent(_ argument: PromQLNode, _ steps: Steps) throws(PromQLError) -> [StepSeries] {
        absent(try evaluate(argument, steps), argument, steps)
    }

    /// 1 at steps where no series has a value, with the labels that the selector asks for.
    func absent(
        _ found: [StepSeries], _ argument: PromQLNode, _ steps: Steps
    ) -> [StepSeries] {
        var result = StepSeries(labels: wantedLabels(argument.unwrapped), steps: steps.count)
        for step in 0..<steps.count where !found.contains(where: { $0.has(step) }) {
            result.set(step, 1)
        }
        return result.isEmpty ? [] : [result]
    }

    /// Labels that a selector compares with one value.
    private func wantedLabels(_ node: PromQLNode) -> Labels {
        let matchers: [LabelMatcher]
        switch node.kind {
        case .selector(let selector), .window(let selector, _): matchers = selector.matchers
        default: return .empty
        }
        var labels: [Label] = []
        var seen = Set<String>()
        for matcher in matchers where matcher.name != Labels.metricName {
            if matcher.operation == .equal && seen.insert(matcher.name).inserted {
                labels.append(Label(matcher.name, matcher.value))
            } else {
                labels.removeAll { $0.name == matcher.name }
            }
        }
        return Labels(labels)
    }

    // MARK: - Order

    func sorted(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        var series = try evaluate(arguments[0], steps)
        if !steps.isInstant {
            annotations.warn(
                "sort is ineffective for range queries since results are always ordered by labels",
                at: node.range)
        }
        switch function {
        case .sort, .sortDescending:
            for place in series.indices {
                for step in 0..<steps.count where series[place].kinds[step] == .histogram {
                    series[place].remove(step)
                }
            }
            series.removeAll { $0.isEmpty }
            guard steps.isInstant else { return series }
            let isDescending = function == .sortDescending
            return series.sorted {
                NumberOrder.isBefore($0.numbers[0], $1.numbers[0], isDescending: isDescending)
            }
        default:
            let names = arguments.dropFirst().map(text)
            let isDescending = function == .sortByLabelDescending
            return series.sorted { left, right in
                let isLess = Evaluator.isBefore(left.labels, right.labels, by: names)
                return isDescending
                    ? Evaluator.isBefore(right.labels, left.labels, by: names) : isLess
            }
        }
    }

    private static func isBefore(_ left: Labels, _ right: Labels, by names: [String]) -> Bool {
        for name in names {
            let (mine, other) = (left[name], right[name])
            if mine != other { return NaturalOrder.isBefore(mine, other) }
        }
        return left < right
    }
}

/// Numbers in order, with NaN last whichever way.
enum NumberOrder {
    static func isBefore(_ left: Double, _ right: Double, isDescending: Bool) -> Bool {
        if left.isNaN { return false }
        if right.isNaN { return true }
        return isDescending ? left > right : left < right
    }
}

/// Texts in the order in which people count: `a2` before `a10`.
enum NaturalOrder {
    static func isBefore(_ left: String, _ right: String) -> Bool {
        let (mine, others) = (pieces(left), pieces(right))
        for (piece, other) in zip(mine, others) where piece != other {
            if let number = Int(piece), let otherNumber = Int(other) {
                if number != otherNumber { return number < otherNumber }
                // Equal numbers of different length: fewer zeros first.
                return piece.count < other.count
            }
            return piece.utf8.lexicographicallyPrecedes(other.utf8)
        }
        return mine.count < others.count
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    /// The text cut where digits begin and end.
    private static func pieces(_ text: String) -> [String] {
        var pieces: [[UInt8]] = []
        for byte in text.utf8 {
            if let last = pieces.last?.last, isDigit(last) == isDigit(byte) {
                pieces[pieces.count - 1].append(byte)
            } else {
                pieces.append([byte])
            }
        }
        return pieces.map { String(decoding: $0, as: UTF8.self) }
    }
}
