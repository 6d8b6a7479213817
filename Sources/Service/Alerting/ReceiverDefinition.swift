internal import Alerting
internal import Bytes

extension Receiver {
    private static let members = [
        "name", "type", "url", "routing_key", "server", "from", "to", "user", "password", "match",
        "tell_end",
    ]

    /// Members that are never told again.
    private static let secrets = ["password", "routing_key"]

    /// A member of a definition as it is told: without secrets.
    ///
    /// - Parameter type: of the receiver.
    static func shown(_ member: JSONObject.Member, type: String?) -> JSONValue {
        if secrets.contains(member.key) { return "(kept)" }
        guard ["url", "server"].contains(member.key), let url = member.value.string else {
            return member.value
        }
        return .string(shown(url, type: type))
    }

    /// A URL without what lets anybody in who knows it: user and password, what it asks with, and of
    /// a hook of Slack's or Teams's the path; what is no URL as it is.
    static func shown(_ url: String, type: String?) -> String {
        guard let mark = url.firstRange(of: "://") else { return url }
        let rest = url[mark.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority[
            (authority.lastIndex(of: "@").map(rest.index(after:)) ?? rest.startIndex)...]
        let path = rest[authority.endIndex...].prefix { !"?#".contains($0) }
        let isSecret = ["slack", "msteams"].contains(type) && path.count > 1
        return url[..<mark.upperBound] + (host.startIndex == rest.startIndex ? "" : "(kept)@")
            + host + (isSecret ? "/(kept)" : path)
            + (path.endIndex == rest.endIndex ? "" : "?(kept)")
    }

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
        try refuse(body, member, url, schemes: ("http", "https"))
        return url
    }

    /// Throws a problem when a URL is none of the schemes, or cannot be spoken to wherever it leads.
    private static func refuse(
        _ body: DefinitionBody, _ member: String, _ url: String, schemes: (String, String)
    ) throws(HTTPRefusal) {
        guard isPlain(url) else { throw body.wrong(member, "has spaces or control characters") }
        if let fault = Outgoing.fault(of: url, schemes: schemes) {
            throw body.wrong(member, fault)
        }
    }

    /// Without white space and control characters, which could begin a line of their own.
    private static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    }

    private static func mail(_ body: DefinitionBody) throws(HTTPRefusal) -> Kind {
        let server = try body.requiredText("server", charactersMax: 255)
        try refuse(body, "server", server, schemes: ("smtp", "smtps"))
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
