internal import SeriesStore

/// The rules of one environment with what their evaluations have come to.
///
/// It knows no clock and no disk: whoever owns it says what time it is, how far events are known, and
/// keeps its `encoded` bytes.
public struct RuleBook: Sendable {
    public internal(set) var groups: [GroupState] = []
    /// Milliseconds between evaluations of groups that say nothing of it.
    public let interval: Int64
    /// Alerts of rules that are no longer there, until whoever is told of alerts knew their end.
    public internal(set) var orphans: [Alert] = []
    /// What is known of groups that are not read yet, from before a restart.
    private var remembered: [String: RememberedGroup] = [:]

    /// Milliseconds without any event after which nothing is observed.
    public let standstillAfter: Int64
    /// Milliseconds since 1970 when an event arrived last, or the book was opened.
    public private(set) var arrivedAt: Int64
    /// The alert that nothing arrives; nil when there is none and was none lately.
    public private(set) var standstill: Alert?
    /// Milliseconds since 1970 when the book was opened.
    private let openedAt: Int64
    /// Stretches since in which nothing was observed, ascending; those that all groups are past are gone.
    private var silences: [Range<Int64>] = []
    /// Rounds, that is times at which any group was due and something was observed.
    public private(set) var rounds = RoundFigures()

    /// Who acts when nothing arrives.
    private let standstillTier: AlertTier

    /// - Parameter time: milliseconds since 1970; events may be on their way.
    public init(
        interval: Int64, standstill: Int64, at time: Int64, standstillTier: AlertTier = .page
    ) {
        self.interval = interval
        standstillAfter = standstill
        self.standstillTier = standstillTier
        arrivedAt = time
        openedAt = time
    }

    static let standstillName = "IngestStandstill"

    /// Takes note that an event arrived; all that arrived before it are noted already.
    public mutating func arrived(at time: Int64) {
        if !isObserved(at: time) {
            // What was pending before a restart is frozen up to when the book was opened anyhow.
            silences.append(min(time, max(arrivedAt + standstillAfter, openedAt))..<time)
            if silences.count > AlertingLimits.silences { silences.removeFirst() }
        }
        arrivedAt = max(arrivedAt, time)
    }

    /// Takes note that events arrived up to a time, of which it is not known when.
    public mutating func arrivedThroughout(to time: Int64) { arrivedAt = max(arrivedAt, time) }

    /// Whether events are known up to a time.
    ///
    /// When none arrive there may be none, or whoever sends them may be broken: what is not observed
    /// is neither good nor bad.
    public func isObserved(at time: Int64) -> Bool { time - arrivedAt <= standstillAfter }

    /// Takes files of rules in the place of those before; rules that stay keep their alerts.
    ///
    /// - Parameter time: milliseconds since 1970.
    public mutating func replace(_ files: [RuleFile], at time: Int64) {
        let before =
            groups.flatMap(\.rules).flatMap(\.alerts.values) + orphans
            + remembered.values.flatMap { $0.alerts.map(\.alert) }
        var states: [String: GroupState] = [:]
        for state in groups { states[RuleBook.key(state.group)] = state }
        let all = files.flatMap(\.groups)
        let obstacles = RuleCycles.failures(all)
        groups = all.enumerated().map { place, group in
            var state = GroupState(group)
            let key = RuleBook.key(group)
            if let earlier = states.removeValue(forKey: key) { state.takeOver(earlier) }
            if let known = remembered.removeValue(forKey: key) {
                state.takeOver(known, at: openedAt)
                state.downUntil = openedAt
            }
            for rule in state.rules.indices {
                state.rules[rule].obstacle = obstacles[[place, rule]]
            }
            return state
        }
        remembered = [:]
        let kept = Set(groups.flatMap(\.rules).flatMap(\.alerts.keys))
        orphans = []
        for alert in before where !kept.contains(alert.labels) { end(alert, at: time) }
    }

    static func key(_ group: RuleGroup) -> String { "\(group.file)\u{0}\(group.name)" }

