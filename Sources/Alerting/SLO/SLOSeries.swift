public import Metrics
public import SeriesStore
internal import Synchronization

/// How objectives stand, as series: counted of their two metrics when they are asked for.
///
/// A sample stands at the end of each cell, as far as events are settled, and where there is nothing to
/// tell, because no event is in the window, the series has ended.
public final class SLOSeries: SeriesSource {
    /// A number that is told of each objective, by the name of its metric.
    enum Figure: String, CaseIterable {
        case objective = "slo_objective_ratio"
        case compliance = "slo_compliance_ratio"
        case budgetLeft = "slo_error_budget_remaining_ratio"
        case periodEvents = "slo_period_events"
        case events = "slo_events"
        case bad = "slo_bad_events"
        case burnRate = "slo_burn_rate"
        case burnRateFloor = "slo_burn_rate_floor"
        case spent = "slo_error_budget_spent_ratio"
        case exhaustion = "slo_error_budget_exhaustion_seconds"

        /// Whether it is told of each window.
        var isOfWindow: Bool {
            switch self {
            case .objective, .compliance, .budgetLeft, .periodEvents: false
            case .events, .bad, .burnRate, .burnRateFloor, .spent, .exhaustion: true
            }
        }

        /// Whether it needs what was counted over the whole period.
        var isOfPeriod: Bool {
            switch self {
            case .compliance, .budgetLeft, .periodEvents, .spent, .exhaustion: true
            case .objective, .events, .bad, .burnRate, .burnRateFloor: false
            }
        }
    }

    /// What is known of one metric that is told.
    public struct Description: Sendable {
        public let name: String
        public let help: String
    }

    /// The metrics that there are, for those who look for one.
    public static let descriptions: [Description] = Figure.allCases.map {
        Description(name: $0.rawValue, help: help[$0] ?? "")
    }

    private static let help: [Figure: String] = [
        .objective: "The share of events that must be good.",
        .compliance: "The share of events that was good over the SLO's period.",
        .budgetLeft: "What is left of the error budget, 1 of all of it.",
        .periodEvents: "Events that count for the SLO over its period.",
        .events: "Events in the window.",
        .bad: "Bad events in the window.",
        .burnRate: "How many times faster than allowed the error budget goes in the window.",
        .burnRateFloor:
            "What the burn rate in the window is at least, however few events there are.",
        .spent: "The share of the period's error budget that went in the window.",
        .exhaustion: "Seconds until no error budget is left if it goes on as in the window.",
    ]

    private struct Key: Hashable {
        let objective: String
        let from: Int64
        let to: Int64
    }

    private let objectives: [ServiceLevelObjective]
    /// By their ids.
    private let places: [String: Int]
    private let source: any SeriesSource
    private let now: Int64
    private let servesRules: Bool
    /// What was counted for one figure serves the others.
    private let counted = Mutex<[Key: SLOCounts]>([:])

    /// - Parameters:
    ///   - source: has the metrics of the objectives.
    ///   - now: milliseconds since 1970.
    ///   - servesRules: whether the alerts of objectives ask, one after the other: then the events of all
    ///     their windows are counted with the first, which makes two questions of six.
    public init(
        _ objectives: [ServiceLevelObjective], over source: any SeriesSource, now: Int64,
        servesRules: Bool = false
    ) {
        self.servesRules = servesRules
        self.objectives = objectives
        places = Dictionary(
            objectives.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.source = source
        self.now = now
    }

    // MARK: - Samples

    /// A series that is asked for.
    private struct Wanted {
        let figure: Figure
        let window: Int64?
        let labels: Labels
    }

    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        let to = min(to, now - DerivedSeries.settling)
        guard from <= to else { return [] }
        let step = SLOCounts.width(of: to - from)
        let begin = (from + step - 1) / step * step
        var found: [SeriesData] = []
        var samples: Int64 = 0
        for objective in candidates(matchers) {
            let wanted = wanted(of: objective, matchers)
            if wanted.isEmpty { continue }
            samples += Int64(wanted.count) * ((to - from) / step + 1)
            guard samples <= AlertingLimits.objectiveSamples else {
                throw PromQLError(
                    .execution,
                    "SLOs have more than \(AlertingLimits.objectiveSamples) samples in this range; "
                        + "take a shorter one, or more matchers")
            }
            let period =
                try wanted.contains { $0.figure.isOfPeriod }
                ? counts(objective, from: objective.period.range(at: from).lowerBound, to: to) : nil
            var windows = Set(wanted.compactMap(\.window))
            if servesRules && !windows.isEmpty { windows.formUnion(objective.alertWindows) }
            let byWindow = try counts(objective, windows, from: from, to: to)
            for one in wanted {
                let line = Line(
                    objective: objective, figure: one.figure, window: one.window, period: period,
                    counts: one.window.flatMap { byWindow[$0] })
                let samples = SLOSeries.samples(from: begin, to: to, step: step, line.value)
                if !samples.isEmpty {
                    found.append(SeriesData(labels: one.labels, samples: samples))
                }
            }
        }
        return found.sorted { $0.labels < $1.labels }
    }

    public func spacing(from: Int64, to: Int64) -> Int64 {
        let (range, overflows) = min(to, now).subtractingReportingOverflow(from)
        return SLOCounts.width(of: overflows ? .max : range)
    }

    /// The objectives that matchers may be about.
    private func candidates(_ matchers: [LabelMatcher]) -> [ServiceLevelObjective] {
        // Fast path: an alert asks for one of them, which may be one of a thousand.
        let named = matchers.first {
            $0.name == "slo" && $0.operation == .equal && !$0.value.isEmpty
        }
        guard let named else { return objectives }
        return places[named.value].map { [objectives[$0]] } ?? []
    }

