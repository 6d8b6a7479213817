internal import Bytes
internal import EventStore

/// A client's own key for a request, under which it is stored once however often it is sent.
struct RequestKey: Sendable {
    let text: String
    /// Tells apart requests of the same key.
    let digest: BodyDigest
    /// The media type in which a request like this one is answered.
    let answerType: String

    /// `meaning` is whatever else tells what the body is: one body sent to two datasets is two
    /// requests.
    init(_ text: String, _ body: PaddedBytes, meaning: String, answerType: String) {
        self.text = text
        self.digest = BodyDigest(of: body, meaning: meaning)
        self.answerType = answerType
    }

    /// The key in the header `Idempotency-Key`; nil when there is none.
    ///
    /// Throws 400 when it is empty or longer than `ServiceLimits.idempotencyKeyBytesMax`.
    init?(
        of request: HTTPRequest, meaning: @autoclosure () -> String,
        answerType: String = IngestAnswer.json
    ) throws(HTTPRefusal) {
        guard let text = request.head.headers["Idempotency-Key"] else { return nil }
        guard (1...ServiceLimits.idempotencyKeyBytesMax).contains(text.utf8.count) else {
            throw HTTPRefusal(
                .error(
                    400,
                    "Idempotency-Key must have 1 to \(ServiceLimits.idempotencyKeyBytesMax) bytes"))
        }
        self.init(text, request.body, meaning: meaning(), answerType: answerType)
    }
}

extension BodyDigest {
    /// Half the SHA-256 of a body as it was sent, after what it means.
    fileprivate init(of body: PaddedBytes, meaning: String) {
        var message = Array("\(meaning)\n".utf8)
        body.withBytes { message.append(contentsOf: $0) }
        let hash = sha256(message)
        func word(_ range: Range<Int>) -> UInt64 {
            hash[range].reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(high: word(0..<8), low: word(8..<16))
    }
}
