internal import Bytes
internal import SeriesStore

/// What one receiver is to be told: the difference between what alerts are and what it knows.
///
/// The difference is the queue: it holds at most one message an alert, survives a restart with
/// `encoded`, and is told at least once; what may have been told before has the same key.
public struct ReceiverFeed: Sendable {
    public let receiver: Receiver
    /// What it knows of alerts.
    private var known: [Labels: (activeAt: Int64, isOver: Bool)] = [:]
    private var backoff = Backoff()

    public init(_ receiver: Receiver) { self.receiver = receiver }

    /// The next message; nil when there is nothing to tell, or it is too early to try again.
    public mutating func message(
        _ alerts: [Alert], at now: Int64, externalURL: String
    ) -> OutgoingMessage? {
        let present = Set(alerts.map(\.labels))
        known = known.filter { present.contains($0.key) }
        guard backoff.isOpen(at: now) else { return nil }
        for isOver in [false, true] {
            let due = alerts.filter { isDue($0, isOver: isOver) }.sorted { $0.labels < $1.labels }
                .prefix(receiver.alertsPerMessage)
            if due.isEmpty { continue }
            return receiver.message(Array(due), isOver: isOver, externalURL: externalURL)
        }
        return nil
    }

    private func isDue(_ alert: Alert, isOver: Bool) -> Bool {
        guard alert.state != .pending, (alert.resolvedAt != nil) == isOver, receiver.wants(alert),
            !isOver || receiver.tellsEnd
        else { return false }
        let last = known[alert.labels]
        return last.map { $0.activeAt != alert.activeAt || $0.isOver != isOver } ?? true
    }

    /// Takes note that a message was taken.
    public mutating func succeeded(_ message: OutgoingMessage, _ alerts: [Alert]) {
        backoff.succeeded()
        for alert in alerts {
            guard let isOver = message.told[alert.labels] else { continue }
            known[alert.labels] = (alert.activeAt, isOver)
        }
    }

    /// Takes note that a message was not taken; it is tried again a while later.
    public mutating func failed(at now: Int64) { backoff.failed(at: now) }

    /// Forgets alerts that hold one of some texts.
    public mutating func erase(_ texts: [String]) {
        known = known.filter { !$0.key.hold(texts) }
    }

    // MARK: - Memory

    /// What it knows, as bytes with a checksum.
    public func encoded() -> [UInt8] {
        CheckedDocument.encode(
            .array(
                known.sorted { $0.key < $1.key }.map { labels, state in
                    [
                        "labels": AlertText.json(labels), "active_at": .int(state.activeAt),
                        "over": .bool(state.isOver),
                    ]
                }))
    }

    /// Takes over what `encoded` gave.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public mutating func restore(_ bytes: [UInt8]) throws(AlertMemoryError) {
        for entry in try CheckedDocument.decode(bytes).array ?? [] {
            guard let activeAt = entry["active_at"]?.integer else { continue }
            known[AlertText.labels(entry["labels"])] = (activeAt, entry["over"]?.bool ?? false)
        }
    }
}
