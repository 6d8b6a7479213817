internal import Bytes
internal import Compute
internal import Events

/// A query made ready: times fixed, derived fields put in their places, states shared.
struct QueryPlan: Sendable {
    private(set) var query: Query
    /// Nanoseconds since 1970, the end not included.
    private(set) var timeRange: Range<Int64>
    private(set) var buckets: TimeBuckets?
    /// Dataset names in the form they are compared in; nil for all.
    private(set) var datasets: Set<String>?
    /// Only these events take part; nil for all.
    private(set) var sample: EventSample?
    /// Conditions that must all hold; those cheaper to test first.
    private(set) var conditions: [Expression]
    /// What is asked of other events of the same traces, and what was found.
    private(set) var needs: RelatedNeeds
    private(set) var related: RelatedSpans?
    /// What `eval` gave names to.
    let definitions: [String: Expression]
    /// Of a `bubbleup`, the condition that tells its selection from the others; else nil.
    ///
    /// Where it speaks of relatives, `planOfSelection` is asked instead.
    let selection: Expression?
    private(set) var groupBy: [GroupKey]
    let slots: [AggregateSlot]
    let calculations: [PlannedCalculation]
    /// Over calculations only: formulas that they speak of are put in their places.
    let formulas: [Formula]
    let evaluator: ExpressionEvaluator
    /// Told what each step takes; nil where nobody asks.
    private(set) var trace: QueryTrace?

    /// Whether a calculation speaks of several time buckets at once.
    var spansBuckets: Bool { calculations.contains { $0.span != .bucket } }

    init(_ query: Query, now: Int64, options: QueryOptions, shift: Int64 = 0) throws(QueryFailure) {
        self.query = query
        trace = options.trace
        timeRange = try QueryPlan.range(query.timeRange, now: now, shift: shift)
        buckets = try QueryPlan.buckets(query.step ?? query.stepOfRates, timeRange)
        switch query.source {
        case .all: datasets = nil
        case .named(let names): datasets = Set(names.map(DatasetName.key))
        }
        sample = try QueryPlan.sample(query)
        if !options.definitions.isEmpty, query.expandsTooFar(knowing: options.definitions) {
            throw .refused("the derived columns that the query speaks of grow too large in it")
        }
        var definitions = options.definitions
        var conditions: [Expression] = []
        var needs = RelatedNeeds(definitions)
        for transform in query.transforms {
            switch transform {
            case .evaluate(let name, let expression):
                definitions[name] = expression.substituting(definitions)
                needs.definitions = definitions
            case .filter(let condition):
                conditions += needs.takeConditions(
                    from: condition.substituting(definitions).conjuncts)
            }
        }
        conditions = conditions.map(\.requiringRelatives)
        try needs.takeFields(of: conditions, in: .condition)
        self.conditions = conditions.enumerated()
            .sorted { ($0.element.cost, $0.offset) < ($1.element.cost, $1.offset) }.map(\.element)
        self.definitions = definitions
        guard case .statistics(let statistics) = query.shape else {
            groupBy = []
            slots = []
            calculations = []
            formulas = []
            if case .bubbleUp(let bubbleUp) = query.shape {
                selection = bubbleUp.selection.substituting(definitions)
            } else {
                selection = nil
            }
            try needs.takeFields(of: Array(definitions.values), in: .value)
            self.needs = needs
            evaluator = try QueryPlan.evaluator(
                conditions + Array(definitions.values) + [selection].compactMap { $0 }
                    + needs.conditions)
            return
        }
        selection = nil
        groupBy = statistics.groupBy.map {
            GroupKey(
                name: $0.name, expression: $0.expression.substituting(definitions),
                isEach: $0.isEach)
        }
        (slots, calculations) = statistics.planned(
            definitions, options, tellsBounds: !query.isUnweighted)
        formulas = statistics.plannedFormulas
        try needs.takeFields(of: groupBy.map(\.expression), in: .value)
        try needs.takeFields(
            of: slots.flatMap { [$0.argument, $0.filter] }.compactMap { $0 }, in: .aggregate)
        self.needs = needs
        evaluator = try QueryPlan.evaluator(
            conditions + groupBy.map(\.expression) + slots.compactMap(\.argument)
                + slots.compactMap(\.filter) + formulas.map(\.expression)
                + [statistics.having].compactMap { $0 } + needs.conditions)
    }

    /// The plan with other time buckets, of the same width.
    func with(_ buckets: TimeBuckets?) -> QueryPlan {
        var plan = self
        plan.buckets = buckets
        return plan
    }

    /// The plan of the events of a `bubbleup`'s selection alone, where relatives tell them from the others;
    /// else nil.
    func planOfSelection(_ options: QueryOptions) throws(QueryFailure) -> QueryPlan? {
        guard case .bubbleUp(let bubbleUp) = query.shape, selection?.speaksOfRelatives == true
        else { return nil }
        var query = query
        query.transforms.append(.filter(bubbleUp.selection))
        query.timeRange = .between(
            .absolute(timeRange.lowerBound), .absolute(timeRange.upperBound))
        query.shape = .events(EventListing())
        return try QueryPlan(query, now: 0, options: options)
    }

