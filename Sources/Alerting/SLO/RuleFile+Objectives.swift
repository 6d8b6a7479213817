internal import Bytes
internal import Metrics

extension RuleFile {
    /// The file that rules of objectives are said to be in.
    public static let objectiveFile = "slos"

    /// The rules of burn-rate alerts and of budget alerts, a group for each objective.
    ///
    /// They are rules like others: their states, and who is told of them, are those of all alerts.
    public init(_ objectives: [ServiceLevelObjective]) throws(RuleFileError) {
        let objectives = objectives.filter { !$0.alerts.isEmpty || !$0.budgetAlerts.isEmpty }
        let groups = objectives.map { objective -> JSONValue in
            let rules =
                objective.alerts.map(objective.rule) + objective.budgetAlerts.map(objective.rule)
            return ["name": .string(objective.id), "rules": .array(rules)]
        }
        let text = JSONValue.object(JSONObject([.init("groups", .array(groups))])).text
        // JSON is YAML too.
        let file = try RuleFile(Array(text.utf8), name: RuleFile.objectiveFile)
        self.init(
            name: file.name,
            groups: zip(file.groups, objectives).map { group, objective in
                group.watching(objective)
            })
    }
}

extension ServiceLevelObjective {
    /// The alert's name, of all objectives.
    static let alertName = "ErrorBudgetBurn"

    fileprivate func rule(_ alert: BurnRateAlert) -> JSONValue {
        var labels = JSONObject()
        labels["window"] = .string(DurationText.text(milliseconds: alert.long))
        labels["severity"] = .string(alert.severity.rawValue)
        labels["tier"] = .string(alert.severity.rawValue)
        return rule(
            ServiceLevelObjective.alertName, alert.expression(self), labels,
            " burns its error budget {{ $value | humanize }} times faster than allowed over "
                + "{{ $labels.window }}",
            summary)
    }

    fileprivate func rule(_ alert: BudgetAlert) -> JSONValue {
        var labels = JSONObject()
        let window = DurationText.text(milliseconds: alert.window(in: period.length))
        labels["window"] = .string(window)
        labels[BudgetAlert.label] = .string(alert.id)
        if let severity = alert.severity { labels["severity"] = .string(severity) }
        return rule(
            alert.name, alert.expression(self), labels, alert.text(window: window),
            alert.summary.isEmpty ? summary : alert.summary)
    }

    private func rule(
        _ name: String, _ expression: String, _ labels: JSONObject, _ text: String,
        _ description: String
    ) -> JSONValue {
        var labels = labels
        if !owner.isEmpty { labels["owner"] = .string(literal(owner)) }
        var annotations = JSONObject()
        annotations["summary"] = .string(literal(title.isEmpty ? id : title) + text)
        if !description.isEmpty { annotations["description"] = .string(literal(description)) }
        if !runbook.isEmpty { annotations["runbook_url"] = .string(literal(runbook)) }
        return [
            "alert": .string(name), "expr": .string(expression), "labels": .object(labels),
            "annotations": .object(annotations),
        ]
    }

    /// That there were events in a window: without any nothing is known to be well again.
    fileprivate func sight(over window: Int64) -> PromQLQuery? {
        let figure = SLOSeries.Figure.events.rawValue
        let window = DurationText.text(milliseconds: window)
        return try? PromQLQuery("\(figure){slo=\"\(id)\",window=\"\(window)\"} > 0")
    }

    /// A text as a template that becomes it.
    private func literal(_ text: String) -> String {
        text.replacing("{{", with: #"{{"{{"}}"#)
    }
}

extension RuleGroup {
    /// The same, each rule with the alert that it is or with who is told of it, and with what it can be over by.
    fileprivate func watching(_ objective: ServiceLevelObjective) -> RuleGroup {
        let alerts = objective.alerts.count
        return RuleGroup(
            name: name, file: file, interval: interval, limit: limit, queryOffset: queryOffset,
            rules: rules.enumerated().map { place, rule in
                var rule = rule
                if place < alerts {
                    let alert = objective.alerts[place]
                    rule.burnRate = BurnRateRule(objective: objective, alert: alert)
                    rule.sight = objective.sight(over: alert.short)
                } else {
                    let alert = objective.budgetAlerts[place - alerts]
                    rule.sight = objective.sight(over: alert.window(in: objective.period.length))
                    rule.receivers = alert.receivers
                }
                return rule
            })
    }
}
