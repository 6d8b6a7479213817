internal import Metrics

/// That the budget goes too fast, both over a long window and still over a short one.
///
/// Source: Google, *The Site Reliability Workbook*, chapter 5, method 6.
public struct BurnRateAlert: Hashable, Sendable {
    public enum Severity: String, Sendable, CaseIterable {
        case page, ticket
    }

    /// How many times faster than allowed the budget goes.
    public let burnRate: Double
    /// Milliseconds.
    public let long: Int64
    /// Milliseconds after which the alert ends when all is well again.
    public let short: Int64
    public let severity: Severity

    public init(burnRate: Double, long: Int64, short: Int64, severity: Severity) {
        self.burnRate = burnRate
        self.long = long
        self.short = short
        self.severity = severity
    }

    /// At 2 % of the budget within an hour, 5 % within six, a page; at 10 % within three days, a
    /// ticket: of 30 days that is 14.4, 6 and 1 times faster than allowed, and never less than that.
    ///
    /// - Parameter period: milliseconds.
    public static func usual(over period: Int64) -> [BurnRateAlert] {
        let hour: Int64 = 3_600_000
        let all: [(share: Double, long: Int64, short: Int64, severity: Severity)] = [
            (0.02, hour, hour / 12, .page), (0.05, 6 * hour, hour / 2, .page),
            (0.1, 72 * hour, 6 * hour, .ticket),
        ]
        return all.filter { $0.long <= period }.map { entry in
            let rate = entry.share * Double(period) / Double(entry.long)
            return BurnRateAlert(
                // To a thousandth, so that it reads 14.4.
                burnRate: max(1, (rate * 1000).rounded() / 1000), long: entry.long,
                short: entry.short, severity: entry.severity)
        }
    }
}

/// The alert of an objective that a rule is.
public struct BurnRateRule: Sendable {
    let objective: ServiceLevelObjective
    let alert: BurnRateAlert
}

// MARK: - Rules

extension BurnRateAlert {
    /// How likely so many bad events may be with a lower burn rate than is sure: with few events a single
    /// one is a high burn rate.
    static let chanceMax = 1e-4

    /// The burn rate that must be sure for the alert to fire: that just as many events are bad as may be;
    /// of an alert that fires near to that, half of its own.
    var sureRate: Double { min(1, burnRate / 2) }

    /// Whether it is to fire.
    func holds(
        long: SLOCount, short: SLOCount, _ objective: ServiceLevelObjective
    ) -> Bool {
        guard burns(short, objective), burns(long, objective),
            long.total >= objective.minimumEvents
        else { return false }
        let chance = BinomialTail.probability(
            bad: long.bad, total: long.total, share: sureRate * objective.budget)
        return chance < BurnRateAlert.chanceMax
    }

    /// Whether the budget goes too fast, however few events that is told of.
    func burns(_ count: SLOCount, _ objective: ServiceLevelObjective) -> Bool {
        count.burnRate(budget: objective.budget).map { $0 > burnRate } ?? false
    }

    /// The same as an expression over the series of an objective.
    func expression(_ objective: ServiceLevelObjective) -> String {
        func series(_ figure: SLOSeries.Figure, _ window: Int64) -> String {
            let window = DurationText.text(milliseconds: window)
            return "\(figure.rawValue){slo=\"\(objective.id)\",window=\"\(window)\"}"
        }
        return series(.burnRate, long) + " > \(burnRate) and ignoring (window) "
            + series(.burnRate, short) + " > \(burnRate) and ignoring (window) "
            + series(.events, long) + " >= \(objective.minimumEvents) and ignoring (window) "
            + series(.burnRateFloor, long) + " > \(sureRate)"
    }
}