    private mutating func end(_ alert: Alert, at time: Int64) {
        guard alert.state != .pending else { return }
        var alert = alert
        if alert.state == .firing {
            alert.state = .inactive
            alert.resolvedAt = time
        }
        orphans.append(alert)
    }

    /// All alerts, with those of rules that are no longer there.
    public var alerts: [Alert] {
        groups.flatMap(\.rules).flatMap(\.alerts.values) + orphans
            + (standstill.map { [$0] } ?? [])
    }

    // MARK: - Evaluation

    /// Milliseconds between evaluations of a group.
    public func interval(of group: RuleGroup) -> Int64 { group.interval ?? interval }

    /// The last time up to now at which a group of an interval is evaluated.
    static func tick(_ now: Int64, _ interval: Int64) -> Int64 {
        now - (now % interval + interval) % interval
    }

    /// Whether any group has an evaluation before it, or a standstill begins or ends.
    public func isDue(at now: Int64) -> Bool {
        if !groups.isEmpty, isObserved(at: now) == (standstill?.state == .firing) { return true }
        return groups.contains {
            RuleBook.tick(now, interval(of: $0.group)) > $0.lookedAt ?? .min
        }
    }

    /// Evaluates the groups that are due.
    ///
    /// While nothing is observed none is, and everything stays as it is but the alert that says so.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: whether anything changed that a restart must not forget.
    public mutating func evaluate(at now: Int64, _ context: RuleContext) -> Bool {
        let begin = context.began ?? context.nanoseconds()
        var changed = watchStandstill(at: now, context)
        let isObserved = isObserved(at: now)
        var late = false
        var evaluated = 0
        for place in groups.indices {
            let due = RuleBook.tick(now, interval(of: groups[place].group))
            guard due > groups[place].lookedAt ?? .min else { continue }
            groups[place].lookedAt = due
            guard isObserved else { continue }
            evaluated += 1
            let missed = groups[place].missed
            changed = evaluate(place, at: due, context) || changed
            late = late || groups[place].missed > missed
        }
        if evaluated > 0 {
            rounds.note(nanoseconds: context.nanoseconds() - begin, isLate: late)
        }
        let oldest = groups.compactMap(\.evaluatedAt).min() ?? now
        silences.removeAll { $0.upperBound <= oldest }
        let left = orphans.filter { now - ($0.resolvedAt ?? now) <= RuleState.resolvedKept }
        changed = changed || left.count != orphans.count
        orphans = left
        return changed
    }

    private mutating func evaluate(
        _ place: Int, at due: Int64, _ context: RuleContext
    ) -> Bool {
        let interval = interval(of: groups[place].group)
        if let last = groups[place].evaluatedAt, last < due {
            let skipped = max(0, (due - last) / interval - 1)
            let unobserved = min(skipped, silentTicks(between: last, and: due, interval, place))
            groups[place].unobserved += Int(clamping: unobserved)
            // A round that took too long is no gap: events were known all the while, and a condition that
            // is met still was met in between as far as expressions look back.
            groups[place].missed += Int(clamping: skipped - unobserved)
            if unobserved > 0 { groups[place].freeze(unobserved * interval) }
        }
        groups[place].downUntil = nil
        let before = groups[place].marks
        let wasCounting = groups[place].isCounting
        groups[place].evaluate(at: due, context)
        return wasCounting || before != groups[place].marks
    }

    /// Evaluations of a group that would have been between two others, while nothing was observed or the
    /// server was down.
    private func silentTicks(
        between last: Int64, and due: Int64, _ interval: Int64, _ place: Int
    ) -> Int64 {
        var all = silences
        if let end = groups[place].downUntil, last < end { all.append(last..<end) }
        return all.reduce(0) { sum, silence in
            // Ticks t with last < t < due that lie within the silence.
            let first = RuleBook.tick(max(silence.lowerBound - 1, last), interval)
            let end = min(RuleBook.tick(silence.upperBound - 1, interval), due - interval)
            return sum + max(0, (end - first) / interval)
        }
    }

