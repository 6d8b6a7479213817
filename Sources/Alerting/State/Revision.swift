internal import Bytes
internal import Metrics
public import SeriesStore

/// What an evaluation would have found otherwise, had all events come in time.
public struct Revision: Sendable {
    /// Milliseconds since 1970 of the evaluation, and of when this was noticed.
    public let evaluatedAt: Int64
    public let noticedAt: Int64
    public let rule: String
    /// Of the alert that there was or should have been.
    public let labels: Labels
    /// Whether the condition was met, as is known now; it was taken for the contrary.
    public let isMet: Bool
    /// What the condition is about, as is known now; not a number where it is not known.
    public let value: Double

    /// Whether it is about a time in which an alert was there, or came near it.
    public func concerns(_ alert: Alert) -> Bool {
        labels == alert.labels && evaluatedAt >= alert.activeAt - Revision.nearness
            && evaluatedAt <= alert.resolvedAt ?? .max
    }

    /// Milliseconds before an alert that are told with it.
    private static let nearness: Int64 = 900_000

    // MARK: - Bytes

    var json: JSONValue {
        [
            "evaluated_at": .int(evaluatedAt), "noticed_at": .int(noticedAt),
            "rule": .string(rule), "labels": AlertText.json(labels), "met": .bool(isMet),
            "value": .string(NumberText.json(value)),
        ]
    }

    init(
        evaluatedAt: Int64, noticedAt: Int64, rule: String, labels: Labels, isMet: Bool,
        value: Double
    ) {
        self.evaluatedAt = evaluatedAt
        self.noticedAt = noticedAt
        self.rule = rule
        self.labels = labels
        self.isMet = isMet
        self.value = value
    }

    /// Reads what `json` gave; nil for anything else.
    init?(_ json: JSONValue) {
        guard let evaluatedAt = json["evaluated_at"]?.integer,
            let noticedAt = json["noticed_at"]?.integer, let isMet = json["met"]?.bool
        else { return nil }
        let value = json["value"]?.string.flatMap { try? SeriesNotation.number($0) }
        self.init(
            evaluatedAt: evaluatedAt, noticedAt: noticedAt, rule: json["rule"]?.string ?? "",
            labels: AlertText.labels(json["labels"]), isMet: isMet, value: value ?? .nan)
    }
}
