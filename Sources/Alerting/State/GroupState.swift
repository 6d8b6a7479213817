/// A group with what the evaluations of its rules have come to.
public struct GroupState: Sendable {
    public let group: RuleGroup
    public internal(set) var rules: [RuleState]
    /// Milliseconds since 1970 of the last evaluation; nil before the first.
    public internal(set) var evaluatedAt: Int64?
    /// The time up to which it was seen whether an evaluation is due; nil before the first.
    var lookedAt: Int64?
    /// Evaluations that were due and did not take place because one before took too long.
    public internal(set) var missed = 0
    /// Evaluations that were due and did not take place because nothing was observed.
    public internal(set) var unobserved = 0
    /// Milliseconds since 1970 when the server was back, from the reading of what it kept up to the first
    /// evaluation after it; else nil.
    var downUntil: Int64?
    /// Evaluations that took place.
    public private(set) var evaluations = 0
    /// Milliseconds since 1970 of the last evaluations, ascending.
    private(set) var pastEvaluations: [Int64] = []

    public init(_ group: RuleGroup) {
        self.group = group
        rules = group.rules.map { RuleState($0) }
    }

    /// Evaluates its rules, one after the other; a rule that fails keeps none from going on.
    ///
    /// - Parameter time: milliseconds since 1970.
    public mutating func evaluate(at time: Int64, _ context: RuleContext) {
        let offset = group.queryOffset ?? context.queryOffset
        for place in rules.indices {
            rules[place].evaluate(at: time, offset: offset, limit: group.limit, context)
        }
        evaluatedAt = time
        evaluations += 1
        pastEvaluations.append(time)
        guard pastEvaluations.count > AlertingLimits.pastEvaluations else { return }
        pastEvaluations.removeFirst()
        for place in rules.indices { rules[place].verdicts.forget(before: pastEvaluations[0]) }
    }

    /// Whether any alert is on its way: what depends on how long evaluations went on.
    var isCounting: Bool {
        rules.contains { rule in
            let remembers = rule.rule.trigger.map { $0.repeats || $0.threshold.windows > 1 }
            return rule.alerts.values.contains {
                $0.state == .pending || $0.missingSince != nil || $0.unobservedSince != nil
                    || remembers == true
            }
        }
    }

    /// Takes time out in which nothing was observed: what was pending is not nearer to firing, and
    /// what fired on is not nearer to its end.
    mutating func freeze(_ milliseconds: Int64) {
        for place in rules.indices {
            for labels in rules[place].alerts.keys {
                guard var alert = rules[place].alerts[labels] else { continue }
                if alert.state == .pending { alert.activeAt += milliseconds }
                if let since = alert.missingSince { alert.missingSince = since + milliseconds }
                rules[place].alerts[labels] = alert
            }
        }
    }

    /// Takes over what the same rules of an earlier version of the group have come to.
    mutating func takeOver(_ earlier: GroupState) {
        evaluatedAt = earlier.evaluatedAt
        lookedAt = earlier.lookedAt
        missed = earlier.missed
        unobserved = earlier.unobserved
        downUntil = earlier.downUntil
        evaluations = earlier.evaluations
        let known = Dictionary(
            zip(earlier.group.ruleIdentities, earlier.rules),
            uniquingKeysWith: { first, _ in first })
        for (place, identity) in group.ruleIdentities.enumerated() {
            if let state = known[identity] { rules[place].takeOver(state) }
        }
    }
}
