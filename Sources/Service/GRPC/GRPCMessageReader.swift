internal import Bytes

/// Takes the one message of a call from the bytes of its stream.
///
/// Layout: one byte, 1 when the message is compressed; its length in four bytes, the highest first;
/// the message.
struct GRPCMessageReader {
    private static let prefixBytes = 5

    private let limit: Int
    private var prefix: [UInt8] = []
    /// Nil before the length is known and judged.
    private var message: PaddedBytes?
    /// Bytes of the message still to come.
    private var missing = 0

    /// Takes a message of at most `limit` bytes as it is sent.
    init(limit: Int) { self.limit = limit }

    /// The message is compressed; known with its length.
    var isCompressed: Bool { prefix.first == 1 }

    /// The length the message said it has; nil before it came.
    var announced: Int? {
        prefix.count == GRPCMessageReader.prefixBytes
            ? prefix[1...].reduce(0) { $0 << 8 | Int($1) } : nil
    }

    /// Takes what came next.
    ///
    /// Throws when it says that it is longer than the limit, and for a second message, which a call
    /// of one request has not.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(GRPCStatus) {
        var rest = bytes[...]
        if message == nil {
            let taken = rest.prefix(GRPCMessageReader.prefixBytes - prefix.count)
            prefix += taken
            rest = rest.dropFirst(taken.count)
            guard let announced else { return }
            guard prefix[0] <= 1 else {
                throw GRPCStatus(.internal, "a message whose first byte is neither 0 nor 1")
            }
            guard announced <= limit else {
                throw GRPCStatus(
                    .resourceExhausted,
                    "Request body is too large. The message has \(announced) bytes, the limit is "
                        + "\(limit)")
            }
            message = PaddedBytes(capacity: announced)
            missing = announced
        }
        guard rest.count <= missing else {
            throw GRPCStatus(.unimplemented, "more than one message in a call of one request")
        }
        if !rest.isEmpty { message?.append(UnsafeRawBufferPointer(rebasing: rest)) }
        missing -= rest.count
    }

    /// The message, at the end of the stream.
    ///
    /// Throws when it is not whole.
    func whole() throws(GRPCStatus) -> PaddedBytes {
        guard let message, missing == 0 else {
            throw GRPCStatus(.internal, "the message is cut off")
        }
        return message
    }
}
