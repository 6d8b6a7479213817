internal import SeriesStore

/// `info`: labels of a target are added to what was measured there.
extension Evaluator {
    func info(
        _ arguments: [PromQLNode], _ node: PromQLNode, _ steps: Steps
    ) throws(PromQLError) -> [StepSeries] {
        let base = try evaluate(arguments[0], steps)
        let wanted = try InfoSelection(arguments.count > 1 ? arguments[1] : nil)
        let isInfo = base.map { wanted.isInfo($0.labels) }
        let measured = zip(base, isInfo).filter { !$0.1 }.map(\.0)
        var found: [StepSeries] = []
        if let matchers = try wanted.matchers(for: measured.map(\.labels)) {
            let shift = arguments[0].firstShift ?? TimeShift()
            let selector = Selector(name: "", matchers: matchers, shift: shift)
            let values = try evaluate(
                PromQLNode(kind: .selector(selector), range: node.range), steps)
            if let histogram = values.first(where: { !$0.histograms.isEmpty }) {
                throw .execution(
                    "this should be an info metric, with float samples: "
                        + histogram.labels.inBraces)
            }
            found = try selectTimes(selector, steps)
        }
        let join = InfoJoin(found, wanted)
        var merger = SeriesMerger(room: options.samples)
        for (one, isInfo) in zip(base, isInfo) {
            if isInfo {
                try merger.add(one)
                continue
            }
            for step in 0..<steps.count {
                guard let value = one[step],
                    let labels = try join.labels(of: one.labels, step)
                else { continue }
                let place = try merger.place(
                    of: labels, dropsName: one.dropsName, steps: steps.count)
                try merger.set(place, step, value)
            }
        }
        return merger.series
    }
}

/// Which info metrics are looked for, and which of their labels.
private struct InfoSelection {
    /// Labels that tell targets apart.
    static let identifying = ["instance", "job"]

    private let names: [LabelMatcher]
    private let others: [LabelMatcher]

    init(_ argument: PromQLNode?) throws(PromQLError) {
        var matchers: [LabelMatcher] = []
        if case .selector(let selector)? = argument?.kind { matchers = selector.matchers }
        others = matchers.filter { $0.name != Labels.metricName }
        var names = matchers.filter { $0.name == Labels.metricName }
        let isPositive = names.contains { $0.operation == .equal || $0.operation == .matches }
        if !isPositive {
            let (operation, value): (LabelMatcher.Operation, String) =
                names.isEmpty ? (.equal, "target_info") : (.matches, ".+_info")
            names.insert(
                try InfoSelection.matcher(Labels.metricName, operation, value), at: 0)
        }
        self.names = names
    }

    private static func matcher(
        _ name: String, _ operation: LabelMatcher.Operation, _ value: String
    ) throws(PromQLError) -> LabelMatcher {
        do {
            return try LabelMatcher(name, operation, value)
        } catch {
            throw .execution("info: \(error)")
        }
    }

    func isInfo(_ labels: Labels) -> Bool { names.allSatisfy { $0.matches(labels.metricName) } }

    /// Conditions for the info series of targets; nil when no target is known.
    func matchers(for measured: [Labels]) throws(PromQLError) -> [LabelMatcher]? {
        var result: [LabelMatcher] = []
        for name in InfoSelection.identifying {
            let values = Set(measured.map { $0[name] }).subtracting([""])
            if values.isEmpty { continue }
            let pattern = values.sorted().map(InfoSelection.literal).joined(separator: "|")
            result.append(try InfoSelection.matcher(name, .matches, pattern))
        }
        return result.isEmpty ? nil : result + others + names
    }

    /// A text as a regular expression that only it matches.
    private static func literal(_ text: String) -> String {
        var result = ""
        for character in text {
            if "\\.+*?()|[]{}^$".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }

    /// Whether a label of an info series is asked for.
    func wants(_ name: String) -> Bool {
        others.isEmpty || others.contains { $0.name == name }
    }

    /// Whether series without an info series stay.
    var keepsUnmatched: Bool { others.allSatisfy { $0.matches("") } }
}

/// Info series by target, and the labels they add.
private struct InfoJoin {
    private let series: [StepSeries]
    private let wanted: InfoSelection
    /// Places of series by target.
    private var places: [Labels: [Int]] = [:]

    /// - Parameter series: info series whose values are the times of their samples.
    init(_ series: [StepSeries], _ wanted: InfoSelection) {
        self.series = series
        self.wanted = wanted
        for (place, one) in series.enumerated() {
            places[one.labels.keeping(InfoSelection.identifying), default: []].append(place)
        }
    }

    /// The labels with those of the target's info metrics at a step; nil when the series goes.
    func labels(of base: Labels, _ step: Int) throws(PromQLError) -> Labels? {
        var added: [String: String] = [:]
        let chosen = try chosen(base, step)
        for place in chosen {
            for label in series[place].labels
            where label.name != Labels.metricName && wanted.wants(label.name) {
                if let other = added[label.name], other != label.value {
                    throw .execution("conflicting label: \(label.name)")
                }
                if base[label.name].isEmpty { added[label.name] = label.value }
            }
        }
        if chosen.isEmpty && !wanted.keepsUnmatched { return nil }
        if added.isEmpty { return base }
        return Labels(Array(base) + added.map { Label($0.key, $0.value) })
    }

    /// Of each info metric the series whose last sample is the latest.
    private func chosen(_ base: Labels, _ step: Int) throws(PromQLError) -> [Int] {
        var latest: [String: Int] = [:]
        for place in places[base.keeping(InfoSelection.identifying)] ?? []
        where series[place].has(step) {
            let name = series[place].labels.metricName
            guard let other = latest[name] else {
                latest[name] = place
                continue
            }
            let (time, otherTime) = (series[place].numbers[step], series[other].numbers[step])
            if time == otherTime {
                throw .execution(
                    "found duplicate series for info metric: existing "
                        + "\(series[other].labels.inBraces), new \(series[place].labels.inBraces)")
            }
            if time > otherTime { latest[name] = place }
        }
        return latest.values.sorted()
    }
}

extension PromQLNode {
    /// Where the first selector within looks, when the subqueries around it are accounted for.
    fileprivate var firstShift: TimeShift? {
        switch kind {
        case .number, .string: return nil
        case .selector(let selector), .window(let selector, _): return selector.shift
        case .subquery(let subquery):
            guard var shift = subquery.inner.firstShift, shift.anchor == nil else {
                return subquery.inner.firstShift
            }
            shift.anchor = subquery.shift.anchor
            if let outer = subquery.shift.offset {
                shift.offset = shift.offset.map { .binary(.add, $0, outer) } ?? outer
            }
            return shift
        case .call(_, let arguments): return arguments.lazy.compactMap(\.firstShift).first
        case .aggregation(let aggregation): return aggregation.operand.firstShift
        case .binary(let operation):
            return operation.left.firstShift ?? operation.right.firstShift
        case .unary(_, let operand), .parenthesised(let operand): return operand.firstShift
        }
    }
}
