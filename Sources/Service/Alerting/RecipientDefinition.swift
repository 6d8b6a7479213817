internal import Alerting
internal import Bytes

/// Who is told of alerts that name it, as Honeycomb's clients define it (`/1/recipients`).
///
/// ```
/// {"type": "webhook", "details": {"webhook_name": "bot", "webhook_url": "https://…", "webhook_secret": "…",
///  "webhook_headers": [{"header": "Authorization", "value": "…"}]}}
/// {"type": "pagerduty", "details": {"pagerduty_integration_name": "shop", "pagerduty_integration_key": "…"}}
/// {"type": "msteams" or "msteams_workflow", "details": {"webhook_name": "chat", "webhook_url": "https://…"}}
/// {"type": "email", "details": {"email_address": "team@example.com"}}
/// {"type": "slack", "details": {"slack_channel": "#shop"}}
/// ```
struct RecipientDefinition {
    /// What of a type is to be known to reach it.
    private enum Address {
        case webhook(url: String, headers: [String])
        case teams(url: String)
        case pagerDuty(key: String)
        /// Through the server of a receiver of the environment.
        case mail(String)
        /// Through the incoming webhook of a receiver of the environment.
        case slack(channel: String)
    }

    let type: String
    /// What people call it: an address of mail, a channel, the name of a webhook.
    let target: String
    private let address: Address

    /// Reads what was sent, or what is kept; throws a problem that names the member that is wrong.
    init(_ body: DefinitionBody) throws(HTTPRefusal) {
        let told: Set = ["id", "type", "details", "created_at", "updated_at"]
        if let unknown = body.names.first(where: { !told.contains($0) }) {
            throw body.wrong(unknown, "is no member of a recipient")
        }
        type = try body.requiredText("type", charactersMax: 30)
        let details = try body.object("details")
        switch type {
        case "webhook":
            target = try details.requiredText("webhook_name", charactersMax: 255)
            address = .webhook(
                url: try Receiver.url(details, "webhook_url"),
                headers: try RecipientDefinition.headers(details))
        case "msteams", "msteams_workflow":
            target = try details.requiredText("webhook_name", charactersMax: 255)
            address = .teams(url: try Receiver.url(details, "webhook_url"))
        case "pagerduty":
            target = try details.requiredText("pagerduty_integration_name", charactersMax: 255)
            let key = try details.requiredText("pagerduty_integration_key", charactersMax: 32)
            guard key.utf8.count == 32 else {
                throw details.wrong("pagerduty_integration_key", "has not 32 characters")
            }
            address = .pagerDuty(key: key)
        case "email":
            target = try Receiver.address(
                details, "email_address",
                try details.requiredText("email_address", charactersMax: 255))
            address = .mail(target)
        case "slack":
            target = try details.requiredText("slack_channel", charactersMax: 255)
            address = .slack(channel: target)
        default:
            throw body.wrong(
                "type", "is none of webhook, pagerduty, msteams, msteams_workflow, email, slack")
        }
    }

    /// The body of one that is known by its type and target alone; nil where that does not tell where it
    /// is.
    static func body(type: String, target: String) -> JSONObject? {
        let members = ["email": "email_address", "slack": "slack_channel"]
        guard let member = members[type] else { return nil }
        let details = JSONObject([.init(member, .string(target))])
        return JSONObject([.init("type", .string(type)), .init("details", .object(details))])
    }

    /// Headers of a webhook: those that it asks for, and the one that holds its secret.
    private static func headers(_ details: DefinitionBody) throws(HTTPRefusal) -> [String] {
        if details.has("webhook_payloads") {
            throw details.wrong("webhook_payloads", "is not there: messages have one form")
        }
        var headers: [String] = []
        let isToken = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/
        let reserved: Set = [
            "content-type", "content-length", "host", "transfer-encoding", "user-agent",
            secretHeader.lowercased(),
        ]
        for entry in try details.objects("webhook_headers", countMax: 5) ?? [] {
            let name = try entry.requiredText("header", charactersMax: 64)
            guard name.wholeMatch(of: isToken) != nil, !reserved.contains(name.lowercased()) else {
                throw details.wrong("webhook_headers", "has '\(name)', which is no name for one")
            }
            headers.append(
                "\(name): \(try line(entry, "value", charactersMax: 750) ?? "")")
        }
        if let secret = try line(details, "webhook_secret", charactersMax: 255), !secret.isEmpty {
            headers.append("\(secretHeader): \(secret)")
        }
        return headers
    }

    private static let secretHeader = "X-Honeycomb-Webhook-Token"

    /// A text without what could end a header.
    private static func line(
        _ body: DefinitionBody, _ member: String, charactersMax: Int
    ) throws(HTTPRefusal) -> String? {
        let text = try body.text(member, charactersMax: charactersMax)
        guard text?.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) ?? true
        else { throw body.wrong(member, "has control characters") }
        return text
    }

    // MARK: - Reaching it

    /// As alerts are told to it; nil when no receiver of the environment is there that it goes through.
    func receiver(_ name: String, in all: Definitions) -> Receiver? {
        guard let kind = kind(in: all) else { return nil }
        return Receiver(name: name, kind: kind, match: nil)
    }

    private func kind(in all: Definitions) -> Receiver.Kind? {
        switch address {
        case .webhook(let url, let headers): return .honeycomb(url: url, headers: headers)
        case .teams(let url): return .teams(url: url)
        case .pagerDuty(let key):
            return .pagerDuty(url: Receiver.pagerDutyURL, routingKey: key)
        case .mail(let address):
            guard case .mail(let server, let from, _, let user, let password)? = road(all) else {
                return nil
            }
            return .mail(server: server, from: from, to: [address], user: user, password: password)
        case .slack(let channel):
            guard case .slack(let url, _)? = road(all) else { return nil }
            return .slack(url: url, channel: channel)
        }
    }

    /// How the first receiver of its type is reached.
    private func road(_ all: Definitions) -> Receiver.Kind? {
        all.all(.receivers).lazy
            .compactMap { try? Receiver($0.id, DefinitionBody($0.body)) }
            .first { $0.typeName == type }?.kind
    }
}