    /// Makes, keeps or ends the alert that nothing arrives.
    private mutating func watchStandstill(at now: Int64, _ context: RuleContext) -> Bool {
        guard !groups.isEmpty, !isObserved(at: now) else {
            guard var alert = standstill else { return false }
            if alert.state == .firing {
                alert.state = .inactive
                alert.resolvedAt = now
                standstill = alert
                return true
            }
            let isOld = now - (alert.resolvedAt ?? now) > RuleState.resolvedKept
            if isOld { standstill = nil }
            return isOld
        }
        if standstill?.state == .firing { return false }
        let labels = Labels([
            Label(Alert.nameLabel, RuleBook.standstillName), Label("severity", "critical"),
            Label(AlertTier.label, standstillTier.rawValue),
        ])
        let annotations = Labels([
            Label(
                "summary",
                "No event has arrived for \(standstillAfter / 1000) s; rules are unobserved."),
            Label("owner", "whoever operates Widefield"),
            Label("runbook", "docs/operating.md, \"When nothing arrives\""),
        ])
        standstill = Alert(
            labels: labels, annotations: annotations, value: 1, state: .firing,
            activeAt: arrivedAt, firedAt: now)
        return true
    }

    /// Forgets alerts that hold one of some texts; what is found again is an alert anew.
    public mutating func erase(_ texts: [String]) {
        for place in groups.indices {
            for rule in groups[place].rules.indices {
                for alert in groups[place].rules[rule].alerts.values
                where alert.holds(texts) {
                    groups[place].rules[rule].alerts[alert.labels] = nil
                }
                groups[place].rules[rule].written = groups[place].rules[rule].written.filter {
                    !$0.hold(texts)
                }
            }
        }
        orphans.removeAll { $0.holds(texts) }
    }

    // MARK: - Memory

    /// What a restart must not forget, as bytes with a checksum.
    public func encoded() -> [UInt8] {
        AlertMemory.encode(
            groups.map { RememberedGroup($0) }, orphans + (standstill.map { [$0] } ?? []))
    }

    /// Takes over what `encoded` gave; rules are read after it.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public mutating func restore(_ bytes: [UInt8]) throws(AlertMemoryError) {
        let (groups, orphans) = try AlertMemory.decode(bytes)
        for group in groups { remembered[group.key] = group }
        // The next arrival ends what was a standstill before.
        standstill = orphans.first { $0.labels[Alert.nameLabel] == RuleBook.standstillName }
        if let standstill, standstill.state == .firing { arrivedAt = standstill.activeAt }
        self.orphans = orphans.filter { $0.labels != standstill?.labels }
    }
}

extension GroupState {
    /// States of alerts by their labels: what changes only when an alert goes on.
    fileprivate var marks: [Labels: Alert.State] {
        var marks: [Labels: Alert.State] = [:]
        for rule in rules {
            for alert in rule.alerts.values { marks[alert.labels] = alert.state }
        }
        return marks
    }

    /// Takes over what was remembered of the group.
    ///
    /// - Parameter time: milliseconds since 1970 when that was.
    fileprivate mutating func takeOver(_ known: RememberedGroup, at time: Int64) {
        evaluatedAt = known.evaluatedAt
        let alerts = Dictionary(grouping: known.alerts, by: \.rule)
        for (place, identity) in group.ruleIdentities.enumerated()
        where rules[place].rule.kind == .alerting {
            let own = alerts[identity, default: []].map(\.alert)
            for var alert in own {
                // It is written when an alert goes on, and may have been found up to the end since.
                if let metAt = alert.metAt { alert.metAt = max(metAt, time) }
                rules[place].alerts[alert.labels] = alert
            }
            rules[place].written = Set(
                own.filter { $0.state != .inactive }
                    .flatMap { RuleState.samples(of: $0, at: 0) }.map(\.labels))
        }
    }
}
