internal import Alerting
internal import Bytes
internal import Metrics
internal import SeriesStore

/// Rules and alerts as Prometheus's HTTP API tells them (`/api/v1/rules`, `/api/v1/alerts`).
struct RuleDocument {
    /// Which rules are told of.
    struct Selection {
        /// Nil tells of both kinds.
        var kind: Rule.Kind?
        var rules: Set<String> = []
        var groups: Set<String> = []
        var files: Set<String> = []
        var excludesAlerts = false

        fileprivate func holds(_ group: RuleGroup) -> Bool {
            (groups.isEmpty || groups.contains(group.name))
                && (files.isEmpty || files.contains(group.file))
        }

        fileprivate func holds(_ rule: Rule) -> Bool {
            (rules.isEmpty || rules.contains(rule.name)) && kind.map { $0 == rule.kind } ?? true
        }
    }

    let book: RuleBook
    /// Milliseconds since 1970.
    let now: Int64

    // MARK: - Rules

    func rules(_ selection: Selection) -> JSONValue {
        var groups: [JSONValue] = []
        for state in book.groups where selection.holds(state.group) {
            let rules = state.rules.filter { selection.holds($0.rule) }
            let isAll = selection.kind == nil && selection.rules.isEmpty
            if rules.isEmpty && !isAll { continue }
            groups.append([
                "name": .string(state.group.name), "file": .string(state.group.file),
                "rules": .array(rules.map { json($0, selection) }),
                "interval": seconds(milliseconds: book.interval(of: state.group)),
                "limit": .int(Int64(state.group.limit)),
                "evaluationTime": seconds(
                    nanoseconds: state.rules.reduce(0) { $0 + $1.evaluationNanoseconds }),
                "lastEvaluation": time(state.evaluatedAt),
            ])
        }
        return RuleDocument.success(["groups": .array(groups)])
    }

    private func json(_ state: RuleState, _ selection: Selection) -> JSONValue {
        let rule = state.rule
        var object = JSONObject()
        let alerts = state.alerts.values.filter { $0.state != .inactive }
            .sorted { $0.labels < $1.labels }
        if rule.kind == .alerting {
            let isFiring = alerts.contains { $0.state == .firing }
            let worst = isFiring ? "firing" : alerts.isEmpty ? "inactive" : "pending"
            object["state"] = .string(worst)
        }
        object["name"] = .string(rule.name)
        object["query"] = .string(rule.text)
        if rule.kind == .alerting {
            object["duration"] = seconds(milliseconds: rule.hold)
            object["keepFiringFor"] = seconds(milliseconds: rule.keepFiring)
        }
        object["labels"] = texts(rule.labels)
        if rule.kind == .alerting {
            object["annotations"] = texts(rule.annotations)
            object["alerts"] = .array(selection.excludesAlerts ? [] : alerts.map(json))
        }
        let isObserved = book.isObserved(at: now)
        let known = state.evaluatedAt != nil && isObserved && state.unobserved == nil
        object["health"] = .string(state.failure != nil ? "err" : known ? "ok" : "unknown")
        let silence = "no event has arrived lately, so the rule is unobserved"
        if let problem = state.failure ?? (isObserved ? state.unobserved : silence) {
            object["lastError"] = .string(problem)
        }
        object["evaluationTime"] = seconds(nanoseconds: state.evaluationNanoseconds)
        object["lastEvaluation"] = time(state.evaluatedAt)
        object["type"] = .string(rule.kind == .alerting ? "alerting" : "recording")
        return .object(object)
    }

    // MARK: - Alerts

    func alerts() -> JSONValue {
        let alerts = book.alerts.filter { $0.state != .inactive }.sorted { $0.labels < $1.labels }
        return RuleDocument.success(["alerts": .array(alerts.map(json))])
    }

    private func json(_ alert: Alert) -> JSONValue {
        var object = JSONObject()
        object["labels"] = RuleDocument.json(alert.labels)
        object["annotations"] = RuleDocument.json(alert.annotations)
        object["state"] = .string(alert.state.rawValue)
        object["activeAt"] = time(alert.activeAt)
        if let since = alert.missingSince { object["keepFiringSince"] = time(since) }
        object["value"] = .string(NumberText.scientific(alert.value))
        return .object(object)
    }

    // MARK: - Values

    static func success(_ data: JSONValue) -> JSONValue { ["status": "success", "data": data] }

    static func json(_ labels: Labels) -> JSONValue {
        .object(JSONObject(labels.map { JSONObject.Member($0.name, .string($0.value)) }))
    }

    private func texts(_ entries: [(name: String, template: Template)]) -> JSONValue {
        .object(JSONObject(entries.map { JSONObject.Member($0.name, .string($0.template.text)) }))
    }

    private func seconds(milliseconds: Int64) -> JSONValue {
        milliseconds % 1000 == 0 ? .int(milliseconds / 1000) : .double(Double(milliseconds) / 1000)
    }

    private func seconds(nanoseconds: Int64) -> JSONValue { .double(Double(nanoseconds) / 1e9) }

    /// As Go writes times; one that is not there is its zero.
    private func time(_ milliseconds: Int64?) -> JSONValue {
        guard let milliseconds else { return "0001-01-01T00:00:00Z" }
        return .string(RFC3339.text(milliseconds: milliseconds))
    }
}
