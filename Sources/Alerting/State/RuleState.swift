internal import Metrics
public import SeriesStore

/// A rule with what its evaluations have come to.
public struct RuleState: Sendable {
    public let rule: Rule
    /// Alerts that are pending, firing, or were firing not long ago, by their labels.
    public internal(set) var alerts: [Labels: Alert] = [:]
    /// Why the last evaluation failed; nil when it did not.
    public internal(set) var failure: String?
    /// Milliseconds since 1970 of the last evaluation; nil before the first.
    public internal(set) var evaluatedAt: Int64?
    /// What the last evaluation took.
    public internal(set) var evaluationNanoseconds: Int64 = 0
    /// Evaluations of it, and those that failed.
    public private(set) var evaluations = 0
    public private(set) var failures = 0
    /// Series of the last evaluation that did not fail; those that are gone get an end.
    var written: Set<Labels> = []

    /// Why the rule is not evaluated at all; nil when it is.
    var obstacle: String?
    /// Why the last evaluation could say nothing, of some groups at least; nil when it could.
    public internal(set) var unobserved: String?
    /// What was found where all was settled.
    var verdicts = PastVerdicts()
    /// What a trigger's numbers are compared with, as long as it holds.
    var history: TriggerHistory?

    init(_ rule: Rule) { self.rule = rule }

    /// Takes over what an earlier version of the rule has come to.
    mutating func takeOver(_ earlier: RuleState) {
        alerts = earlier.alerts
        failure = earlier.failure
        evaluatedAt = earlier.evaluatedAt
        evaluations = earlier.evaluations
        failures = earlier.failures
        written = earlier.written
    }

    /// Milliseconds for which alerts that are over are kept, so that whoever missed the news gets them.
    static let resolvedKept: Int64 = 15 * 60_000

    /// Evaluates the rule and keeps what it gives.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970.
    ///   - offset: milliseconds by which its query looks back; samples stand at that time.
    ///   - limit: series above which it fails; 0 for none.
    mutating func evaluate(
        at time: Int64, offset: Int64, limit: Int, _ context: RuleContext
    ) {
        evaluatedAt = time
        evaluations += 1
        let begin = context.nanoseconds()
        defer { evaluationNanoseconds = context.nanoseconds() - begin }
        if let obstacle {
            failure = obstacle
            failures += 1
            return
        }
        do {
            let samples = try samples(at: time, offset: offset, limit: limit, context)
            let labels = Set(samples.map(\.labels))
            let ended = written.subtracting(labels).sorted().map {
                LabeledSample($0, time - offset, .float(StaleMarker.value))
            }
            try context.write(samples + ended)
            written = labels
            failure = nil
        } catch {
            failure = "\(error)"
            failures += 1
            verdicts.note(nil, at: time)
        }
    }

    private mutating func samples(
        at time: Int64, offset: Int64, limit: Int, _ context: RuleContext
    ) throws -> [LabeledSample] {
        switch rule.subject {
        case .events(let trigger):
            return try judge(trigger, at: time, offset: offset, context)
        case .series(let expression):
            let series = try context.series(of: rule, expression, at: time - offset)
            if rule.kind == .recording {
                return try record(series, at: time - offset, limit: limit)
            }
            verdicts.note(Set(series.map(\.0)), at: time)
            unobserved = try blindness(series, at: time - offset, context)
            let fresh = try freshSeries(expression, at: time, context)
            return try watch(series, fresh, at: time, offset: offset, limit: limit, context)
        }
    }

    /// Why nothing is known of what fires and is not found; nil when something is, or nothing fires.
    private func blindness(
        _ series: [(Labels, SampleValue)], at time: Int64, _ context: RuleContext
    ) throws -> String? {
        guard let sight = rule.sight, series.isEmpty,
            alerts.values.contains(where: { $0.state == .firing }),
            try context.series(sight, at: time).isEmpty
        else { return nil }
        return "no event has counted lately, so the rule is unobserved"
    }

    /// The series that a condition that late events can only meet the more finds up to the present, and
    /// when that is; nil for any other condition.
    private func freshSeries(
        _ expression: PromQLQuery, at time: Int64, _ context: RuleContext
    ) throws -> FreshSeries? {
        guard let fresh = context.fresh, expression.canOnlyBeMetMore else { return nil }
        // Where cells end nothing is extrapolated beyond them.
        let end = time / RuleContext.freshCell * RuleContext.freshCell
        return FreshSeries(
            series: try RuleContext.series(try fresh(expression, end)), time: end)
    }

    /// What is found among events that may not be settled.
    private struct FreshSeries {
        let series: [(Labels, SampleValue)]
        /// Milliseconds since 1970.
        let time: Int64

        /// These and those that are found where all is settled, each with the worse value; of these the time.
        func joined(
            with settled: [(Labels, SampleValue)]
        ) -> [(labels: Labels, value: SampleValue, metAt: Int64?)] {
            let fresh = Dictionary(series.map { ($0.0, $0.1.plain) }, uniquingKeysWith: max)
            let names = Set(settled.map(\.0))
            let joined = settled.map { labels, value in
                guard let now = fresh[labels] else { return (labels, value, Int64?.none) }
                return (labels, now > value.plain ? .float(now) : value, time)
            }
            return joined + series.filter { !names.contains($0.0) }.map { ($0.0, $0.1, time) }
        }
    }

