internal import Alerting
internal import Bytes

/// A burn alert as Honeycomb's clients define it: what the budget of an SLO must not do, and who is told.
///
/// ```
/// {"alert_type": "exhaustion_time", "exhaustion_minutes": 120, "slo": {"id": "…"},
///  "recipients": [{"id": "…"}], "description": "…"}
/// {"alert_type": "budget_rate", "budget_rate_window_minutes": 60,
///  "budget_rate_decrease_threshold_per_million": 10000, "slo": …, "recipients": …}
/// ```
struct BurnAlertDefinition {
    private static let members: Set<String> = [
        "alert_type", "exhaustion_minutes", "budget_rate_window_minutes",
        "budget_rate_decrease_threshold_per_million", "slo", "recipients", "description",
        "auto_investigate", "created_at", "updated_at",
    ]
    /// What a server says of one itself.
    static let told: Set<String> = ["id", "triggered", "created_at", "updated_at"]

    /// The SLO whose budget it is.
    let objective: String
    let alert: BudgetAlert

    /// Reads a definition; throws a problem that names the member that is wrong.
    init(_ document: Definitions.Document) throws(HTTPRefusal) {
        let body = DefinitionBody(document.body)
        if let unknown = body.names.first(where: { !BurnAlertDefinition.members.contains($0) }) {
            throw body.wrong(unknown, "is no member of a burn alert")
        }
        objective = try BurnAlertDefinition.objective(body)
        let recipients = body.member("recipients")?.array ?? []
        guard !recipients.isEmpty else {
            throw body.wrong("recipients", "are missing", code: "missing")
        }
        _ = try body.flag("auto_investigate")
        alert = BudgetAlert(
            id: document.id, try BurnAlertDefinition.condition(body),
            summary: try body.text("description", charactersMax: 1023) ?? "",
            severity: recipients.lazy
                .compactMap { $0["details"]?["pagerduty_severity"]?.string }.first,
            receivers: recipients.compactMap { $0["id"]?.string })
    }

    static func objective(_ body: DefinitionBody) throws(HTTPRefusal) -> String {
        guard let id = body.member("slo")?["id"]?.string, !id.isEmpty else {
            throw body.wrong("slo", "is missing, or has no id", code: "missing")
        }
        return id
    }

    private static func condition(
        _ body: DefinitionBody
    ) throws(HTTPRefusal) -> BudgetAlert.Condition {
        let own = ["exhaustion_minutes"]
        let other = ["budget_rate_window_minutes", "budget_rate_decrease_threshold_per_million"]
        func minutes(_ name: String, atLeast least: Int64) throws(HTTPRefusal) -> Int64 {
            let most = ServiceLimits.periodOfSLO.upperBound / 60_000
            return try required(body, name, in: least...most) * 60_000
        }
        switch try body.text("alert_type", charactersMax: 30) ?? "exhaustion_time" {
        case "exhaustion_time":
            try refuse(other, in: body)
            return .exhaustion(within: try minutes(own[0], atLeast: 0))
        case "budget_rate":
            try refuse(own, in: body)
            let share = try required(body, other[1], in: 1...1_000_000)
            return .spent(share: Double(share) / 1e6, within: try minutes(other[0], atLeast: 60))
        default:
            throw body.wrong("alert_type", "is neither exhaustion_time nor budget_rate")
        }
    }

    private static func required(
        _ body: DefinitionBody, _ name: String, in range: ClosedRange<Int64>
    ) throws(HTTPRefusal) -> Int64 {
        guard let value = try body.integer(name, in: range) else {
            throw body.wrong(name, "is missing", code: "missing")
        }
        return value
    }

    private static func refuse(
        _ names: [String], in body: DefinitionBody
    ) throws(HTTPRefusal) {
        for name in names where body.has(name) {
            throw body.wrong(name, "is no member of a burn alert of this alert_type")
        }
    }
}

extension Definitions {
    /// The alerts on the budget of each SLO that has some, by its id.
    var budgetAlerts: [String: [BudgetAlert]] {
        let all = all(.burnAlerts).compactMap { try? BurnAlertDefinition($0) }
        return Dictionary(grouping: all, by: \.objective).mapValues { $0.map(\.alert) }
    }

    /// Removes an SLO with its burn alerts.
    mutating func remove(slo: Document) {
        _ = remove(.slos, slo.id, of: slo.dataset)
        for document in all(.burnAlerts)
        where (try? BurnAlertDefinition(document))?.objective == slo.id {
            _ = remove(.burnAlerts, document.id, of: document.dataset)
        }
    }
}
