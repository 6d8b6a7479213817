internal import SeriesStore

/// An alert as it is told once more, because nothing became of it in time.
public struct Escalation: Sendable {
    /// What was not done, by the name of the label that says so.
    public enum Reason: String, Sendable {
        /// A machine did not settle it: it is a page now.
        case escalated
        /// Nobody acknowledged it: whoever is next is told.
        case unacknowledged
    }

    public let reason: Reason
    /// As it is told: with labels of its own, since the deadline and until its end, or until somebody
    /// acknowledged it.
    public let alert: Alert

    /// By what those who are told know it; an acknowledgement of it is one of the incident.
    public var id: String { AlertText.key(alert) }

    fileprivate static func labels(_ labels: Labels, _ reason: Reason) -> Labels {
        let told = labels.setting(reason.rawValue, to: "true")
        return reason == .escalated
            ? told.setting(AlertTier.label, to: AlertTier.page.rawValue) : told
    }

    /// All labels that an alert of some labels may be told with once more.
    static func labels(of labels: Labels) -> [Labels] {
        let page = Escalation.labels(labels, .escalated)
        return [page] + [labels, page].map { Escalation.labels($0, .unacknowledged) }
    }

    fileprivate init(
        _ reason: Reason, of before: Alert, since start: Int64, until end: Int64?,
        among receivers: [Receiver]
    ) {
        self.reason = reason
        var alert = Alert(
            labels: Escalation.labels(before.labels, reason), annotations: before.annotations,
            value: before.value, state: end == nil ? .firing : .inactive,
            activeAt: before.activeAt, firedAt: start, resolvedAt: end,
            receivers: before.receivers)
        if !receivers.isEmpty {
            alert.receivers = Escalation.names(of: receivers, reason, alert, before)
        }
        self.alert = alert
    }

    /// Who is told: of a page those that pages go to, beside those that the alert names; of what nobody
    /// acknowledged those whose `match` names the label; without any of these the same as before.
    private static func names(
        of all: [Receiver], _ reason: Reason, _ alert: Alert, _ before: Alert
    ) -> [String] {
        let marks =
            reason == .escalated ? [AlertTier.label, reason.rawValue] : [reason.rawValue]
        let called = all.filter { $0.matches(alert.labels, naming: marks) }.map(\.name)
        if reason == .escalated {
            if let named = before.receivers { return named + called.filter { !named.contains($0) } }
            let others = all.filter { $0.matches(alert.labels, naming: []) }.map(\.name)
            if !others.isEmpty { return others }
        }
        return called.isEmpty ? all.filter { $0.wants(before) }.map(\.name) : called
    }
}

extension IncidentLog {
    /// Alerts as they are told of, each with its escalations.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 1970.
    ///   - receivers: all who can be told directly.
    public func told(_ alerts: [Alert], at now: Int64, _ receivers: [Receiver]) -> [Alert] {
        alerts + alerts.flatMap { escalations(of: $0, at: now, receivers).map(\.alert) }
    }

    /// The times that an alert was told once more.
    ///
    /// One of tier `automate` that still fires when its time to escalate comes is also told as a page,
    /// and what is a page, or was one from the beginning, once more when nobody acknowledged it in time.
    /// The parameters are those of `told`.
    public func escalations(
        of alert: Alert, at now: Int64, _ receivers: [Receiver]
    ) -> [Escalation] {
        guard let firedAt = alert.firedAt else { return [] }
        let deadlines = Deadlines(alert.labels, alert.annotations, firedAt: firedAt)
        var found: [Escalation] = []
        var last = alert
        if let time = deadlines.escalation {
            guard time <= alert.resolvedAt ?? now else { return [] }
            let page = Escalation(
                .escalated, of: alert, since: time, until: alert.resolvedAt, among: receivers)
            found.append(page)
            last = page.alert
        }
        guard let time = deadlines.acknowledgement, time <= alert.resolvedAt ?? now else {
            return found
        }
        let end = [alert.resolvedAt, self[alert]?.acknowledgedAt].compactMap { $0 }.min()
        guard time <= end ?? now else { return found }
        // What ended long ago is told no more.
        if let end, now - end > RuleState.resolvedKept { return found }
        let late = Escalation(
            .unacknowledged, of: last, since: time, until: end, among: receivers)
        return found + [late]
    }
}
