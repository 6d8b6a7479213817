internal import Metrics
internal import SeriesStore

extension IncidentLog {
    /// Alerts as they are told of: those that wait for too long are told a second time, to others.
    ///
    /// An alert of tier `automate` that still fires after its `escalate_after` is also told as one of tier
    /// `page`, with the label `escalated="true"`. One that nobody acknowledged within its
    /// `acknowledge_within` is also told with the label `unacknowledged="true"`, until somebody does.
    /// Both are annotations of the rule, as durations.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func told(_ alerts: [Alert], at now: Int64) -> [Alert] {
        alerts
            + alerts.flatMap { [escalated($0, at: now), unacknowledged($0, at: now)] }
            .compactMap { $0 }
    }

    private func escalated(_ alert: Alert, at now: Int64) -> Alert? {
        guard alert.labels["tier"] == "automate", let firedAt = alert.firedAt,
            let wait = DurationText.milliseconds(alert.annotations["escalate_after"]),
            firedAt + wait <= alert.resolvedAt ?? now
        else { return nil }
        let labels = alert.labels.setting("tier", to: "page").setting("escalated", to: "true")
        return alert.told(as: labels, since: firedAt + wait, until: alert.resolvedAt)
    }

    private func unacknowledged(_ alert: Alert, at now: Int64) -> Alert? {
        guard let firedAt = alert.firedAt,
            let wait = DurationText.milliseconds(alert.annotations["acknowledge_within"]), wait > 0
        else { return nil }
        let acknowledgedAt = self[alert]?.acknowledgedAt
        let ends = [alert.resolvedAt, acknowledgedAt].compactMap { $0 }
        guard firedAt + wait <= ends.min() ?? now else { return nil }
        // What ended long ago is told no more.
        if let end = ends.min(), now - end > RuleState.resolvedKept { return nil }
        let labels = alert.labels.setting("unacknowledged", to: "true")
        return alert.told(as: labels, since: firedAt + wait, until: ends.min())
    }
}

extension Alert {
    fileprivate func told(as labels: Labels, since: Int64, until end: Int64?) -> Alert {
        Alert(
            labels: labels, annotations: annotations, value: value,
            state: end == nil ? .firing : .inactive, activeAt: activeAt, firedAt: since,
            resolvedAt: end)
    }
}
