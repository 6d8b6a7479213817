internal import Bytes
internal import SeriesStore

/// What one receiver is to be told: the difference between what alerts are and what it knows.
///
/// The difference is the queue: it holds at most one message an alert, survives a restart with
/// `encoded`, and is told at least once; what may have been told before has the same key.
public struct ReceiverFeed: Sendable {
    public let receiver: Receiver
    /// What it was told of each alert last.
    private var known: [AlertIdentity: Told] = [:]
    private var backoff = Backoff()
    private var refusals = Refusals()

    public init(_ receiver: Receiver) { self.receiver = receiver }

    /// The next message; nil when there is nothing to tell, or it is too early to try again.
    public mutating func message(
        _ alerts: [Alert], at now: Int64, externalURL: String
    ) -> OutgoingMessage? {
        let present = Set(alerts.map(\.identity))
        // What it takes to be firing is kept until it was told otherwise, however long that takes.
        known = known.filter { alert, told in
            present.contains(alert) || (!told.isOver && receiver.tellsEnd)
        }
        refusals.keep { present.contains($0) || known[$0] != nil }
        guard backoff.isOpen(at: now) else { return nil }
        let gone = known.keys.filter { !present.contains($0) }.map { Alert(over: $0, at: now) }
        for isOver in [false, true] {
            let due = refusals.next(
                of: (alerts + gone).filter { isDue($0, isOver: isOver) }
                    .sorted { ($0.labels, $0.activeAt) < ($1.labels, $1.activeAt) },
                atMost: receiver.alertsPerMessage, at: now)
            if due.isEmpty { continue }
            return receiver.message(due, isOver: isOver, externalURL: externalURL)
        }
        return nil
    }

    /// Whether it took a message about an alert.
    public func wasTold(of alert: Alert) -> Bool { known[alert.identity] != nil }

    /// Alerts of which something is to be told and was not.
    public func waiting(_ alerts: [Alert]) -> Int {
        alerts.count { isDue($0, isOver: false) || isDue($0, isOver: true) }
    }

    private func isDue(_ alert: Alert, isOver: Bool) -> Bool {
        let last = known[alert.identity]
        guard alert.state != .pending, (alert.resolvedAt != nil) == isOver else { return false }
        let isNews = !isOver && alert.toldAnewAt ?? .min > last?.anewAt ?? .min
        if last?.isOver == isOver && !isNews { return false }
        if !isOver { return receiver.wants(alert) }
        // An end is owed to whoever was told of the beginning.
        return receiver.tellsEnd && (last != nil || receiver.wants(alert))
    }

    /// Takes note that a message was taken.
    public mutating func succeeded(_ message: OutgoingMessage) {
        backoff.succeeded()
        refusals.forget(message)
        known.merge(message.told) { $1 }
    }

    /// Takes note that a message was refused for what it says: its alerts go after all others.
    public mutating func refused(_ message: OutgoingMessage, at now: Int64) {
        backoff.succeeded()
        refusals.add(message, at: now)
    }

    /// Takes note that a message was not taken; it is tried again a while later.
    public mutating func failed(at now: Int64) { backoff.failed(at: now) }

    /// Forgets alerts that hold one of some texts.
    public mutating func erase(_ texts: [String]) {
        known = known.filter { !$0.key.labels.hold(texts) }
    }

    // MARK: - Memory

    /// What it knows, as bytes with a checksum.
    public func encoded() -> [UInt8] {
        CheckedDocument.encode(
            .array(
                known.sorted { ($0.key.labels, $0.key.activeAt) < ($1.key.labels, $1.key.activeAt) }
                    .map { alert, told in
                        var object = JSONObject()
                        object["labels"] = AlertText.json(alert.labels)
                        object["active_at"] = .int(alert.activeAt)
                        object["over"] = .bool(told.isOver)
                        object["told_anew_at"] = told.anewAt.map { .int($0) }
                        return .object(object)
                    }))
    }

    /// Takes over what `encoded` gave.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public mutating func restore(_ bytes: [UInt8]) throws(AlertMemoryError) {
        for entry in try CheckedDocument.decode(bytes).array ?? [] {
            guard let activeAt = entry["active_at"]?.integer else { continue }
            let labels = AlertText.labels(entry["labels"])
            known[AlertIdentity(labels: labels, activeAt: activeAt)] = Told(
                isOver: entry["over"]?.bool ?? false,
                anewAt: entry["told_anew_at"]?.integer)
        }
    }
}

extension Alert {
    /// One that is over and of which nothing else is known any more.
    fileprivate init(over identity: AlertIdentity, at time: Int64) {
        self.init(
            labels: identity.labels, annotations: Labels([]), value: .nan, state: .inactive,
            activeAt: identity.activeAt, firedAt: identity.activeAt, resolvedAt: time)
    }
}
