internal import Bytes
internal import SeriesStore

/// Someone who is told of alerts directly, without an Alertmanager.
public struct Receiver: Sendable {
    public enum Kind: Sendable {
        /// A POST in the form of Alertmanager's webhooks.
        case webhook(url: String)
        /// A POST in the form of Honeycomb's webhooks, with headers of its own (`name: value`).
        case honeycomb(url: String, headers: [String])
        /// An incoming webhook of Slack; into a channel where one is named.
        case slack(url: String, channel: String?)
        /// A webhook of Microsoft Teams.
        case teams(url: String)
        /// Events API v2 of PagerDuty.
        case pagerDuty(url: String, routingKey: String)
        /// A mail through a server: `smtp://host:25` or `smtps://host:465`.
        case mail(server: String, from: String, to: [String], user: String, password: String)
    }

    public let name: String
    public let kind: Kind
    /// Labels that an alert must have with these values; all alerts when there are none, and nil for
    /// alerts alone that name it.
    public let match: [(name: String, value: String)]?
    /// Whether it is told of the end too.
    public let tellsEnd: Bool

    public init(
        name: String, kind: Kind, match: [(name: String, value: String)]?, tellsEnd: Bool = true
    ) {
        self.name = name
        self.kind = kind
        self.match = match
        self.tellsEnd = tellsEnd
    }

    /// What it is, as definitions call it.
    public var typeName: String {
        switch kind {
        case .webhook, .honeycomb: "webhook"
        case .slack: "slack"
        case .teams: "msteams"
        case .pagerDuty: "pagerduty"
        case .mail: "email"
        }
    }

    func wants(_ alert: Alert) -> Bool {
        if let receivers = alert.receivers { return receivers.contains(name) }
        return matches(alert.labels, naming: [])
    }

    /// Whether labels are those of its `match`, and `match` has one of some names, where there are any.
    func matches(_ labels: Labels, naming names: [String]) -> Bool {
        guard let match else { return false }
        return match.allSatisfy { labels[$0.name] == $0.value }
            && (names.isEmpty || match.contains { names.contains($0.name) })
    }

    // MARK: - Messages

    /// How many alerts one message may tell of.
    var alertsPerMessage: Int {
        switch kind {
        case .pagerDuty, .honeycomb: 1
        case .teams: AlertingLimits.alertsPerCard
        case .webhook, .slack, .mail: AlertingLimits.alertsPerMessage
        }
    }

    /// The message that tells of alerts, which are all firing or all over.
    func message(_ alerts: [Alert], isOver: Bool, externalURL: String) -> OutgoingMessage {
        let told = Dictionary(
            alerts.map { ($0.identity, Told(isOver: isOver, anewAt: $0.toldAnewAt)) },
            uniquingKeysWith: { $1 })
        let road: OutgoingMessage.Road
        let body: [UInt8]
        switch kind {
        case .webhook(let url):
            road = .post(url: url, headers: [Receiver.deliveryKey(alerts, isOver: isOver)])
            body = json(webhook(alerts, isOver: isOver, externalURL))
        case .honeycomb(let url, let headers):
            road = .post(
                url: url, headers: headers + [Receiver.deliveryKey(alerts, isOver: isOver)])
            body = json(HoneycombMessage.json(alerts, isOver: isOver, externalURL))
        case .slack(let url, let channel):
            road = .post(url: url, headers: [])
            body = json(slack(alerts, channel, isOver: isOver))
        case .teams(let url):
            road = .post(url: url, headers: [])
            body = json(TeamsMessage.json(alerts, isOver: isOver))
        case .pagerDuty(let url, let routingKey):
            road = .post(url: url, headers: [])
            body = json(pagerDuty(alerts, routingKey, isOver: isOver, externalURL))
        case .mail(let server, let from, let to, let user, let password):
            road = .mail(server: server, from: from, to: to, user: user, password: password)
            body = mail(alerts, from: from, to: to, isOver: isOver)
        }
        return OutgoingMessage(road: road, body: body, told: told)
    }

    /// The header by which a receiver knows a message that it got before.
    private static func deliveryKey(_ alerts: [Alert], isOver: Bool) -> String {
        let key = alerts.map(AlertText.key).joined(separator: ",").prefix(200)
        return "Idempotency-Key: \(key)-\(stage(alerts, isOver: isOver))"
    }

    /// What tells one message about alerts from another one about the same.
    private static func stage(_ alerts: [Alert], isOver: Bool) -> String {
        if isOver { return "resolved" }
        return alerts.compactMap(\.toldAnewAt).max().map { "firing-\($0)" } ?? "firing"
    }

    private func json(_ value: JSONValue) -> [UInt8] { Array(value.text.utf8) }

