internal import Bytes
public import SeriesStore

/// One time that an alert fired, with what people said of it.
public struct Incident: Sendable {
    /// What people can say of an alert that they were told of.
    public enum Verdict: String, Sendable, CaseIterable {
        /// Something had to be done.
        case actionable
        case noise
    }

    /// Differs from those of all others.
    public let id: String
    public let labels: Labels
    public let annotations: Labels
    /// Milliseconds since 1970 when the condition was met first, and when the alert fired.
    public let activeAt: Int64
    public let firedAt: Int64
    public internal(set) var resolvedAt: Int64?
    public internal(set) var acknowledgedAt: Int64?
    public internal(set) var acknowledgedBy: String = ""
    public internal(set) var verdict: Verdict?

    /// The name of its rule.
    public var rule: String { labels[Alert.nameLabel] }

    /// Who is asked about it; empty when the rule does not say.
    public var owner: String { Contact(labels, annotations).owner }

    /// Where it is said what to do; empty when the rule does not say.
    public var runbook: String { Contact(labels, annotations).runbook }

    /// Milliseconds since 1970 by when it should escalate, be acknowledged, mitigated and reviewed, where
    /// its tier or its annotations (`acknowledge_within` …) say so.
    public var deadlines: [(name: String, time: Int64)] {
        Deadlines(labels, annotations, firedAt: firedAt).all
    }

    /// Whether it woke somebody: it was a page from the beginning, or became one before its end.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func isPage(at now: Int64) -> Bool {
        if labels[AlertTier.label] == AlertTier.page.rawValue { return true }
        let escalation = Deadlines(labels, annotations, firedAt: firedAt).escalation
        return escalation.map { $0 <= resolvedAt ?? now } ?? false
    }

    /// What is wrong with annotations that say such times, each of which counts as none.
    public var objections: [String] { Deadlines.objections(to: annotations) }
}

/// The incidents of an environment, the latest ones.
public struct IncidentLog: Sendable {
    /// By their ids.
    private var incidents: [String: Incident] = [:]
    /// What late events changed of past evaluations, in the order in which it was noticed.
    public private(set) var revisions: [Revision] = []

    public init() {}

    /// All of them, the latest first.
    public var all: [Incident] {
        incidents.values.sorted { ($1.firedAt, $1.id) < ($0.firedAt, $0.id) }
    }

    /// The incident that an alert is now; nil when it does not fire.
    public subscript(alert: Alert) -> Incident? { incidents[AlertText.key(alert)] }

    /// Takes note of what alerts are now.
    ///
    /// - Returns: whether anything changed.
    public mutating func observe(_ alerts: [Alert]) -> Bool {
        var changed = false
        for alert in alerts where alert.state != .pending {
            let id = AlertText.key(alert)
            if incidents[id] == nil {
                incidents[id] = Incident(
                    id: id, labels: alert.labels, annotations: alert.annotations,
                    activeAt: alert.activeAt, firedAt: alert.firedAt ?? alert.activeAt)
                changed = true
            }
            if incidents[id]?.resolvedAt != alert.resolvedAt {
                incidents[id]?.resolvedAt = alert.resolvedAt
                changed = true
            }
        }
        if incidents.count > AlertingLimits.incidents {
            for incident in all.dropFirst(AlertingLimits.incidents) { incidents[incident.id] = nil }
        }
        return changed
    }

    /// Keeps what late events changed; of too many the first go.
    ///
    /// - Returns: whether there was anything.
    public mutating func note(_ found: [Revision]) -> Bool {
        revisions = (revisions + found).suffix(AlertingLimits.revisions)
        return !found.isEmpty
    }

    /// The incident that an id means: its own, or one that it was told by when it escalated.
    public func incident(called id: String) -> Incident? {
        incidents[id]
            ?? incidents.values.first { incident in
                Escalation.labels(of: incident.labels).contains {
                    AlertText.key($0, activeAt: incident.activeAt) == id
                }
            }
    }

    /// Takes note that somebody knows of an incident, and what they say of it.
    ///
    /// - Parameter id: as `incident(called:)` takes it.
    /// - Returns: the incident; nil when there is none of the id.
    public mutating func acknowledge(
        _ id: String, _ verdict: Incident.Verdict?, by name: String, at now: Int64
    ) -> Incident? {
        guard let id = incident(called: id)?.id else { return nil }
        if incidents[id]?.acknowledgedAt == nil { incidents[id]?.acknowledgedAt = now }
        if !name.isEmpty { incidents[id]?.acknowledgedBy = name }
        if let verdict { incidents[id]?.verdict = verdict }
        return incidents[id]
    }

    /// Forgets incidents of alerts that hold one of some texts.
    ///
    /// - Returns: whether there were any.
    public mutating func erase(_ texts: [String]) -> Bool {
        let before = incidents.count + revisions.count
        revisions.removeAll { $0.labels.hold(texts) }
        incidents = incidents.filter {
            !$0.value.labels.hold(texts) && !$0.value.annotations.hold(texts)
        }
        return incidents.count + revisions.count < before
    }

    // MARK: - Bytes

    /// All of them, as bytes with a checksum.
    public func encoded() -> [UInt8] {
        CheckedDocument.encode([
            "incidents": .array(all.map { .object(json($0)) }),
            "revisions": .array(revisions.map(\.json)),
        ])
    }

    private func json(_ incident: Incident) -> JSONObject {
        var object = JSONObject()
        object["id"] = .string(incident.id)
        object["labels"] = AlertText.json(incident.labels)
        object["annotations"] = AlertText.json(incident.annotations)
        object["active_at"] = .int(incident.activeAt)
        object["fired_at"] = .int(incident.firedAt)
        object["resolved_at"] = incident.resolvedAt.map { .int($0) }
        object["acknowledged_at"] = incident.acknowledgedAt.map { .int($0) }
        object["acknowledged_by"] = .string(incident.acknowledgedBy)
        object["verdict"] = incident.verdict.map { .string($0.rawValue) }
        return object
    }

    /// Reads what `encoded` gave.
    ///
    /// - Throws: `AlertMemoryError` when the bytes are not what was written.
    public init(decoding bytes: [UInt8]) throws(AlertMemoryError) {
        let document = try CheckedDocument.decode(bytes)
        revisions = (document["revisions"]?.array ?? []).compactMap { Revision($0) }
        for entry in document["incidents"]?.array ?? [] {
            guard let id = entry["id"]?.string, let activeAt = entry["active_at"]?.integer,
                let firedAt = entry["fired_at"]?.integer
            else { continue }
            incidents[id] = Incident(
                id: id, labels: AlertText.labels(entry["labels"]),
                annotations: AlertText.labels(entry["annotations"]), activeAt: activeAt,
                firedAt: firedAt, resolvedAt: entry["resolved_at"]?.integer,
                acknowledgedAt: entry["acknowledged_at"]?.integer,
                acknowledgedBy: entry["acknowledged_by"]?.string ?? "",
                verdict: entry["verdict"]?.string.flatMap(Incident.Verdict.init))
        }
    }
}

extension Labels {
    /// Whether a value holds one of some texts.
    func hold(_ texts: [String]) -> Bool {
        contains { label in texts.contains { label.value.utf8.contains($0.utf8) } }
    }
}
