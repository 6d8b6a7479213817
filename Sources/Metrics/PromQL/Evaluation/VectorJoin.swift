internal import SeriesStore

/// An operator between series of two sides that belong together by their labels.
///
/// One side, the "one" side, has at most one series of a signature at a step; the other may have several
/// if the query says so. Signatures are worked out once, steps are loops over arrays.
struct VectorJoin {
    private let operation: BinaryOperation
    private let element: ElementOperation
    private let steps: Steps
    private let matching: VectorMatching
    /// Whether the left side is the "one" side.
    private let isSwapped: Bool

    /// Values for which the result has room.
    private let room: Int

    init(
        _ operation: BinaryOperation, _ element: ElementOperation, _ steps: Steps, room: Int
    ) {
        self.room = room
        self.operation = operation
        self.element = element
        self.steps = steps
        matching = operation.matching
        isSwapped = matching.cardinality == .oneToMany
    }

    /// Series of one signature.
    private struct Group {
        var many: [Int] = []
        var one: [Int] = []
    }

    func value(
        _ left: [StepSeries], _ right: [StepSeries], _ annotations: inout Annotations
    ) throws(PromQLError) -> [StepSeries] {
        let (many, one) = isSwapped ? (right, left) : (left, right)
        let (groups, signatures) = groups(many, one)
        let isFilled = matching.leftFill != nil || matching.rightFill != nil
        // At a step where one side has nothing at all nothing is matched, nor found ambiguous.
        let isLooked =
            (0..<steps.count).map { step in
                isFilled || many.contains { $0.has(step) } && one.contains { $0.has(step) }
            }
        var joined = Joined(merger: SeriesMerger(room: room))
        for (group, signature) in zip(groups, signatures) {
            try join(group, signature, many, one, isLooked, &joined, &annotations)
        }
        return joined.merger.series.filter { !$0.isEmpty }
    }

    private func groups(
        _ many: [StepSeries], _ one: [StepSeries]
    ) -> (groups: [Group], signatures: [Labels]) {
        var groups: [Group] = []
        var signatures: [Labels] = []
        var known: [Labels: Int] = [:]
        func group(_ labels: Labels) -> Int {
            let signature = matching.signature(labels)
            if let place = known[signature] { return place }
            known[signature] = groups.count
            groups.append(Group())
            signatures.append(signature)
            return groups.count - 1
        }
        for (place, series) in many.enumerated() { groups[group(series.labels)].many.append(place) }
        for (place, series) in one.enumerated() { groups[group(series.labels)].one.append(place) }
        return (groups, signatures)
    }

    /// What has come of the join so far.
    private struct Joined {
        var merger: SeriesMerger
        /// Places of results by the pair of series they come from.
        var places: [Pair: Int] = [:]
        /// Results that were found at a step, of one signature, where several are.
        var found: Set<Found> = []

        struct Pair: Hashable {
            let many: Int?
            let one: Int?
        }

        struct Found: Hashable {
            let step: Int
            let place: Int
        }
    }

    // MARK: - One signature

    private func join(
        _ group: Group, _ signature: Labels, _ many: [StepSeries], _ one: [StepSeries],
        _ isLooked: [Bool], _ joined: inout Joined, _ annotations: inout Annotations
    ) throws(PromQLError) {
        if group.many.isEmpty && matching.leftFill == nil { return }
        if group.one.isEmpty && matching.rightFill == nil {
            return
        }
        joined.found.removeAll(keepingCapacity: true)
        for step in 0..<steps.count where isLooked[step] {
            let partner = try partner(group.one, one, signature, step)
            var isMatched = false
            for place in group.many {
                guard let value = many[place][step] else { continue }
                let other: StepValue
                if let partner, let found = one[partner][step] {
                    other = found
                } else if let fill = matching.rightFill {
                    other = .number(fill)
                } else {
                    continue
                }
                guard
                    let outcome = element.outcome(
                        isSwapped ? other : value, isSwapped ? value : other, &annotations)
                else { continue }
                let pair = Joined.Pair(many: place, one: partner)
                let target = try target(pair, many, one, signature, &joined)
                try note(target, step, isMatched, &joined)
                isMatched = true
                try keep(outcome, target, step, &joined)
            }
            if !isMatched, let fill = matching.leftFill, let partner, let value = one[partner][step]
            {
                let filled = StepValue.number(fill)
                guard
                    let outcome = element.outcome(
                        isSwapped ? value : filled, isSwapped ? filled : value, &annotations)
                else { continue }
                let pair = Joined.Pair(many: nil, one: partner)
                let target = try target(pair, many, one, signature, &joined)
                try keep(outcome, target, step, &joined)
            }
        }
    }

    /// The series of the "one" side at a step.
    private func partner(
        _ places: [Int], _ one: [StepSeries], _ signature: Labels, _ step: Int
    ) throws(PromQLError) -> Int? {
        var found: Int?
        for place in places where one[place].has(step) {
            guard let first = found else {
                found = place
                continue
            }
            let names = [one[first].labels, one[place].labels].map(\.inBraces).sorted()
            throw .execution(
                "found duplicate series for the match group \(signature.inBraces) on the "
                    + (isSwapped ? "left" : "right") + " hand-side of the operation: "
                    + "[\(names[0]), \(names[1])];many-to-many matching not allowed: matching "
                    + "labels must be unique on one side")
        }
        return found
    }

    /// Sees to it that results differ by their labels.
    private func note(
        _ target: Int, _ step: Int, _ isMatched: Bool, _ joined: inout Joined
    ) throws(PromQLError) {
        if matching.cardinality == .oneToOne {
            guard isMatched else { return }
            throw .execution(
                "multiple matches for labels: many-to-one matching must be explicit "
                    + "(group_left/group_right)")
        }
        guard joined.found.insert(Joined.Found(step: step, place: target)).inserted else {
            throw .execution(
                "multiple matches for labels: grouping labels must ensure unique matches")
        }
    }

    private func keep(
        _ outcome: ElementOperation.Outcome, _ target: Int, _ step: Int, _ joined: inout Joined
    ) throws(PromQLError) {
        if operation.returnsBool {
            try joined.merger.set(target, step, .number(outcome.isKept ? 1 : 0))
        } else if outcome.isKept {
            try joined.merger.set(target, step, outcome.value)
        }
    }

    // MARK: - Labels

    private func target(
        _ pair: Joined.Pair, _ many: [StepSeries], _ one: [StepSeries], _ signature: Labels,
        _ joined: inout Joined
    ) throws(PromQLError) -> Int {
        if let place = joined.places[pair] { return place }
        let labels = resultLabels(
            pair.many.map { many[$0].labels } ?? signature,
            pair.one.map { one[$0].labels } ?? signature)
        let place = try joined.merger.place(
            of: labels, dropsName: operation.returnsBool, steps: steps.count)
        joined.places[pair] = place
        return place
    }

    private func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        var labels = operation.sign.changesMetric ? many.withoutMetric : many
        if matching.cardinality == .oneToOne {
            labels =
                matching.isOn
                ? labels.keeping(matching.labels) : labels.removing(matching.labels)
        }
        for name in matching.included { labels = labels.setting(name, to: one[name]) }
        return labels
    }
}

extension Labels {
    /// All labels in braces, also the name of the metric.
    var inBraces: String {
        "{" + map { "\($0.name)=\(QuotedText.quoted($0.value))" }.joined(separator: ", ") + "}"
    }
}
