internal import Bytes
internal import SeriesStore

/// What a webhook is told of one alert, in the form in which Honeycomb tells its webhooks.
///
/// `id` is the trigger's or the burn alert's; `Group` holds the labels of the alert beside those that name
/// it.
enum HoneycombMessage {
    private static let version: JSONValue = "v0.1.0"
    private static let names: Set<String> = [
        Alert.nameLabel, "trigger", "dataset", "slo", "window", BudgetAlert.label,
    ]

    /// - Parameter alerts: the first is told of.
    static func json(_ alerts: [Alert], isOver: Bool, _ externalURL: String) -> JSONValue {
        guard let alert = alerts.first else { return [:] }
        let told = AlertText.told(alert.annotations)
        let burnAlert = alert.labels[BudgetAlert.label]
        let name = alert.labels[Alert.nameLabel]
        let group = groups(alert)
        var object = JSONObject()
        object["version"] = version
        object["id"] = .string(burnAlert.isEmpty ? alert.labels["trigger"] : burnAlert)
        object["name"] = .string(name)
        object["trigger_description"] = .string(told["description"])
        object["status"] = isOver ? "OK" : "TRIGGERED"
        object["summary"] = .string((isOver ? "Resolved: " : "Triggered: ") + name)
        object["description"] = .string(told["summary"])
        if burnAlert.isEmpty {
            let condition = told[Trigger.thresholdAnnotation].split(separator: " ")
            object["operator"] = .string(words(condition.first ?? ""))
            object["threshold"] = condition.last.flatMap { Double($0) }.map { .double($0) } ?? .null
            object["trigger_url"] = .string(
                "\(externalURL)/api/triggers/\(alert.labels["trigger"])")
        } else {
            object["slo_url"] = .string("\(externalURL)/api/slos/\(alert.labels["slo"])")
        }
        object["result_url"] = .string(Receiver.link(alert, else: externalURL))
        object["result_groups"] = group
        object["result_groups_triggered"] = isOver ? .array([]) : group
        object["labels"] = AlertText.json(alert.labels)
        object["annotations"] = AlertText.json(told)
        object["is_test"] = false
        return .object(object)
    }

    private static func groups(_ alert: Alert) -> JSONValue {
        let group = Labels(alert.labels.filter { !names.contains($0.name) })
        let value: JSONValue = alert.value.isFinite ? .double(alert.value) : .null
        return [["Group": AlertText.json(group), "Result": value]]
    }

    private static func words(_ sign: Substring) -> String {
        switch sign {
        case ">": "greater than"
        case ">=": "greater than or equal to"
        case "<": "less than"
        case "<=": "less than or equal to"
        default: ""
        }
    }
}