    private func webhook(
        _ alerts: [Alert], isOver: Bool, _ externalURL: String
    ) -> JSONValue {
        let status: JSONValue = isOver ? "resolved" : "firing"
        return [
            "version": "4", "groupKey": .string("{}:{name=\"\(name)\"}"), "truncatedAlerts": 0,
            "status": status, "receiver": .string(name), "groupLabels": [:],
            "commonLabels": AlertText.json(AlertText.shared(alerts.map(\.labels))),
            "commonAnnotations": AlertText.json(AlertText.shared(alerts.map(\.annotations))),
            "externalURL": .string(externalURL),
            "alerts": .array(
                alerts.map { alert in
                    [
                        "status": status, "labels": AlertText.json(alert.labels),
                        "annotations": AlertText.json(AlertText.told(alert.annotations)),
                        "startsAt": AlertText.time(alert.firedAt ?? alert.activeAt),
                        "endsAt": alert.resolvedAt.map(AlertText.time) ?? "0001-01-01T00:00:00Z",
                        "generatorURL": .string(Receiver.link(alert, else: externalURL)),
                        "fingerprint": .string(AlertText.key(alert)),
                    ]
                }),
        ]
    }

    private func slack(_ alerts: [Alert], _ channel: String?, isOver: Bool) -> JSONValue {
        // What Slack reads as markup is text here.
        let lines = alerts.enumerated().map { place, alert in
            let line = String(AlertText.line(alert).prefix(Receiver.lineCharacters))
            if isOver || place >= Receiver.alertsInDetail { return line }
            return ([line] + AlertText.details(alert).map { "    \($0.name): \($0.value)" })
                .joined(separator: "\n")
        }
        let text = lines.joined(separator: "\n")
            .replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        var message = JSONObject()
        message["channel"] = channel.map { .string($0) }
        message["attachments"] = [
            [
                "color": isOver ? "good" : "danger", "fallback": .string(text),
                "text": .string(text),
            ]
        ]
        return .object(message)
    }

    /// Characters of the line of an alert, and how many alerts of one message of Slack's say more.
    private static let lineCharacters = 1_024
    private static let alertsInDetail = 5

    /// Where people look at what an alert comes from.
    static func link(_ alert: Alert, else url: String) -> String {
        let link = alert.annotations["query_url"]
        return link.isEmpty ? url : link
    }

    private static let severities = ["critical", "error", "warning", "info"]

    private func pagerDuty(
        _ alerts: [Alert], _ routingKey: String, isOver: Bool, _ externalURL: String
    ) -> JSONValue {
        guard let alert = alerts.first else { return [:] }
        let severity = alert.labels["severity"]
        let source = alert.labels["service_name"]
        return [
            "routing_key": .string(routingKey),
            "event_action": isOver ? "resolve" : "trigger",
            "dedup_key": .string(AlertText.key(alert)),
            "client": "Widefield", "client_url": .string(externalURL),
            "links": .array(
                [("query", alert.annotations["query_url"]), ("runbook", alert.contact.runbook)]
                    .filter { $0.1.contains("://") }
                    .map { ["text": .string($0.0), "href": .string($0.1)] }),
            "payload": [
                "summary": .string(
                    String(AlertText.line(alert).prefix(Receiver.lineCharacters))),
                "source": .string(source.isEmpty ? "widefield" : source),
                "severity": .string(
                    Receiver.severities.contains(severity) ? severity : "critical"),
                "timestamp": AlertText.time(alert.firedAt ?? alert.activeAt),
                "custom_details": .object(details(alert)),
            ],
        ]
    }

    /// What PagerDuty shows beside a summary.
    private func details(_ alert: Alert) -> JSONObject {
        var object = JSONObject()
        for (name, value) in AlertText.details(alert) { object[name] = .string(value) }
        object["labels"] = AlertText.json(alert.labels)
        object["annotations"] = AlertText.json(AlertText.told(alert.annotations))
        return object
    }

    /// A mail of plain text; what comes of alerts stands in its body, encoded, and never in a header as
    /// it is.
    private func mail(_ alerts: [Alert], from: String, to: [String], isOver: Bool) -> [UInt8] {
        let names = Set(alerts.map { $0.labels[Alert.nameLabel] }).sorted()
        let title = (isOver ? "[RESOLVED] " : "[FIRING] ") + names.joined(separator: ", ")
        let subject = "=?UTF-8?B?" + AlertText.base64(String(title.prefix(40))) + "?="
        var text = "From: <\(from)>\r\nTo: \(to.map { "<\($0)>" }.joined(separator: ", "))\r\n"
        let key = alerts.first.map(AlertText.key) ?? "none"
        text +=
            "Subject: \(subject)\r\nMessage-ID: <\(key).\(isOver ? "over" : "fires")@widefield>\r\n"
        text += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        text += "Content-Transfer-Encoding: base64\r\n\r\n"
        let body = alerts.map { alert in
            ([AlertText.line(alert)]
                + AlertText.told(alert.annotations).map { "  \($0.name): \($0.value)" })
                .joined(separator: "\n")
        }.joined(separator: "\n\n")
        var encoded = Substring(AlertText.base64(body))
        while !encoded.isEmpty {
            text += encoded.prefix(76) + "\r\n"
            encoded = encoded.dropFirst(76)
        }
        return Array(text.utf8)
    }
}
