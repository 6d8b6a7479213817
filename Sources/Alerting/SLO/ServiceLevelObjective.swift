public import Metrics

/// What share of some events must be good over a time, and who is told when too few are.
public struct ServiceLevelObjective: Hashable, Sendable {
    /// Differs from those of all others of the environment; a label's value.
    public let id: String
    /// For people.
    public var title: String
    public var summary: String
    /// The share of events that must be good: from 0 to below 1.
    public let target: Double
    public let period: SLOPeriod
    /// The events that count.
    public let total: MetricDefinition
    /// Those of them that are not good.
    public let bad: MetricDefinition
    /// Fewer events than these in the long window of an alert tell nothing.
    public var minimumEvents: Double
    /// Who is asked, and what is to be done; empty where nobody said.
    public var owner: String
    public var runbook: String
    public var alerts: [BurnRateAlert]
    /// Those that were made beside its own.
    public var budgetAlerts: [BudgetAlert] = []

    /// - Parameters:
    ///   - total: a counter without labels, as `bad`.
    ///   - alerts: nil for those that every objective has.
    public init(
        id: String, title: String = "", summary: String = "", target: Double, period: SLOPeriod,
        total: MetricDefinition, bad: MetricDefinition, minimumEvents: Double = 1,
        owner: String = "", runbook: String = "", alerts: [BurnRateAlert]? = nil
    ) {
        self.id = id
        self.title = title
        self.summary = summary
        self.target = target
        self.period = period
        self.total = total
        self.bad = bad
        self.minimumEvents = minimumEvents
        self.owner = owner
        self.runbook = runbook
        self.alerts = alerts ?? BurnRateAlert.usual(over: period.length)
    }

    /// The share of events that may be bad.
    public var budget: Double { 1 - target }

    /// What the names of its metrics begin with.
    public static let metricPrefix = "slo:"

    /// The names of its two metrics.
    public static func metricNames(of id: String) -> (total: String, bad: String) {
        let stem = metricPrefix + MetricDefinition.labelName(ofField: id)
        return (stem + ":events_total", stem + ":bad_events_total")
    }

    /// Milliseconds of the windows that its alerts look at.
    var alertWindows: [Int64] {
        alerts.flatMap { [$0.long, $0.short] }
            + budgetAlerts.map { $0.window(in: period.length) }
    }

    /// Milliseconds of the windows over which its burn rate is told, ascending.
    public var windows: [Int64] {
        let usual: [Int64] = [300_000, 1_800_000, 3_600_000, 14_400_000, 21_600_000, 86_400_000]
        return Set(usual + [3 * SLOPeriod.day] + alertWindows).filter { $0 <= period.length }
            .sorted()
    }
}

/// How many events were good and bad in some stretch of time.
public struct SLOCount: Equatable, Sendable {
    public var total: Double
    public var bad: Double

    public init(total: Double, bad: Double) {
        self.total = total
        self.bad = bad
    }

    public var good: Double { total - bad }

    /// The share that was good; nil when there was nothing.
    public var compliance: Double? { total > 0 ? good / total : nil }

    /// How many times faster than allowed the budget goes; nil when there was nothing.
    public func burnRate(budget: Double) -> Double? { total > 0 ? bad / total / budget : nil }

    /// What the burn rate is at least: with a lower one so many bad events are less likely than
    /// `BurnRateAlert.chanceMax`.
    func burnRateFloor(budget: Double) -> Double {
        let chance = BurnRateAlert.chanceMax
        return BinomialTail.lowestShare(bad: bad, total: total, chance: chance) / budget
    }

    /// What is left of the budget, 1 of all of it, below 0 when more than that is gone; nil when
    /// there was nothing.
    public func budgetLeft(budget: Double) -> Double? {
        burnRate(budget: budget).map { 1 - $0 }
    }
}
