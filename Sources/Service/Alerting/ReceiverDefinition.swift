internal import Alerting
internal import Bytes

extension Receiver {
    private static let members = [
        "name", "type", "url", "routing_key", "server", "from", "to", "user", "password", "match",
        "tell_end",
    ]

    /// Members that are never told again.
    static let secrets = ["password", "routing_key"]

    /// Reads a definition; throws a problem that names the member that is wrong.
    ///
    /// ```
    /// {"type": "webhook", "url": "https://…", "match": {"tier": "page"}, "tell_end": true}
    /// {"type": "slack", "url": "https://…"}
    /// {"type": "msteams", "url": "https://…"}
    /// {"type": "pagerduty", "routing_key": "…"}
    /// {"type": "email", "server": "smtp://…", "from": "…", "to": ["…"], "user": "…", "password": "…"}
    /// ```
    init(_ name: String, _ body: DefinitionBody) throws(HTTPRefusal) {
        if let unknown = body.names.first(where: { !Receiver.members.contains($0) }) {
            throw body.wrong(unknown, "is no member of a receiver")
        }
        let kind: Kind
        switch try body.requiredText("type", charactersMax: 20) {
        case "webhook": kind = .webhook(url: try Receiver.url(body, "url"))
        case "slack": kind = .slack(url: try Receiver.url(body, "url"), channel: nil)
        case "msteams": kind = .teams(url: try Receiver.url(body, "url"))
        case "pagerduty":
            let url = body.has("url") ? try Receiver.url(body, "url") : Receiver.pagerDutyURL
            kind = .pagerDuty(
                url: url, routingKey: try body.requiredText("routing_key", charactersMax: 255))
        case "email": kind = try Receiver.mail(body)
        default: throw body.wrong("type", "is none of webhook, slack, msteams, pagerduty, email")
        }
        let match = try body.object("match")
        var conditions: [(name: String, value: String)] = []
        for name in match.names {
            conditions.append((name, try match.text(name, charactersMax: 1023) ?? ""))
        }
        self.init(
            name: name, kind: kind, match: conditions, tellsEnd: try body.flag("tell_end") ?? true)
    }

    static let pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

    /// The URL that a member is; throws a problem when it is none that can be posted to.
    static func url(_ body: DefinitionBody, _ member: String) throws(HTTPRefusal) -> String {
        let url = try body.requiredText(member, charactersMax: 2048)
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), isPlain(url) else {
            throw body.wrong(member, "is no http or https URL")
        }
        return url
    }

    /// Without white space and control characters, which could begin a line of their own.
    private static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    }

    private static func mail(_ body: DefinitionBody) throws(HTTPRefusal) -> Kind {
        let server = try body.requiredText("server", charactersMax: 255)
        guard server.hasPrefix("smtp://") || server.hasPrefix("smtps://"), isPlain(server) else {
            throw body.wrong("server", "is no smtp or smtps URL")
        }
        let from = try address(body, "from", try body.requiredText("from", charactersMax: 255))
        guard let list = body.member("to")?.array, (1...20).contains(list.count) else {
            throw body.wrong("to", "is not a list of 1 to 20 addresses")
        }
        var to: [String] = []
        for value in list { to.append(try address(body, "to", value.string ?? "")) }
        return .mail(
            server: server, from: from, to: to,
            user: try body.text("user", charactersMax: 255) ?? "",
            password: try body.text("password", charactersMax: 255) ?? "")
    }

    /// The address of mail that a text is; throws a problem when it is none.
    static func address(
        _ body: DefinitionBody, _ member: String, _ text: String
    ) throws(HTTPRefusal) -> String {
        guard text.contains("@"), isPlain(text), !text.contains(where: { "<>,".contains($0) })
        else { throw body.wrong(member, "is no address of mail") }
        return text
    }
}
