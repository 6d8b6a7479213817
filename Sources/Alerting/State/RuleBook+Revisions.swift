internal import SeriesStore

extension RuleBook {
    /// Evaluates again what events that came late may have changed, and tells what would have been found
    /// otherwise; no alert changes by it.
    ///
    /// Only so many evaluations are looked at, the latest first, and none from before the book was
    /// opened.
    ///
    /// - Parameters:
    ///   - late: milliseconds since 1970 of the earliest of these events.
    ///   - now: milliseconds since 1970.
    public mutating func revise(
        since late: Int64, at now: Int64, _ context: RuleContext
    ) -> [Revision] {
        var revisions: [Revision] = []
        var left = AlertingLimits.revisedEvaluations
        for place in groups.indices {
            let offset = groups[place].group.queryOffset ?? context.queryOffset
            for time in groups[place].pastEvaluations.reversed() where time - offset >= late {
                for rule in groups[place].rules.indices {
                    guard left > 0 else { return revisions }
                    left -= 1
                    revisions += groups[place].rules[rule].revise(
                        at: time, offset: offset, noticedAt: now, context)
                }
            }
        }
        return revisions
    }
}

extension RuleState {
    /// What an evaluation of the past finds otherwise now; empty when it finds the same or fails.
    fileprivate mutating func revise(
        at time: Int64, offset: Int64, noticedAt now: Int64, _ context: RuleContext
    ) -> [Revision] {
        guard rule.kind == .alerting, obstacle == nil, let before = verdicts[time],
            let values = try? settledValues(at: time, offset: offset, context)
        else { return [] }
        let after = Set(values.filter(\.value.isMet).keys)
        guard after != before else { return [] }
        verdicts.replace(after, at: time)
        return after.symmetricDifference(before).sorted().map { series in
            let value = values[series]?.value ?? .nan
            let labels = alert(series, value, at: time, context).labels
            return Revision(
                evaluatedAt: time, noticedAt: now, rule: rule.name, labels: labels,
                isMet: after.contains(series), value: value)
        }
    }

    /// What an evaluation finds where all is settled: the values, and whether the condition is met.
    private func settledValues(
        at time: Int64, offset: Int64, _ context: RuleContext
    ) throws -> [Labels: (value: Double, isMet: Bool)] {
        switch rule.subject {
        case .series(let expression):
            let series = try context.series(of: rule, expression, at: time - offset)
            return Dictionary(
                series.map { ($0.0, (value: $0.1.plain, isMet: true)) }, uniquingKeysWith: { $1 })
        case .events(let trigger):
            if let schedule = trigger.schedule, !schedule.contains(time) { return [:] }
            var history = history
            return try TriggerReading(
                trigger, at: time, offset: offset, history: &history, isSettled: true, context.ask
            ).findings.mapValues { (value: $0.value ?? .nan, isMet: $0.isHit) }
        }
    }
}