    // MARK: - Recording

    private func record(
        _ series: [(Labels, SampleValue)], at time: Int64, limit: Int
    ) throws -> [LabeledSample] {
        let own = rule.labels.map { Label($0.name, $0.template.text) }
        var seen: Set<Labels> = []
        let samples = try series.map { labels, value in
            let labels = Labels(Array(labels) + own + [Label(Labels.metricName, rule.name)])
            guard seen.insert(labels).inserted else {
                throw RuleFailure(
                    "vector contains metrics with the same labelset after applying rule labels")
            }
            return LabeledSample(labels, time, value)
        }
        guard limit == 0 || samples.count <= limit else {
            throw RuleFailure("exceeded limit of \(limit) with \(samples.count) series")
        }
        return samples
    }

    // MARK: - Alerting

    private mutating func watch(
        _ settled: [(Labels, SampleValue)], _ unsettled: FreshSeries?, at time: Int64,
        offset: Int64, limit: Int, _ context: RuleContext
    ) throws -> [LabeledSample] {
        var found: Set<Labels> = []
        let series = unsettled?.joined(with: settled) ?? settled.map { ($0.0, $0.1, nil) }
        for (labels, value, metAt) in series {
            let fresh = alert(labels, value.plain, at: time, context)
            guard found.insert(fresh.labels).inserted else {
                throw RuleFailure(
                    "vector contains metrics with the same labelset after applying alert labels")
            }
            if let known = alerts[fresh.labels], known.state != .inactive {
                alerts[fresh.labels]?.value = fresh.value
                alerts[fresh.labels]?.annotations = fresh.annotations
            } else {
                alerts[fresh.labels] = fresh
            }
            if let metAt { alerts[fresh.labels]?.metAt = metAt }
        }
        var samples: [LabeledSample] = []
        var active = 0
        for labels in alerts.keys.sorted() {
            guard var alert = alerts[labels] else { continue }
            let isActive = found.contains(labels) || miss(&alert, at: time, settled: time - offset)
            if found.contains(labels) { (alert.missingSince, alert.unobservedSince) = (nil, nil) }
            guard isActive else { continue }
            active += 1
            if alert.state == .pending && time - alert.activeAt >= rule.hold {
                alert.state = .firing
                alert.firedAt = time
            }
            alerts[labels] = alert
            samples += RuleState.samples(of: alert, at: time - offset)
        }
        guard limit == 0 || active <= limit else {
            alerts = [:]
            throw RuleFailure("exceeded limit of \(limit) with \(active) alerts")
        }
        return samples
    }

    /// The alert that a series is, as it is when it is found first.
    func alert(
        _ labels: Labels, _ value: Double, at time: Int64, _ context: RuleContext
    ) -> Alert {
        let data = context.templateData(labels, value, at: time)
        let own = rule.labels.map { Label($0.name, $0.template.expanded(data)) }
        let annotations = rule.annotations.map { Label($0.name, $0.template.expanded(data)) }
        let all = Array(labels.withoutName) + own + [Label(Alert.nameLabel, rule.name)]
        return Alert(
            labels: Labels(all), annotations: Labels(annotations), value: value, state: .pending,
            activeAt: time, receivers: rule.receivers)
    }

    /// Takes note that an alert's series was not found.
    ///
    /// - Parameter settled: milliseconds since 1970 up to which all is settled.
    /// - Returns: whether it goes on all the same.
    private mutating func miss(
        _ alert: inout Alert, at time: Int64, settled: Int64
    ) -> Bool {
        if alert.isAhead(of: settled) { return true }
        if unobserved == nil { alert.unobservedSince = nil }
        if unobserved != nil, alert.state == .firing, alert.loseSight(at: time) { return true }
        if alert.state == .firing && rule.keepFiring > 0 {
            let since = alert.missingSince ?? time
            alert.missingSince = since
            if time - since < rule.keepFiring { return true }
        }
        let isOld = alert.resolvedAt.map { time - $0 > RuleState.resolvedKept } ?? false
        if alert.state == .pending || isOld {
            alerts[alert.labels] = nil
        } else if alert.state == .firing {
            alert.state = .inactive
            alert.resolvedAt = time
            alerts[alert.labels] = alert
        }
        return false
    }

    /// `ALERTS` and `ALERTS_FOR_STATE`.
    static func samples(of alert: Alert, at time: Int64) -> [LabeledSample] {
        let state = alert.labels.setting(Labels.metricName, to: "ALERTS")
            .setting("alertstate", to: alert.state.rawValue)
        let since = alert.labels.setting(Labels.metricName, to: "ALERTS_FOR_STATE")
        let seconds = (Double(alert.activeAt) / 1000).rounded(.down)
        return [
            LabeledSample(state, time, .float(1)), LabeledSample(since, time, .float(seconds)),
        ]
    }
}

extension Alert {
    /// The label that holds the name of an alert's rule.
    public static let nameLabel = "alertname"
}

extension Labels {
    fileprivate var withoutName: Labels { removing([Labels.metricName]) }
}
