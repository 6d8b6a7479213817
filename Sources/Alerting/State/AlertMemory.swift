internal import Bytes
internal import Metrics
internal import SeriesStore

/// What is kept of a group over a restart.
struct RememberedGroup: Sendable {
    /// `RuleBook.key` of the group.
    let key: String
    /// Milliseconds since 1970.
    let evaluatedAt: Int64?
    /// Each with what its rule is known by, of `RuleGroup.ruleIdentities`.
    let alerts: [(rule: String, alert: Alert)]

    init(key: String, evaluatedAt: Int64?, alerts: [(rule: String, alert: Alert)]) {
        self.key = key
        self.evaluatedAt = evaluatedAt
        self.alerts = alerts
    }

    init(_ state: GroupState) {
        key = RuleBook.key(state.group)
        evaluatedAt = state.evaluatedAt
        alerts = zip(state.group.ruleIdentities, state.rules).flatMap { identity, rule in
            rule.alerts.values.sorted { $0.labels < $1.labels }.map { (identity, $0) }
        }
    }
}

/// What is kept of alerts over a restart, as a document.
///
/// ```
/// {"groups":[{"key":…,"evaluated_at":…,"alerts":[{"rule":…,"labels":{…},"state":"firing",…}]}],
///  "orphans":[…]}
/// ```
enum AlertMemory {
    // MARK: - Encode

    static func encode(_ groups: [RememberedGroup], _ orphans: [Alert]) -> [UInt8] {
        CheckedDocument.encode([
            "groups": .array(groups.filter { !$0.alerts.isEmpty }.map(json)),
            "orphans": .array(orphans.map { .object(json($0)) }),
        ])
    }

    private static func json(_ group: RememberedGroup) -> JSONValue {
        var object = JSONObject()
        object["key"] = .string(group.key)
        object["evaluated_at"] = group.evaluatedAt.map { .int($0) }
        object["alerts"] = .array(
            group.alerts.map { rule, alert in
                var object = json(alert)
                object["rule"] = .string(rule)
                return .object(object)
            })
        return .object(object)
    }

    static func json(_ alert: Alert) -> JSONObject {
        var object = JSONObject()
        object["labels"] = AlertText.json(alert.labels)
        object["annotations"] = AlertText.json(alert.annotations)
        object["value"] = .string(NumberText.json(alert.value))
        object["state"] = .string(alert.state.rawValue)
        object["active_at"] = .int(alert.activeAt)
        object["fired_at"] = alert.firedAt.map { .int($0) }
        object["resolved_at"] = alert.resolvedAt.map { .int($0) }
        object["missing_since"] = alert.missingSince.map { .int($0) }
        object["met_at"] = alert.metAt.map { .int($0) }
        object["unobserved_since"] = alert.unobservedSince.map { .int($0) }
        object["told_anew_at"] = alert.toldAnewAt.map { .int($0) }
        if alert.hits != 0 { object["hits"] = .int(Int64(bitPattern: alert.hits)) }
        object["receivers"] = alert.receivers.map { .array($0.map { .string($0) }) }
        return object
    }

    // MARK: - Decode

    static func decode(
        _ bytes: [UInt8]
    ) throws(AlertMemoryError) -> (groups: [RememberedGroup], orphans: [Alert]) {
        let document = try CheckedDocument.decode(bytes)
        return (
            (document["groups"]?.array ?? []).compactMap(group),
            (document["orphans"]?.array ?? []).compactMap(alert)
        )
    }

    private static func group(_ json: JSONValue) -> RememberedGroup? {
        guard let key = json["key"]?.string else { return nil }
        return RememberedGroup(
            key: key, evaluatedAt: json["evaluated_at"]?.integer,
            alerts: (json["alerts"]?.array ?? []).compactMap { json in
                guard let rule = json["rule"]?.string, let alert = alert(json) else { return nil }
                return (rule, alert)
            })
    }

    static func alert(_ json: JSONValue) -> Alert? {
        guard let state = json["state"]?.string.flatMap(Alert.State.init),
            let activeAt = json["active_at"]?.integer
        else { return nil }
        let value = json["value"]?.string.flatMap { try? SeriesNotation.number($0) }
        return Alert(
            labels: AlertText.labels(json["labels"]),
            annotations: AlertText.labels(json["annotations"]),
            value: value ?? .nan, state: state, activeAt: activeAt,
            firedAt: json["fired_at"]?.integer, resolvedAt: json["resolved_at"]?.integer,
            missingSince: json["missing_since"]?.integer,
            metAt: json["met_at"]?.integer,
            unobservedSince: json["unobserved_since"]?.integer,
            hits: UInt64(bitPattern: json["hits"]?.integer ?? 0),
            toldAnewAt: json["told_anew_at"]?.integer,
            receivers: json["receivers"]?.array?.compactMap(\.string))
    }
}
