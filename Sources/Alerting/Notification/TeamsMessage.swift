internal import Bytes
internal import SeriesStore

/// What a webhook of Microsoft Teams is told: an Adaptive Card, which a workflow takes and a connector too.
///
/// Its texts are runs of plain text: what Teams would read as markup is none there. A card may have 28 KiB,
/// so a message tells of few alerts and leaves out what is long.
enum TeamsMessage {
    /// Characters of the line of an alert, and of a detail that is told.
    private static let lineCharacters = 512
    private static let detailCharacters = 250

    static func json(_ alerts: [Alert], isOver: Bool) -> JSONValue {
        var body: [JSONValue] = []
        for alert in alerts {
            let line = String(AlertText.line(alert).prefix(lineCharacters))
            body.append(text(line, color: isOver ? "Good" : "Attention", isBold: true))
            if isOver { continue }
            for (name, value) in AlertText.details(alert) where value.count <= detailCharacters {
                body.append(text("\(name): \(value)", color: "Default", isBold: false))
            }
        }
        var card = JSONObject()
        card["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json"
        card["type"] = "AdaptiveCard"
        card["version"] = "1.4"
        card["body"] = .array(body)
        card["actions"] = .array(alerts.count == 1 ? alerts.flatMap(links) : [])
        return [
            "type": "message",
            "attachments": [
                [
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": .object(card),
                ]
            ],
        ]
    }

    private static func text(_ text: String, color: JSONValue, isBold: Bool) -> JSONValue {
        [
            "type": "RichTextBlock",
            "inlines": [
                [
                    "type": "TextRun", "text": .string(text), "color": color,
                    "weight": isBold ? "Bolder" : "Default",
                ]
            ],
        ]
    }

    /// Buttons that lead to the query and the runbook.
    private static func links(_ alert: Alert) -> [JSONValue] {
        [("Query", alert.annotations["query_url"]), ("Runbook", alert.contact.runbook)]
            .filter { $0.1.hasPrefix("https://") || $0.1.hasPrefix("http://") }
            .map { title, url in
                ["type": "Action.OpenUrl", "title": .string(title), "url": .string(url)]
            }
    }
}
