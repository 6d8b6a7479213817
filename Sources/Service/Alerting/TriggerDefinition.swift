internal import Alerting
internal import Bytes
internal import EventQuery

/// A trigger as it was defined: Honeycomb's members, and ours beside them.
///
/// ```
/// {"name": "slow", "description": "…", "tags": [{"key": "team", "value": "blue"}],
///  "query": {…} or "from shop | stats p99(duration_ms)", or "query_id": "…", "window": 300,
///  "threshold": {"op": ">", "value": 100, "exceeded_limit": 2, "windows": 5, "recovery": 80},
///  "baseline": {"weeks": 4} or "baseline_details": {"offset_minutes": 1440, "type": "value"},
///  "frequency": 900, "alert_type": "on_change", "disabled": false,
///  "evaluation_schedule": {"window": {"days_of_week": ["monday"], "start_time": "13:00", "end_time": "21:00"}},
///  "recipients": [{"id": "oncall"}], "labels": {…}, "annotations": {…}}
/// ```
struct TriggerDefinition {
    static let members: Set<String> = [
        "id", "dataset_slug", "dataset", "name", "description", "tags", "query", "query_id",
        "specification", "window", "threshold", "baseline", "baseline_details", "frequency",
        "alert_type", "disabled", "evaluation_schedule_type", "evaluation_schedule", "recipients",
        "labels", "annotations", "created_at", "updated_at", "triggered", "auto_investigate",
    ]

    /// As rules are evaluated; nil for a trigger that is disabled.
    let group: RuleGroup?

    /// Reads a definition; throws a problem that names the member that is wrong.
    init(_ document: Definitions.Document) throws(HTTPRefusal) {
        let body = DefinitionBody(document.body)
        if let unknown = body.names.first(where: { !TriggerDefinition.members.contains($0) }) {
            throw body.wrong(unknown, "is no member of a trigger")
        }
        let name = try body.requiredText("name", charactersMax: 120)
        let query = try TriggerDefinition.query(body, dataset: document.dataset)
        let group: RuleGroup
        do {
            let trigger = try Trigger(
                query, window: try body.integer("window", in: 1...604_800).map { $0 * 1000 },
                threshold: try TriggerDefinition.threshold(body),
                baseline: try TriggerDefinition.baseline(body),
                schedule: try TriggerDefinition.schedule(body),
                repeats: try TriggerDefinition.repeats(body))
            group = try RuleGroup(
                trigger, id: document.id, name: name,
                interval: 1000 * (try body.integer("frequency", in: 1...86_400) ?? 900),
                labels: try TriggerDefinition.labels(body, document),
                annotations: try TriggerDefinition.annotations(body),
                receivers: body.member("recipients")?.array?.compactMap { $0["id"]?.string })
        } catch let error as TriggerError {
            throw body.wrong(error.member, error.message)
        } catch let error as HTTPRefusal {
            throw error
        } catch {
            preconditionFailure("BUG: reading a trigger throws \(error)")
        }
        self.group = try body.flag("disabled") ?? false ? nil : group
    }

    /// Throws a problem when an annotation that says how long something may take is no duration.
    ///
    /// Asked of what is sent only: a trigger that is kept goes on, with what its tier takes for granted.
    static func refuseUnreadableDeadlines(_ body: DefinitionBody) throws(HTTPRefusal) {
        let inner = try body.object("annotations")
        for name in inner.names {
            let text = try inner.text(name, charactersMax: 4095) ?? ""
            if !text.contains("{{"), let message = RuleGroup.objection(to: text, named: name) {
                throw body.wrong("annotations", message)
            }
        }
    }

    // MARK: - Question

    /// What a trigger asks; throws a problem when that is no query.
    static func query(of document: Definitions.Document) throws(HTTPRefusal) -> Query {
        try query(DefinitionBody(document.body), dataset: document.dataset)
    }

    private static func query(
        _ body: DefinitionBody, dataset: String
    ) throws(HTTPRefusal) -> Query {
        switch body.member("specification") ?? body.member("query") {
        case .string(let text): return try Question(text: text).query
        case .some(let specification) where specification.object != nil:
            if specification["usage_mode"]?.bool == true {
                throw body.wrong("query", "counts in usage mode, which a trigger's cannot")
            }
            return try Question(specification: specification, dataset: dataset).query
        default: throw body.wrong("query", "is missing, as is query_id", code: "missing")
        }
    }

    private static func repeats(_ body: DefinitionBody) throws(HTTPRefusal) -> Bool {
        switch try body.text("alert_type", charactersMax: 20) ?? "on_change" {
        case "on_change": return false
        case "on_true": return true
        default: throw body.wrong("alert_type", "is neither on_change nor on_true")
        }
    }

    // MARK: - Threshold

