/// Bytes that are not what their format says, and where.
public struct DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, static text first: "length exceeds the rest of the block: 70211".
    public let message: String
    /// Bytes from the start of what was decoded.
    public let offset: Int

    public init(_ message: String, at offset: Int) {
        self.message = message
        self.offset = offset
    }

    public var description: String { "\(message) (at byte \(offset))" }
}
