internal import Bytes

/// A client's name for a request, by which a repeat of it is known.
public struct Idempotency: Hashable, Sendable {
    /// As the client sent it; 1 to 1,024 bytes.
    public let key: String
    public let digest: BodyDigest
    /// The answer's body, given again to a repeat; at most 4 MiB.
    public let answer: [UInt8]

    public init(key: String, digest: BodyDigest, answer: [UInt8]) {
        self.key = key
        self.digest = digest
        self.answer = answer
    }
}

/// 128 bits that tell one request body from another: the first half of its SHA-256.
///
/// Worked out by the caller; the store only compares it.
public struct BodyDigest: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension Idempotency {
    /// Whether one of the texts is in the key or the answer.
    func holds(_ texts: [[UInt8]]) -> Bool {
        texts.contains { Array(key.utf8).contains(text: $0) || answer.contains(text: $0) }
    }
}

// MARK: - Bytes

extension Idempotency {
    func encode(into writer: inout ByteWriter) {
        writer.writeString(key)
        writer.write(digest.high)
        writer.write(digest.low)
        writer.writeBlob(answer)
    }

    init(decoding reader: inout ByteReader) throws(DecodeError) {
        key = try reader.readString(limit: FormatLimits.keyBytes)
        let high = try reader.read(UInt64.self)
        let low = try reader.read(UInt64.self)
        digest = BodyDigest(high: high, low: low)
        answer = Array(try reader.readBlob(limit: FormatLimits.answerBytes))
    }
}
