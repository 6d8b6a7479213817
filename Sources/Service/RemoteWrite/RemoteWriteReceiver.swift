internal import Bytes

/// Who takes series by remote write, and what one says to it besides.
struct RemoteWriteReceiver: Sendable {
    let url: ServerURL
    /// Who is asking: fields of every request.
    var headers = HTTPHeaders()
    /// A file of certificates to trust instead of the system's.
    var authorities: String?

    init(_ url: ServerURL) { self.url = url }

    /// Reads a URL, or an object with one.
    ///
    /// ```
    /// {"url": "https://…", "bearer_token": "…", "ca_file": "…", "headers": {"X-Scope-OrgID": "shop"}}
    /// {"url": "https://…", "user": "…", "password": "…"}
    /// ```
    ///
    /// Throws what is wrong with it.
    init(_ value: JSONValue) throws(ConfigurationError) {
        if let text = value.string {
            self.init(try RemoteWriteReceiver.url(text))
            return
        }
        guard let object = value.object else {
            throw ConfigurationError(
                description: "expected a URL or an object, found \(value.typeName)")
        }
        let known = ["url", "bearer_token", "user", "password", "ca_file", "headers"]
        if let member = object.members.first(where: { !known.contains($0.key) }) {
            throw ConfigurationError(description: "/\(member.key): there is no such member")
        }
        func text(_ name: String) throws(ConfigurationError) -> String? {
            guard let value = object[name] else { return nil }
            guard let text = value.string, RemoteWriteReceiver.isFieldValue(text) else {
                throw ConfigurationError(description: "/\(name): expected a text of one line")
            }
            return text
        }
        self.init(try RemoteWriteReceiver.url(try text("url") ?? ""))
        authorities = try text("ca_file")
        let (token, user) = (try text("bearer_token"), try text("user"))
        let password = try text("password")
        guard token == nil || user == nil, (user == nil) == (password == nil) else {
            throw ConfigurationError(
                description: "expected bearer_token, or user and password, or none of them")
        }
        if let token { headers.add("Authorization", "Bearer \(token)") }
        if let user, let password {
            let pair = Array("\(user):\(password)".utf8)
            let text = pair.withUnsafeBufferPointer { Base64.text(of: $0) }
            headers.add("Authorization", "Basic \(text)")
        }
        try addHeaders(object["headers"])
    }

    private mutating func addHeaders(_ value: JSONValue?) throws(ConfigurationError) {
        guard let value else { return }
        guard let fields = value.object else {
            throw ConfigurationError(
                description: "/headers: expected an object, found \(value.typeName)")
        }
        for field in fields.members {
            guard RemoteWriteReceiver.isFieldName(field.key),
                !RemoteWriteReceiver.own.contains(where: { equalsIgnoringCase($0, field.key) }),
                headers[field.key] == nil
            else {
                throw ConfigurationError(
                    description: "/headers/\(field.key): a header that cannot be set")
            }
            guard let text = field.value.string, RemoteWriteReceiver.isFieldValue(text) else {
                throw ConfigurationError(
                    description: "/headers/\(field.key): expected a text of one line")
            }
            headers.add(field.key, text)
        }
    }

    private static func url(_ text: String) throws(ConfigurationError) -> ServerURL {
        guard let url = ServerURL(text) else {
            throw ConfigurationError(
                description: "'\(text)' is no URL with http:// or https:// and without a user")
        }
        return url
    }

    /// Fields that a request has already.
    private static let own = [
        "Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding",
        "Connection", "User-Agent", "X-Prometheus-Remote-Write-Version",
    ]

    private static func isFieldName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }

    /// Nothing in it may end the field or begin another one.
    private static func isFieldValue(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }
}

extension RemoteWriteReceiver: Equatable {
    static func == (left: RemoteWriteReceiver, right: RemoteWriteReceiver) -> Bool {
        left.url == right.url && left.authorities == right.authorities
            && left.headers.fields.elementsEqual(right.headers.fields) { $0 == $1 }
    }
}