    /// The plan, telling nobody what it takes.
    var untraced: QueryPlan {
        var plan = self
        plan.trace = nil
        return plan
    }

    /// The plan for a part of its time.
    func with(_ timeRange: Range<Int64>) -> QueryPlan {
        var plan = self
        plan.timeRange = timeRange
        return plan
    }

    private static func sample(_ query: Query) throws(QueryFailure) -> EventSample? {
        guard let share = query.sampleShare, share < 1 else { return nil }
        if let fault = query.sampleFault { throw .refused(fault) }
        return EventSample(share: share)
    }

    /// How many events each row of a source stands for; nil when each stands for itself.
    func weights(of source: any EventSource) throws -> [UInt32]? {
        if query.isUnweighted { return nil }
        let rates = try source.loadSampleRates()
        guard let factor = sample?.rate else { return rates }
        return rates.map { rates in
            rates.map { UInt32(clamping: UInt64($0) * UInt64(factor)) }
        } ?? [UInt32](repeating: factor, count: source.rows)
    }

    func with(_ related: RelatedSpans) -> QueryPlan {
        var plan = self
        plan.related = related
        return plan
    }

    /// The plan for all events in the time range, of whatever dataset.
    var forRelatives: QueryPlan {
        var plan = self
        plan.datasets = nil
        plan.sample = nil
        plan.conditions = []
        plan.needs = RelatedNeeds([:])
        return plan
    }

    /// The plan for all groups as one, without time buckets.
    var ungrouped: QueryPlan {
        var plan = self
        plan.groupBy = []
        if !spansBuckets { plan.buckets = nil }
        plan.query.sort = []
        if var statistics {
            statistics.groupBy = []
            statistics.having = nil
            plan.query.shape = .statistics(statistics)
        }
        return plan
    }

    var statistics: Statistics? {
        if case .statistics(let statistics) = query.shape { statistics } else { nil }
    }

    private static func evaluator(
        _ expressions: [Expression]
    ) throws(QueryFailure) -> ExpressionEvaluator {
        do throws(RegularExpression.InvalidPattern) {
            return try ExpressionEvaluator(for: expressions)
        } catch {
            throw .refused("the regular expression is not valid: \(error.reason)")
        }
    }

    // MARK: - Time

    private static func range(
        _ range: TimeRange, now: Int64, shift: Int64
    ) throws(QueryFailure) -> Range<Int64> {
        func at(_ point: TimePoint) -> Int64 {
            switch point {
            case .absolute(let time): time
            case .beforeNow(let span): now.subtractingSaturated(span)
            }
        }
        let (start, end): (Int64, Int64)
        switch range {
        case .last(let span): (start, end) = (now.subtractingSaturated(span), now)
        case .between(let first, let last): (start, end) = (at(first), at(last))
        }
        guard start <= end else {
            throw .refused("the time range ends before it starts")
        }
        let (from, to) = (start.subtractingSaturated(shift), end.subtractingSaturated(shift))
        return from..<to
    }

    private static func buckets(
        _ step: Step?, _ range: Range<Int64>
    ) throws(QueryFailure) -> TimeBuckets? {
        guard let step, !range.isEmpty else { return nil }
        let width: Int64
        switch step {
        case .every(let nanoseconds): width = max(1, nanoseconds)
        case .automatic: width = automaticStep(range)
        }
        let rest = range.lowerBound % width
        let origin = range.lowerBound.subtractingSaturated(rest < 0 ? rest + width : rest)
        let span = UInt64(bitPattern: range.upperBound &- origin)
        let count = (span - 1) / UInt64(width) + 1
        guard count <= UInt64(QueryLimits.bucketsMax) else {
            throw .refused(
                "the step makes \(count) time buckets, more than \(QueryLimits.bucketsMax); "
                    + "take a longer step or a shorter range")
        }
        return TimeBuckets(origin: origin, width: width, count: Int(count))
    }

    /// The shortest of the usual steps that makes no more buckets than a chart can show.
    private static func automaticStep(_ range: Range<Int64>) -> Int64 {
        let second: Int64 = 1_000_000_000
        let steps = [
            1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600,
            43_200, 86_400, 172_800, 604_800,
        ].map { $0 * second }
        let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        for step in steps where span / UInt64(step) <= 150 { return step }
        return Int64(clamping: span / 150 + 1)
    }
}

extension Expression {
    /// The conditions that must all hold for this one to hold.
    fileprivate var conjuncts: [Expression] {
        if case .and(let all) = self { return all.flatMap(\.conjuncts) }
        return [self]
    }

    /// How dear a condition is to test, for ordering only.
    fileprivate var cost: Int {
        switch self {
        case .exists(.field, _): 0
        case .compare(_, .field, .literal), .membership(.field, _, _): 1
        case .match(let operation, .field, _, _): operation == .matches ? 3 : 2
        case .and(let all), .or(let all): all.reduce(4) { $0 + $1.cost }
        default: fields.count <= 1 ? 5 : 100
        }
    }
}
