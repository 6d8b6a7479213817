internal import Bytes
internal import SeriesStore

/// What one Alertmanager is to be told, and when.
///
/// Alertmanager knows an alert by its labels and takes one that is told again as the same. So each alert
/// that fires is told again every minute, before what was said of its end passes; one that is over is
/// told until that is known, and for a quarter of an hour after. Nothing needs to be kept over a
/// restart: what is told again then is what was told before.
public struct AlertmanagerFeed: Sendable {
    /// Of its API: `http://host:9093`.
    public let url: String
    /// Whose alerts are told: those of two environments are not one.
    public let environment: String
    private var sent: [Labels: (at: Int64, isOver: Bool, activeAt: Int64)] = [:]
    private var backoff = Backoff()
    private var refusals = Refusals()

    /// Milliseconds after which an alert is told again.
    static let resendAfter: Int64 = 60_000

    public init(url: String, environment: String) {
        self.url = url
        self.environment = environment
    }

    /// An alert's labels with the environment; where the alert has a label `environment`, as
    /// `widefield_environment`.
    private func labels(of alert: Alert) -> Labels {
        let name = "environment"
        let isTaken = !alert.labels[name].isEmpty
        return AlertmanagerFeed.plain(
            alert.labels.setting(isTaken ? "widefield_environment" : name, to: environment))
    }

    /// The same with names of letters, digits and `_` alone, others replaced by `_`: an Alertmanager before
    /// 0.27 refuses an alert with any other.
    private static func plain(_ labels: Labels) -> Labels {
        var (known, odd): ([Label], [Label]) = ([], [])
        for label in labels {
            if NameScheme.legacy.isLabelName(label.name) {
                known.append(label)
            } else {
                odd.append(label)
            }
        }
        if odd.isEmpty { return labels }
        var names = Set(known.map(\.name))
        for label in odd {
            var name = String(
                label.name.unicodeScalars.map { scalar in
                    let isPlain = NameScheme.legacy.isLabelName("_\(scalar)")
                    return isPlain ? Character(scalar) : "_"
                })
            if name.utf8.first.map({ 48...57 ~= $0 }) ?? true { name = "_" + name }
            while !names.insert(name).inserted { name += "_" }
            known.append(Label(name, label.value))
        }
        return Labels(known)
    }

    /// What is to be told now; nil when there is nothing, or it is too early to try again.
    ///
    /// - Parameters:
    ///   - alerts: all there are.
    ///   - interval: milliseconds between evaluations.
    ///   - generator: where people look at what the alerts come from.
    public mutating func message(
        _ alerts: [Alert], at now: Int64, interval: Int64, generator: String
    ) -> OutgoingMessage? {
        let known = Set(alerts.map(\.labels))
        sent = sent.filter { known.contains($0.key) }
        guard backoff.isOpen(at: now) else { return nil }
        let present = Set(alerts.map(\.identity))
        refusals.keep { present.contains($0) }
        let due = refusals.next(
            of: AlertmanagerFeed.oneOfEach(alerts).filter { isDue($0, at: now) },
            atMost: AlertingLimits.alertsPerMessage, at: now)
        if due.isEmpty { return nil }
        let end = now + 4 * max(interval, AlertmanagerFeed.resendAfter)
        let body = JSONValue.array(
            due.map { alert in
                [
                    "labels": AlertText.json(labels(of: alert)),
                    "annotations": AlertText.json(
                        AlertmanagerFeed.plain(AlertText.told(alert.annotations))),
                    "startsAt": AlertText.time(alert.firedAt ?? alert.activeAt),
                    "endsAt": AlertText.time(alert.resolvedAt ?? end),
                    "generatorURL": .string(Receiver.link(alert, else: generator)),
                ]
            })
        return OutgoingMessage(
            road: .post(url: url + "/api/v2/alerts", headers: []), body: Array(body.text.utf8),
            told: Dictionary(
                due.map { ($0.identity, Told(isOver: $0.resolvedAt != nil)) },
                uniquingKeysWith: { $1 }))
    }

    /// Whether it took a message about an alert since the server began.
    public func wasTold(of alert: Alert) -> Bool { sent[alert.labels]?.activeAt == alert.activeAt }

    /// Alerts of which something is to be told and was not.
    public func waiting(_ alerts: [Alert], at now: Int64) -> Int {
        AlertmanagerFeed.oneOfEach(alerts).count { isDue($0, at: now) }
    }

    /// One alert for each set of labels, which is all that Alertmanager tells them apart by: one that
    /// fires before one that is over, and of equal ones the latest.
    ///
    /// A rule that is taken away and put back has both for a while.
    private static func oneOfEach(_ alerts: [Alert]) -> [Alert] {
        func rank(_ alert: Alert) -> (Int, Int64) {
            (alert.state == .pending ? 0 : alert.resolvedAt != nil ? 1 : 2, alert.activeAt)
        }
        let best = Dictionary(alerts.map { ($0.labels, $0) }) { rank($0) < rank($1) ? $1 : $0 }
        return alerts.filter { best[$0.labels]?.identity == $0.identity }
    }

    private func isDue(_ alert: Alert, at now: Int64) -> Bool {
        if alert.state == .pending { return false }
        guard let last = sent[alert.labels], last.activeAt == alert.activeAt else { return true }
        if last.isOver != (alert.resolvedAt != nil) { return true }
        return now - last.at >= AlertmanagerFeed.resendAfter
    }

    /// Takes note that a message was taken.
    public mutating func succeeded(_ message: OutgoingMessage, _ alerts: [Alert], at now: Int64) {
        backoff.succeeded()
        refusals.forget(message)
        for alert in alerts {
            guard let told = message.told[alert.identity] else { continue }
            sent[alert.labels] = (now, told.isOver, alert.activeAt)
        }
    }

    /// Takes note that a message was refused for what it says: its alerts go after all others.
    public mutating func refused(_ message: OutgoingMessage, at now: Int64) {
        backoff.succeeded()
        refusals.add(message, at: now)
    }

    /// Takes note that a message was not taken; it is tried again a while later.
    public mutating func failed(at now: Int64) { backoff.failed(at: now) }
}
