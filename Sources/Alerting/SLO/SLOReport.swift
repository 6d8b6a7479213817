public import SeriesStore

/// How an objective stands: what was good over its period, what is left of the budget, how fast it goes.
public struct SLOReport: Sendable {
    /// A burn rate over a window that ends now.
    public struct Window: Sendable {
        /// Milliseconds.
        public let length: Int64
        public let count: SLOCount
    }

    /// A day of the period, in UTC.
    public struct Day: Sendable {
        /// Milliseconds since 1970.
        public let begin: Int64
        /// Nil before the first event that is known: what is not observed is neither good nor bad.
        public let count: SLOCount?
        /// What was left of the period's budget at its end; nil where it is not known.
        public let budgetLeft: Double?
    }

    /// What counts of the period: up to now, or of a calendar's up to its end; milliseconds since 1970.
    public let period: Range<Int64>
    /// The time up to which events count.
    public let end: Int64
    /// When the first event that is known happened; nil where that was before the period, or none is.
    public let beginning: Int64?
    /// Over the period, as far as it is observed.
    public let count: SLOCount
    public let windows: [Window]
    public let days: [Day]
    private let budget: Double

    /// - Parameters:
    ///   - time: up to which events are settled, milliseconds since 1970.
    ///   - windows: milliseconds of windows to be told of.
    public init(
        _ objective: ServiceLevelObjective, at time: Int64, windows: [Int64],
        _ source: any SeriesSource
    ) throws {
        budget = objective.budget
        let width = SLOCounts.width(of: objective.period.length)
        end = time / width * width
        period = objective.period.range(at: end)
        let counts = try SLOCounts(
            objective, source, from: period.lowerBound, to: min(end, period.upperBound))
        count = counts.count(from: period.lowerBound, to: end)
        beginning = counts.beginning
        self.windows = try SLOReport.windows(objective, windows, at: time, source)
        days = SLOReport.days(counts, count, period, end, budget)
    }

    /// Each as fine as it can be counted.
    private static func windows(
        _ objective: ServiceLevelObjective, _ lengths: [Int64], at time: Int64,
        _ source: any SeriesSource
    ) throws -> [Window] {
        var counts: [Int64: SLOCounts] = [:]
        for (width, group) in Dictionary(grouping: lengths, by: SLOCounts.width) {
            let end = time / width * width
            counts[width] = try SLOCounts(
                objective, source, from: end - (group.max() ?? 0), to: end)
        }
        return lengths.map { length in
            let width = SLOCounts.width(of: length)
            let end = time / width * width
            let count = counts[width]?.count(from: end - length, to: end)
            return Window(length: length, count: count ?? SLOCount(total: 0, bad: 0))
        }
    }

    private static func days(
        _ counts: SLOCounts, _ whole: SLOCount, _ period: Range<Int64>, _ end: Int64,
        _ budget: Double
    ) -> [Day] {
        let begin = period.lowerBound - (period.lowerBound % SLOPeriod.day)
        let allowed = whole.total * budget
        return stride(from: begin, to: end, by: Int64.Stride(SLOPeriod.day)).map { day in
            let last = min(day + SLOPeriod.day, end)
            if whole.total == 0 || counts.beginning.map({ last <= $0 }) ?? false {
                return Day(begin: day, count: nil, budgetLeft: nil)
            }
            let spent = counts.count(from: period.lowerBound, to: last).bad
            return Day(
                begin: day, count: counts.count(from: max(day, period.lowerBound), to: last),
                budgetLeft: allowed > 0 ? 1 - spent / allowed : nil)
        }
    }

    /// What is left of the budget, 1 of all of it; nil when there was no event.
    public var budgetLeft: Double? { count.budgetLeft(budget: budget) }

    /// How many times faster than allowed the budget goes in a window; nil when there was no event.
    public func burnRate(_ window: Window) -> Double? { window.count.burnRate(budget: budget) }

    /// Milliseconds until nothing is left if the budget goes on as in a window; nil when it does not.
    public func exhaustion(_ window: Window) -> Double? {
        guard let left = budgetLeft, let rate = burnRate(window), rate > 0 else { return nil }
        return max(0, left) * Double(period.upperBound - period.lowerBound) / rate
    }
}
