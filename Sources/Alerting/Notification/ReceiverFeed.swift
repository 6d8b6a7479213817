internal import Bytes
internal import SeriesStore

/// What one receiver is to be told: the difference between what alerts are and what it knows.
///
/// The difference is the queue. It is told of the beginning of each alert that it wants and then of the
/// end, also when both came while it could not be reached: an alert that is gone before is kept until
/// it was told. So it is told at least once; what may have been told before has the same key.
public struct ReceiverFeed: Sendable {
    public private(set) var receiver: Receiver
    /// What it was told of each alert last.
    private var known: [AlertIdentity: Told] = [:]
    /// Alerts of which it was told nothing yet, as they were last.
    private var untold: [AlertIdentity: Alert] = [:]
    /// Those of them that are gone, until it was told all of them.
    private var gone: [AlertIdentity: Alert] = [:]
    /// Alerts that were over before it was there, of which it is told nothing.
    private var past: Set<AlertIdentity> = []
    /// Whether what is over now was over before it was there.
    private var isNewcomer = true
    /// Whether it has come to something that is not kept yet.
    public private(set) var hasNews = false
    private var backoff = Backoff()
    private var refusals = Refusals()

    public init(_ receiver: Receiver) { self.receiver = receiver }

    /// Tells a receiver of the same name, who is reached otherwise or wants others, from now on.
    ///
    /// It has what the one before was told, and is not told of what is over and was not for that one.
    public mutating func redefine(as receiver: Receiver) {
        self.receiver = receiver
        isNewcomer = true
        backoff = Backoff()
        refusals = Refusals()
    }

    /// The next message; nil when there is nothing to tell, or it is too early to try again.
    ///
    /// - Parameters:
    ///   - alerts: all there are.
    ///   - now: milliseconds since 1970.
    public mutating func message(
        _ alerts: [Alert], at now: Int64, externalURL: String
    ) -> OutgoingMessage? {
        let present = Set(alerts.map(\.identity))
        note(alerts, present, at: now)
        guard backoff.isOpen(at: now) else { return nil }
        let all = alerts + others(than: present, at: now)
        for isOver in [false, true] {
            let due = refusals.next(
                of: all.filter { isDue($0, isOver: isOver) }
                    .sorted { ($0.labels, $0.activeAt) < ($1.labels, $1.activeAt) },
                atMost: receiver.alertsPerMessage, at: now)
            if due.isEmpty { continue }
            return receiver.message(
                isOver ? due : due.map(\.beginning), isOver: isOver, externalURL: externalURL)
        }
        return nil
    }

    /// Takes note of what alerts are now, and keeps those that went before it was told of them.
    private mutating func note(_ alerts: [Alert], _ present: Set<AlertIdentity>, at now: Int64) {
        let over = past.isEmpty && !isNewcomer ? [] : alerts.filter { $0.resolvedAt != nil }
        past.formIntersection(over.map(\.identity))
        if isNewcomer {
            past.formUnion(over.map(\.identity).filter { untold[$0] == nil && known[$0] == nil })
            (isNewcomer, hasNews) = (false, true)
        }
        for (identity, alert) in untold where !present.contains(identity) {
            keep(alert, goneAt: now)
        }
        untold = Dictionary(
            alerts.filter { isBeginning($0) }.map { ($0.identity, $0) }, uniquingKeysWith: { $1 })
        gone = gone.filter { identity, alert in
            if present.contains(identity) { return false }
            return known[identity].map { !$0.isOver && receiver.tellsEnd }
                ?? receiver.wants(alert)
        }
        // What it takes to be firing is kept until it was told otherwise, however long that takes.
        known = known.filter { identity, told in
            present.contains(identity) || (!told.isOver && receiver.tellsEnd)
        }
        refusals.keep { present.contains($0) || known[$0] != nil || gone[$0] != nil }
    }

    /// Keeps an alert of which it is still to be told; where there are too many, the first goes.
    private mutating func keep(_ alert: Alert, goneAt now: Int64) {
        var alert = alert
        alert.annotations = AlertText.told(alert.annotations)
        alert.state = .inactive
        alert.resolvedAt = alert.resolvedAt ?? now
        gone[alert.identity] = alert
        hasNews = true
        guard gone.count > AlertingLimits.untoldAlerts else { return }
        if let first = gone.values.min(by: { $0.activeAt < $1.activeAt }) {
            gone[first.identity] = nil
        }
    }

