internal import Events

/// One request at its end: what came, what was answered, and how long each part of it took.
///
/// Texts are cut to `textBytesMax`, so that many of these take little.
struct AnsweredRequest: Sendable {
    /// Empty when the request line was not understood.
    let method: String
    /// As it was sent, without the query.
    let path: String
    let remoteAddress: String
    let userAgent: String?
    /// Each value of `traceparent` and `tracestate`.
    let traceparents: [String]
    let tracestates: [String]
    /// 0 when the client was gone before there was an answer.
    var status = 0
    /// Whether the server has failed though the status does not tell.
    var isFailure = false
    /// Whether the client has not taken the whole answer.
    var isCutOff = false
    /// Bytes of the body as it was sent, and of the answer's.
    var bytesReceived = 0
    var bytesAnswered = 0
    /// When the request line was read, nanoseconds since 1970.
    var beganAt: Int64 = 0
    /// From the request line to the end of the answer.
    var duration = Duration.zero
    /// Until the request was whole.
    var receiving = Duration.zero
    /// From there until a worker took it.
    var waiting = Duration.zero
    /// From there until there was an answer.
    var answering = Duration.zero
    /// What its route tells of it.
    var notes: [RequestNote] = []

    /// Bytes of a path or a header that are kept.
    static let textBytesMax = 1_024
    /// Bytes of a `tracestate` header beyond which it counts as malformed: 32 members of the greatest
    /// size would take 16 KiB.
    static let traceBytesMax = 4_096

    init(method: String, target: String, _ head: HTTPRequestHead?) {
        self.method = AnsweredRequest.cut(method, to: 32)
        path = AnsweredRequest.cut(
            head?.target.rawPath ?? target, to: AnsweredRequest.textBytesMax)
        remoteAddress = head?.remoteAddress ?? ""
        userAgent = (head?.headers["User-Agent"]).map {
            AnsweredRequest.cut($0, to: AnsweredRequest.textBytesMax)
        }
        traceparents = AnsweredRequest.traceValues(of: "traceparent", in: head, most: 2)
        tracestates =
            traceparents.isEmpty
            ? [] : AnsweredRequest.traceValues(of: "tracestate", in: head, most: .max)
    }

    /// Bytes of its texts, about.
    var byteCount: Int {
        let texts = traceparents + tracestates
        return 512 + path.utf8.count + (userAgent?.utf8.count ?? 0)
            + texts.reduce(0) { $0 + $1.utf8.count } + notes.reduce(0) { $0 + $1.byteCount }
    }

    /// A text of at most so many bytes, cut between characters.
    static func cut(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: bytes)
        while String.Index(end, within: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }

    /// The values of a header; where they are longer than any well-formed ones, `=`, which is not
    /// well-formed either.
    private static func traceValues(
        of name: String, in head: HTTPRequestHead?, most count: Int
    ) -> [String] {
        let values = Array((head?.headers.all(name) ?? []).prefix(count))
        let bytes = values.reduce(0) { $0 + $1.utf8.count }
        return bytes > traceBytesMax ? ["="] : values
    }
}

/// Something a route tells of a request it answered, for whoever observes the server.
struct RequestNote: Sendable {
    let name: String
    let value: FieldValue

    init(_ name: String, _ value: FieldValue) {
        self.name = name
        self.value = value
    }

    /// Bytes of texts in it.
    var byteCount: Int {
        if case .string(let text) = value { text.utf8.count } else { 0 }
    }
}
