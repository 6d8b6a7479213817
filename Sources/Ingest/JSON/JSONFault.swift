/// The place where bytes stop being what they should be.
struct JSONFault: Error {
    // Read only while the body is at hand, by the thread that reads it.
    nonisolated(unsafe) let place: Cursor
    let message: StaticString
    let reason: BodyRefusal.Reason

    init(
        _ message: StaticString, at place: Cursor, _ reason: BodyRefusal.Reason = .malformed
    ) {
        self.place = place
        self.message = message
        self.reason = reason
    }
}

/// A place in a body, which zeros follow (`PaddedBytes`): reading at or a little beyond the end is
/// allowed and meets bytes that no rule of JSON accepts.
typealias Cursor = UnsafePointer<UInt8>

/// The bytes that JSON is made of.
enum JSONByte {
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let comma = UInt8(ascii: ",")
    static let colon = UInt8(ascii: ":")
    static let openObject = UInt8(ascii: "{")
    static let closeObject = UInt8(ascii: "}")
    static let openArray = UInt8(ascii: "[")
    static let closeArray = UInt8(ascii: "]")
    static let minus = UInt8(ascii: "-")
    static let point = UInt8(ascii: ".")
    static let newline = UInt8(ascii: "\n")
}
