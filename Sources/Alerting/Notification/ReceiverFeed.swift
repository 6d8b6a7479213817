internal import Bytes
internal import SeriesStore

/// What one receiver is to be told: the difference between what alerts are and what it knows.
///
/// The difference is the queue: it holds at most one message an alert, survives a restart with
/// `encoded`, and is told at least once; what may have been told before has the same key.
public struct ReceiverFeed: Sendable {
    public let receiver: Receiver
    /// What it was told of last, each with whether as over.
    private var known: [AlertIdentity: Bool] = [:]
    private var backoff = Backoff()

    public init(_ receiver: Receiver) { self.receiver = receiver }

    /// The next message; nil when there is nothing to tell, or it is too early to try again.
    public mutating func message(
        _ alerts: [Alert], at now: Int64, externalURL: String
    ) -> OutgoingMessage? {
        let present = Set(alerts.map(\.identity))
        // What it takes to be firing is kept until it was told otherwise, however long that takes.
        known = known.filter { alert, isOver in
            present.contains(alert) || (!isOver && receiver.tellsEnd)
        }
        guard backoff.isOpen(at: now) else { return nil }
        let gone = known.keys.filter { !present.contains($0) }.map { Alert(over: $0, at: now) }
        for isOver in [false, true] {
            let due = (alerts + gone).filter { isDue($0, isOver: isOver) }
                .sorted { ($0.labels, $0.activeAt) < ($1.labels, $1.activeAt) }
                .prefix(receiver.alertsPerMessage)
            if due.isEmpty { continue }
            return receiver.message(Array(due), isOver: isOver, externalURL: externalURL)
        }
        return nil
    }

    private func isDue(_ alert: Alert, isOver: Bool) -> Bool {
        let last = known[alert.identity]
        guard alert.state != .pending, (alert.resolvedAt != nil) == isOver, last != isOver else {
            return false
        }
        if !isOver { return receiver.wants(alert) }
        // An end is owed to whoever was told of the beginning.
        return receiver.tellsEnd && (last != nil || receiver.wants(alert))
    }

    /// Takes note that a message was taken.
    public mutating func succeeded(_ message: OutgoingMessage) {
        backoff.succeeded()
        known.merge(message.told) { $1 }
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
                    .map { alert, isOver in
                        [
                            "labels": AlertText.json(alert.labels),
                            "active_at": .int(alert.activeAt), "over": .bool(isOver),
                        ]
                    }))
    }

    /// Takes over what `encoded` gave.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public mutating func restore(_ bytes: [UInt8]) throws(AlertMemoryError) {
        for entry in try CheckedDocument.decode(bytes).array ?? [] {
            guard let activeAt = entry["active_at"]?.integer else { continue }
            let labels = AlertText.labels(entry["labels"])
            known[AlertIdentity(labels: labels, activeAt: activeAt)] =
                entry["over"]?.bool ?? false
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