    /// Alerts that are gone and of which it is to be told all the same.
    private func others(than present: Set<AlertIdentity>, at now: Int64) -> [Alert] {
        let ended = known.filter { !$0.value.isOver && !present.contains($0.key) }
            .map { gone[$0.key] ?? Alert(over: $0.key, at: now) }
        return ended + gone.values.filter { known[$0.identity] == nil }
    }

    /// Whether it took a message about an alert.
    public func wasTold(of alert: Alert) -> Bool { known[alert.identity] != nil }

    /// Alerts of which something is to be told and was not.
    public func waiting(_ alerts: [Alert]) -> Int {
        (alerts + others(than: Set(alerts.map(\.identity)), at: 0))
            .count { isDue($0, isOver: false) || isDue($0, isOver: true) }
    }

    /// Whether it was told nothing of an alert and is to be.
    private func isBeginning(_ alert: Alert) -> Bool {
        alert.state != .pending && known[alert.identity] == nil
            && !past.contains(alert.identity) && receiver.wants(alert)
    }

    private func isDue(_ alert: Alert, isOver: Bool) -> Bool {
        guard let last = known[alert.identity] else { return !isOver && isBeginning(alert) }
        guard alert.state != .pending, (alert.resolvedAt != nil) == isOver else { return false }
        // An end is owed to whoever was told of the beginning.
        if isOver { return !last.isOver && receiver.tellsEnd }
        let isNews = alert.toldAnewAt ?? .min > last.anewAt ?? .min
        return (last.isOver || isNews) && receiver.wants(alert)
    }

    /// Takes note that a message was taken.
    public mutating func succeeded(_ message: OutgoingMessage) {
        backoff.succeeded()
        refusals.forget(message)
        known.merge(message.told) { $1 }
        hasNews = true
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
        past = past.filter { !$0.labels.hold(texts) }
        untold = untold.filter { !$0.value.holds(texts) }
        gone = gone.filter { !$0.value.holds(texts) }
        hasNews = true
    }

    // MARK: - Memory

    /// What it has come to, as bytes with a checksum.
    public func encoded() -> [UInt8] {
        var told = known.map { ($0.key, $0.value, isPast: false) }
        told += past.map { ($0, Told(isOver: true), isPast: true) }
        let entries = told.sorted { ($0.0.labels, $0.0.activeAt) < ($1.0.labels, $1.0.activeAt) }
            .map { alert, told, isPast in
                var object = JSONObject()
                object["labels"] = AlertText.json(alert.labels)
                object["active_at"] = .int(alert.activeAt)
                object["over"] = .bool(told.isOver)
                object["told_anew_at"] = told.anewAt.map { .int($0) }
                if isPast { object["past"] = true }
                return JSONValue.object(object)
            }
        let owed = gone.values.sorted { ($0.labels, $0.activeAt) < ($1.labels, $1.activeAt) }
            .map { JSONValue.object(JSONObject([.init("gone", .object(AlertMemory.json($0)))])) }
        return CheckedDocument.encode(.array(entries + owed))
    }

    /// Takes note that what `encoded` gives is on disk.
    public mutating func wasKept() { hasNews = false }

    /// Takes over what `encoded` gave.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public mutating func restore(_ bytes: [UInt8]) throws(AlertMemoryError) {
        for entry in try CheckedDocument.decode(bytes).array ?? [] {
            if let alert = entry["gone"].flatMap(AlertMemory.alert) {
                gone[alert.identity] = alert
            }
            guard let activeAt = entry["active_at"]?.integer else { continue }
            let labels = AlertText.labels(entry["labels"])
            let alert = AlertIdentity(labels: labels, activeAt: activeAt)
            if entry["past"]?.bool ?? false {
                past.insert(alert)
                continue
            }
            known[alert] = Told(
                isOver: entry["over"]?.bool ?? false,
                anewAt: entry["told_anew_at"]?.integer)
        }
        isNewcomer = false
    }
}

extension Alert {
    /// The same as it was before it ended.
    fileprivate var beginning: Alert {
        if resolvedAt == nil { return self }
        var alert = self
        alert.state = .firing
        alert.resolvedAt = nil
        return alert
    }

    /// One that is over and of which nothing else is known any more.
    fileprivate init(over identity: AlertIdentity, at time: Int64) {
        self.init(
            labels: identity.labels, annotations: Labels([]), value: .nan, state: .inactive,
            activeAt: identity.activeAt, firedAt: identity.activeAt, resolvedAt: time)
    }
}
