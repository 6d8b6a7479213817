internal import Compute
public import EventQuery

/// A question to the events that is asked again and again, and what of its answer is wrong.
///
/// The question has one number for each of its groups; each group is an alert of its own.
public struct Trigger: Sendable {
    /// Counts the number; its time range is put in when it is asked.
    public let query: Query
    /// Milliseconds of the window that one evaluation looks at.
    public let window: Int64
    public let threshold: TriggerThreshold
    /// What the number is compared with beside the threshold; nil for the threshold alone.
    public let baseline: TriggerBaseline?
    /// When it is evaluated; nil for always.
    public let schedule: TriggerSchedule?
    /// Whether receivers are told at every evaluation that finds it, not at the first one only.
    public let repeats: Bool
    /// The name of the number among the question's columns.
    let column: String
    /// The number of a group without events; nil where that is not known.
    let nothing: Double?

    /// - Parameter window: milliseconds; nil takes the query's range.
    /// - Throws: `TriggerError` when the question is none that a trigger can ask.
    public init(
        _ query: Query, window: Int64? = nil, threshold: TriggerThreshold,
        baseline: TriggerBaseline? = nil, schedule: TriggerSchedule? = nil, repeats: Bool = false
    ) throws(TriggerError) {
        let statistics = try Trigger.statistics(of: query)
        guard case .last(let range) = query.timeRange else {
            throw TriggerError("query", "is about a fixed time; a trigger's range ends now")
        }
        let window = window ?? range / 1_000_000
        guard AlertingLimits.triggerWindow.contains(window) else {
            throw TriggerError("query", "is about a range that is not from 1 s to 7 days")
        }
        if case .sameHour = baseline, window < 60_000 {
            throw TriggerError("baseline", "needs a range of a minute at least")
        }
        let (column, calculation) = try Trigger.number(of: statistics)
        self.query = query
        self.window = window
        self.threshold = threshold
        self.baseline = baseline
        self.schedule = schedule
        self.repeats = repeats
        self.column = column
        switch calculation?.aggregate {
        case .count, .distinct: nothing = 0
        default: nothing = nil
        }
        isGrowing =
            baseline == nil && query.isSettledByEachEvent && statistics.having == nil
            && calculation.map { threshold.canOnlyGetWorse(of: $0.aggregate) } ?? false
    }

    /// Whether events that come late can only add to what is wrong: then it is asked up to the present,
    /// and not only up to where events are settled.
    public let isGrowing: Bool

    /// The statistics of a question that triggers can ask.
    private static func statistics(of query: Query) throws(TriggerError) -> Statistics {
        guard case .statistics(let statistics) = query.shape else {
            throw TriggerError("query", "counts nothing; a trigger needs a number")
        }
        let refused: [(Bool, String)] = [
            (!query.sort.isEmpty, "an order"), (query.limit != nil, "a limit"),
            (query.step != nil, "a step"), (query.compareOffset != nil, "a time to compare with"),
            (query.sampleShare != nil, "a sample"),
        ]
        for (isThere, name) in refused where isThere {
            throw TriggerError("query", "has \(name), which a trigger's query cannot have")
        }
        let labels = statistics.groupBy.map { Trigger.label(of: $0) }
        for (place, label) in labels.enumerated() where labels[..<place].contains(label) {
            throw TriggerError("query", "has two groups that are one label, \(label)")
        }
        return statistics
    }

    /// The one number that a question has: its formula, else the calculation that `having` does not
    /// speak of.
    private static func number(
        of statistics: Statistics
    ) throws(TriggerError) -> (name: String, calculation: Calculation?) {
        if let formula = statistics.formulas.first {
            guard statistics.formulas.count == 1 else {
                throw TriggerError("query", "has more than one formula")
            }
            return (formula.name, nil)
        }
        let spokenOf = Set(
            (statistics.having?.fields ?? []).compactMap { field -> String? in
                if case .named(let name) = field { name } else { nil }
            })
        let shown = statistics.calculations.filter { !$0.isHidden }
        let others = shown.filter { !spokenOf.contains($0.key) }
        let candidates = others.isEmpty ? shown : others
        guard let calculation = candidates.first, candidates.count == 1 else {
            throw TriggerError("query", "has more than one number")
        }
        switch calculation.aggregate {
        case .heatmap, .exponentialHistogram, .rateSum, .rateAvg, .rateMax, .latest:
            throw TriggerError("query", "has \(calculation.key), which is no number of a window")
        default: return (calculation.key, calculation)
        }
    }
}

/// Why a trigger cannot be as it was defined.
public struct TriggerError: Error, Sendable {
    /// The member of the definition that is wrong.
    public let member: String
    public let message: String

    init(_ member: String, _ message: String) {
        self.member = member
        self.message = message
    }
}

/// When a number is wrong, for how long it must be, and when it is right again.
public struct TriggerThreshold: Hashable, Sendable {
    public enum Comparison: String, Sendable, CaseIterable {
        case above = ">"
        case atLeast = ">="
        case below = "<"
        case atMost = "<="

        func holds(_ value: Double, _ bound: Double) -> Bool {
            switch self {
            case .above: value > bound
            case .atLeast: value >= bound
            case .below: value < bound
            case .atMost: value <= bound
            }
        }

        /// Whether greater numbers are worse.
        public var isUpwards: Bool { self == .above || self == .atLeast }
    }

    public let comparison: Comparison
    public let value: Double
    /// What the number must not be beyond any more for a firing alert to end; the value itself where
    /// one is as good as the other.
    public let recovery: Double
    /// In how many of the last windows the number must be wrong, and of how many.
    public let hits: Int
    public let windows: Int

    /// - Parameters:
    ///   - recovery: on the good side of `value`; nil for `value`.
    ///   - windows: at least `hits`; nil for `hits`, which are in a row then.
    /// - Throws: `TriggerError` when that is not so.
    public init(
        _ comparison: Comparison, _ value: Double, recovery: Double? = nil, hits: Int = 1,
        windows: Int? = nil
    ) throws(TriggerError) {
        let recovery = recovery ?? value
        guard comparison.isUpwards ? recovery <= value : recovery >= value else {
            throw TriggerError("threshold", "has a recovery that is worse than its value")
        }
        let windows = windows ?? hits
        guard 1 <= hits, hits <= windows, windows <= AlertingLimits.triggerWindows else {
            throw TriggerError(
                "threshold",
                "has an exceeded_limit that is not from 1 to windows, or more than "
                    + "\(AlertingLimits.triggerWindows) windows")
        }
        self.comparison = comparison
        self.value = value
        self.recovery = recovery
        self.hits = hits
        self.windows = windows
    }

    /// Whether more events can only make it worse.
    fileprivate func canOnlyGetWorse(of aggregate: Aggregate) -> Bool {
        switch aggregate {
        case .count, .distinct, .max: comparison.isUpwards
        case .min: !comparison.isUpwards
        default: false
        }
    }
}

extension Query {
    /// Whether an event counts or does not whatever other events there are.
    fileprivate var isSettledByEachEvent: Bool {
        var expressions: [Expression] = []
        for transform in transforms {
            switch transform {
            case .filter(let expression), .evaluate(_, let expression):
                expressions.append(expression)
            }
        }
        if case .statistics(let statistics) = shape {
            expressions += statistics.groupBy.map(\.expression)
            expressions += statistics.calculations.flatMap {
                [$0.argument, $0.filter].compactMap { $0 }
            }
        }
        return !expressions.contains { expression in
            expression.fields.contains { if case .related = $0 { true } else { false } }
        }
    }
}
