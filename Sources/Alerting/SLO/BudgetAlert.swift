internal import Metrics

/// That an objective's budget is about to be gone, or goes too fast, as Honeycomb's burn alerts say it.
public struct BudgetAlert: Hashable, Sendable {
    public enum Condition: Hashable, Sendable {
        /// Nothing is left within so many milliseconds if it goes on as it did lately; 0 for when
        /// nothing is left.
        case exhaustion(within: Int64)
        /// At least this share of the budget, above 0 and at most 1, went in so many milliseconds.
        case spent(share: Double, within: Int64)
    }

    /// Differs from those of all others of the environment; the value of the label `burn_alert`.
    public let id: String
    public let condition: Condition
    /// For people.
    public let summary: String
    /// Of its label `severity`; nil for none.
    public let severity: String?
    /// Names of the receivers that are told.
    public let receivers: [String]

    public init(
        id: String, _ condition: Condition, summary: String, severity: String? = nil,
        receivers: [String]
    ) {
        self.id = id
        self.condition = condition
        self.summary = summary
        self.severity = severity
        self.receivers = receivers
    }

    /// The label by whose value it is known.
    public static let label = "burn_alert"

    /// The alert's name.
    var name: String {
        switch condition {
        case .exhaustion: "ErrorBudgetExhaustion"
        case .spent: "ErrorBudgetSpent"
        }
    }

    /// Milliseconds of the window that it looks at, whole minutes.
    ///
    /// How fast the budget goes is told by a quarter of the time that it is put forward by, and by five
    /// minutes at least.
    ///
    /// - Parameter period: of the objective, milliseconds.
    func window(in period: Int64) -> Int64 {
        switch condition {
        case .exhaustion(let time): min(max(300_000, (time / 4 + 59_999) / 60_000 * 60_000), period)
        case .spent(_, let time): min(time, period)
        }
    }

    /// The same as an expression over the series of an objective.
    func expression(_ objective: ServiceLevelObjective) -> String {
        let text = DurationText.text(milliseconds: window(in: objective.period.length))
        func series(_ figure: SLOSeries.Figure) -> String {
            let window = figure.isOfWindow ? ",window=\"\(text)\"" : ""
            return "\(figure.rawValue){slo=\"\(objective.id)\"\(window)}"
        }
        func enough(_ figure: SLOSeries.Figure) -> String {
            objective.minimumEvents <= 1
                ? "" : " and on (slo) \(series(figure)) >= \(objective.minimumEvents)"
        }
        switch condition {
        case .exhaustion(let time):
            // A budget that is gone is gone, also when it does not go on. That is said of the period, so
            // that has to have the events that are needed to say it.
            return "sum by (slo) (\(series(.exhaustion)) <= \(time / 1000)\(enough(.events)))"
                + " or 0 * sum by (slo) (\(series(.budgetLeft)) <= 0\(enough(.periodEvents)))"
        case .spent(let share, _):
            return "sum by (slo) (\(series(.spent)) >= \(share)\(enough(.events)))"
        }
    }

    /// What an alert says of itself: a template.
    ///
    /// - Parameter window: as text.
    func text(window: String) -> String {
        switch condition {
        case .exhaustion(0): " has no error budget left"
        case .exhaustion:
            " has no error budget left in {{ $value | humanizeDuration }} if it goes on like this"
        case .spent:
            " spent {{ $value | humanizePercentage }} of its error budget in \(window)"
        }
    }
}
