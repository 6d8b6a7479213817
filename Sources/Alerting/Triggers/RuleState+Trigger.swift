internal import EventQuery
internal import SeriesStore

extension RuleState {
    /// Asks a trigger's question and judges each group by it.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970.
    ///   - offset: milliseconds before it up to which events are settled.
    mutating func judge(
        _ trigger: Trigger, at time: Int64, offset: Int64, _ context: RuleContext
    ) throws -> [LabeledSample] {
        unobserved = nil
        if let schedule = trigger.schedule, !schedule.contains(time) {
            unobserved = "it is outside of the trigger's schedule"
            verdicts.note(nil, at: time)
            return activeSamples(at: time - offset)
        }
        let reading = try TriggerReading(
            trigger, at: time, offset: offset, history: &history, context.ask)
        verdicts.note(reading.isKnown ? reading.settledHits : nil, at: time)
        var judged: Set<Labels> = []
        var unknown = 0
        for (group, finding) in reading.findings {
            if !finding.isObserved { unknown += 1 }
            if alerts.isEmpty && !finding.isHit { continue }
            let labels = fixedLabels(with: group)
            judged.insert(labels)
            step(labels, group, finding, trigger, at: time, settled: time - offset, context)
            if reading.freshHits.contains(group) { alerts[labels]?.metAt = time }
        }
        for (labels, alert) in alerts where !judged.contains(labels) {
            let group = alert.labels.keeping(Set(trigger.labelNames))
            let finding = reading.finding(of: group)
            step(labels, group, finding, trigger, at: time, settled: time - offset, context)
        }
        if !reading.isKnown { unobserved = "its dataset has no events" }
        if unknown > 0 {
            unobserved =
                trigger.baseline == nil
                ? "\(unknown) of its groups have no number"
                : "of \(unknown) of its groups too little is known of the past"
        }
        return activeSamples(at: time - offset)
    }

    /// The labels of the alert that a group is.
    private func fixedLabels(with group: TriggerGroup) -> Labels {
        let own = rule.labels.map { Label($0.name, $0.template.text) }
        return Labels(Array(group) + own + [Label(Alert.nameLabel, rule.name)])
    }

    private func activeSamples(at time: Int64) -> [LabeledSample] {
        alerts.values.filter { $0.state != .inactive }.sorted { $0.labels < $1.labels }
            .flatMap { RuleState.samples(of: $0, at: time) }
    }

    /// Takes one more window into what has become of a group.
    ///
    /// - Parameter settled: milliseconds since 1970 up to which all is settled.
    private mutating func step(
        _ labels: Labels, _ group: TriggerGroup, _ finding: TriggerReading.Finding,
        _ trigger: Trigger, at time: Int64, settled: Int64, _ context: RuleContext
    ) {
        let known = alerts[labels]
        guard finding.isObserved else {
            if known != nil { missSight(labels, at: time) }
            return
        }
        guard known != nil || finding.isHit else { return }
        let threshold = trigger.threshold
        let mask = UInt64.max >> UInt64(64 - threshold.windows)
        let hits = ((known?.hits ?? 0) << 1 | (finding.isHit ? 1 : 0)) & mask
        if let over = known?.resolvedAt, !finding.isHit {
            alerts[labels]?.hits = hits
            if hits == 0 && time - over > RuleState.resolvedKept { alerts[labels] = nil }
            return
        }
        let fresh = alert(group, finding.value ?? .nan, at: time, context)
        var alert = known.flatMap { $0.resolvedAt == nil ? $0 : nil } ?? fresh
        alert.hits = hits
        alert.unobservedSince = nil
        alert.value = fresh.value
        if finding.isHit { alert.annotations = fresh.annotations }
        let isEnough = alert.hits.nonzeroBitCount >= threshold.hits
        if alert.state == .pending {
            if alert.hits == 0 {
                alerts[labels] = nil
                return
            }
            if isEnough {
                alert.state = .firing
                alert.firedAt = time
            }
        } else if !isEnough && finding.isClear && !alert.isAhead(of: settled) {
            alert.state = .inactive
            alert.resolvedAt = time
        }
        if trigger.repeats && finding.isHit && alert.state == .firing { alert.toldAnewAt = time }
        alerts[labels] = alert
    }

    /// Takes note that nothing is known of an alert's group: it stays as it is, for an hour.
    private mutating func missSight(_ labels: Labels, at time: Int64) {
        guard var alert = alerts[labels], alert.state != .inactive else { return }
        let stays = alert.loseSight(at: time)
        alerts[labels] = alert
        if stays { return }
        if alert.state == .firing {
            alert.state = .inactive
            alert.resolvedAt = time
            alerts[labels] = alert
        } else {
            alerts[labels] = nil
        }
    }
}