    private func wanted(
        of objective: ServiceLevelObjective, _ matchers: [LabelMatcher]
    ) -> [Wanted] {
        // Fast path: an alert asks for one metric of one SLO. To make the labels of all series of all
        // SLOs for each of 300 alerts of a hundred took fifteen times as long as the rest of a round.
        func mayMatch(_ name: String, _ value: String) -> Bool {
            matchers.allSatisfy { $0.name != name || $0.matches(value) }
        }
        guard mayMatch("slo", objective.id) else { return [] }
        return Figure.allCases.flatMap { figure in
            guard mayMatch(Labels.metricName, figure.rawValue) else { return [Wanted]() }
            let windows = figure.isOfWindow ? objective.windows.map { Optional($0) } : [nil]
            return windows.compactMap { window -> Wanted? in
                let text = window.map { DurationText.text(milliseconds: $0) } ?? ""
                let labels = Labels([
                    Label(Labels.metricName, figure.rawValue), Label("slo", objective.id),
                    Label("window", text),
                ])
                guard matchers.allSatisfy({ $0.matches(labels) }) else { return nil }
                return Wanted(figure: figure, window: window, labels: labels)
            }
        }
    }

    /// What windows need, each as fine as it can be counted.
    private func counts(
        _ objective: ServiceLevelObjective, _ windows: Set<Int64>, from: Int64, to: Int64
    ) throws -> [Int64: SLOCounts] {
        var found: [Int64: SLOCounts] = [:]
        let groups = Dictionary(grouping: windows) { SLOCounts.width(of: $0 + to - from) }
        for (width, group) in groups {
            let longest = group.max() ?? 0
            let counts = try counts(objective, from: from - longest, to: to)
            // A window of less than some cells would be told of wrongly.
            for window in group where window >= 5 * width { found[window] = counts }
        }
        return found
    }

    private func counts(
        _ objective: ServiceLevelObjective, from: Int64, to: Int64
    ) throws -> SLOCounts {
        let key = Key(objective: objective.id, from: from, to: to)
        if let known = counted.withLock({ $0[key] }) { return known }
        let counts = try SLOCounts(objective, source, from: from, to: to)
        counted.withLock { counted in
            if counted.count >= AlertingLimits.objectivesCounted { counted = [:] }
            counted[key] = counts
        }
        return counts
    }

    private static func samples(
        from begin: Int64, to end: Int64, step: Int64, _ value: (Int64) -> Double?
    ) -> Samples {
        var samples = Samples()
        var isAlive = false
        for time in stride(from: begin, through: end, by: Int64.Stride(step)) {
            if let value = value(time) {
                samples.append(time, value)
                isAlive = true
            } else if isAlive {
                samples.append(time, StaleMarker.value)
                isAlive = false
            }
        }
        return samples
    }

    /// The present values of all, by metrics, for a scraper.
    public func gauges() throws -> [MetricsExposition.Gauge] {
        let cell = SLOCounts.width(of: 0)
        let time = (now - DerivedSeries.settling) / cell * cell
        let all = try select([], from: time, to: time)
        return SLOSeries.descriptions.map { description in
            let own = all.filter { $0.labels.metricName == description.name }
            return MetricsExposition.Gauge(
                name: description.name, help: description.help,
                values: own.compactMap { series in
                    series.samples.values.last.map { (series.labels, $0) }
                })
        }
    }

    // MARK: - Labels

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        try select(matchers, from: from, to: to).map(\.labels)
    }

    public func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        let all = candidates(matchers).flatMap { wanted(of: $0, matchers) }
        return Set(all.flatMap { $0.labels.map(\.name) })
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        let all = candidates(matchers).flatMap { wanted(of: $0, matchers) }
        return Set(all.map { $0.labels[name] }).subtracting([""])
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// One number of one objective, at any time.
private struct Line {
    let objective: ServiceLevelObjective
    let figure: SLOSeries.Figure
    let window: Int64?
    let period: SLOCounts?
    let counts: SLOCounts?

    /// Nil where nothing is known.
    func value(at time: Int64) -> Double? {
        let budget = objective.budget
        switch figure {
        case .objective: return objective.target
        case .compliance: return whole(at: time)?.compliance
        case .budgetLeft: return whole(at: time)?.budgetLeft(budget: budget)
        case .periodEvents: return whole(at: time).flatMap { $0.total > 0 ? $0.total : nil }
        case .events: return recent(at: time)?.total
        case .bad: return recent(at: time)?.bad
        case .burnRate: return recent(at: time)?.burnRate(budget: budget)
        case .burnRateFloor:
            return recent(at: time).flatMap {
                $0.total > 0 ? $0.burnRateFloor(budget: budget) : nil
            }
        case .spent:
            guard let whole = whole(at: time), whole.total > 0, let recent = recent(at: time) else {
                return nil
            }
            return recent.bad / (whole.total * budget)
        case .exhaustion:
            guard let left = whole(at: time)?.budgetLeft(budget: budget),
                let rate = recent(at: time)?.burnRate(budget: budget), rate > 0
            else { return nil }
            return max(0, left) * Double(objective.period.length) / 1000 / rate
        }
    }

    private func whole(at time: Int64) -> SLOCount? {
        period?.count(from: objective.period.range(at: time).lowerBound, to: time)
    }

    private func recent(at time: Int64) -> SLOCount? {
        guard let window, let counts, counts.isObserved(at: time) else { return nil }
        return counts.count(from: time - window, to: time)
    }
}
