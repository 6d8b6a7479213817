internal import Bytes

extension RuleFile {
    /// The file that rules of objectives are said to be in.
    public static let objectiveFile = "slos"

    /// The rules of burn-rate alerts, a group for each objective.
    ///
    /// They are rules like others: their states, and who is told of them, are those of all alerts.
    public init(_ objectives: [ServiceLevelObjective]) throws(RuleFileError) {
        let groups = objectives.filter { !$0.alerts.isEmpty }.map { objective -> JSONValue in
            ["name": .string(objective.id), "rules": .array(objective.alerts.map(objective.rule))]
        }
        let text = JSONValue.object(JSONObject([.init("groups", .array(groups))])).text
        // JSON is YAML too.
        try self.init(Array(text.utf8), name: RuleFile.objectiveFile)
    }
}

extension ServiceLevelObjective {
    /// The alert's name, of all objectives.
    static let alertName = "ErrorBudgetBurn"

    fileprivate func rule(_ alert: BurnRateAlert) -> JSONValue {
        var labels = JSONObject()
        labels["severity"] = .string(alert.severity.rawValue)
        labels["tier"] = .string(alert.severity.rawValue)
        if !owner.isEmpty { labels["owner"] = .string(literal(owner)) }
        var annotations = JSONObject()
        annotations["summary"] = .string(
            literal(title.isEmpty ? id : title) + " burns its error budget {{ $value | humanize }} "
                + "times faster than allowed over {{ $labels.window }}")
        if !summary.isEmpty { annotations["description"] = .string(literal(summary)) }
        if !runbook.isEmpty { annotations["runbook_url"] = .string(literal(runbook)) }
        return [
            "alert": .string(ServiceLevelObjective.alertName),
            "expr": .string(alert.expression(self)), "labels": .object(labels),
            "annotations": .object(annotations),
        ]
    }

    /// A text as a template that becomes it.
    private func literal(_ text: String) -> String {
        text.replacing("{{", with: #"{{"{{"}}"#)
    }
}