    private static func threshold(_ body: DefinitionBody) throws -> TriggerThreshold {
        guard body.has("threshold") else {
            throw body.wrong("threshold", "is missing", code: "missing")
        }
        let inner = try body.object("threshold")
        let sign = try inner.requiredText("op", charactersMax: 2)
        guard let comparison = TriggerThreshold.Comparison(rawValue: sign) else {
            throw body.wrong("threshold.op", "is none of > >= < <=")
        }
        guard let value = inner.member("value")?.number else {
            throw body.wrong("threshold.value", "is not a number", code: "incorrect_type")
        }
        if inner.has("recovery"), inner.member("recovery")?.number == nil {
            throw body.wrong("threshold.recovery", "is not a number", code: "incorrect_type")
        }
        let range: ClosedRange<Int64> = 1...Int64(AlertingLimits.triggerWindows)
        return try TriggerThreshold(
            comparison, value, recovery: inner.member("recovery")?.number,
            hits: Int(try inner.integer("exceeded_limit", in: range) ?? 1),
            windows: try inner.integer("windows", in: range).map { Int($0) })
    }

    private static func baseline(_ body: DefinitionBody) throws(HTTPRefusal) -> TriggerBaseline? {
        let (own, other) = (try body.object("baseline"), try body.object("baseline_details"))
        if !own.names.isEmpty, !other.names.isEmpty {
            throw body.wrong("baseline", "stands beside baseline_details")
        }
        if !own.names.isEmpty {
            guard let weeks = try own.integer("weeks", in: 1...8) else {
                throw body.wrong("baseline.weeks", "is missing", code: "missing")
            }
            return .sameHour(weeks: Int(weeks))
        }
        if other.names.isEmpty { return nil }
        guard let minutes = try other.integer("offset_minutes", in: 1...525_600) else {
            throw body.wrong("baseline_details.offset_minutes", "is missing", code: "missing")
        }
        switch try other.requiredText("type", charactersMax: 20) {
        case "value": return .difference(offset: minutes * 60_000)
        case "percentage": return .percentage(offset: minutes * 60_000)
        default: throw body.wrong("baseline_details.type", "is neither value nor percentage")
        }
    }

    // MARK: - Schedule

    private static func schedule(_ body: DefinitionBody) throws(HTTPRefusal) -> TriggerSchedule? {
        let type = try body.text("evaluation_schedule_type", charactersMax: 20)
        let window = try body.object("evaluation_schedule").object("window")
        if type == "frequency" || type == nil && window.names.isEmpty { return nil }
        guard type == nil || type == "window" else {
            throw body.wrong("evaluation_schedule_type", "is neither frequency nor window")
        }
        let names = window.member("days_of_week")?.array ?? []
        let days = names.compactMap { $0.string.flatMap(TriggerSchedule.dayNames.firstIndex) }
        guard !days.isEmpty, days.count == names.count else {
            throw body.wrong("evaluation_schedule.window.days_of_week", "names no days")
        }
        return TriggerSchedule(
            days: Set(days), start: try minute(window, "start_time"),
            end: try minute(window, "end_time"))
    }

    /// Minutes of the day of `21:30`.
    private static func minute(
        _ window: DefinitionBody, _ member: String
    ) throws(HTTPRefusal) -> Int {
        let parts = try window.requiredText(member, charactersMax: 5).split(separator: ":")
        guard parts.count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]),
            0..<24 ~= hour, 0..<60 ~= minute
        else { throw window.wrong("evaluation_schedule.window.\(member)", "is no HH:MM") }
        return hour * 60 + minute
    }

    // MARK: - Labels

    private static func labels(
        _ body: DefinitionBody, _ document: Definitions.Document
    ) throws(HTTPRefusal) -> [(name: String, value: String)] {
        var labels = [(name: "trigger", value: document.id)]
        if document.dataset != Query.allDatasets { labels.append(("dataset", document.dataset)) }
        let tags = body.member("tags")?.array ?? []
        guard tags.count <= 10 else { throw body.wrong("tags", "are more than 10") }
        for tag in tags {
            guard let key = tag["key"]?.string, let value = tag["value"]?.string else {
                throw body.wrong("tags", "are not objects of key and value")
            }
            labels.append((key, value))
        }
        labels += try texts(body, "labels")
        let isWord = /[a-zA-Z_][a-zA-Z0-9_]*/
        for (name, value) in labels {
            guard name.wholeMatch(of: isWord) != nil, name.count <= 32, value.count <= 128 else {
                throw body.wrong("tags", "have '\(name)', which is no name of a label")
            }
        }
        for (place, label) in labels.enumerated()
        where labels[..<place].contains(where: { $0.name == label.name }) {
            throw body.wrong("tags", "have '\(label.name)' twice, or it is taken")
        }
        return labels
    }

    private static func annotations(
        _ body: DefinitionBody
    ) throws(HTTPRefusal) -> [(name: String, text: String)] {
        var annotations = try texts(body, "annotations")
        if let text = try body.text("description", charactersMax: 1023), !text.isEmpty,
            !annotations.contains(where: { $0.name == "description" })
        {
            annotations.append(("description", text))
        }
        return annotations.map { (name: $0.name, text: $0.value) }
    }

    private static func texts(
        _ body: DefinitionBody, _ member: String
    ) throws(HTTPRefusal) -> [(name: String, value: String)] {
        let inner = try body.object(member)
        var texts: [(name: String, value: String)] = []
        for name in inner.names {
            texts.append((name, try inner.text(name, charactersMax: 4095) ?? ""))
        }
        return texts
    }
}
