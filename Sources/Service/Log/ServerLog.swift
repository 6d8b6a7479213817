internal import Bytes
internal import Glibc
internal import Host

/// The server's own log: one JSON object a line on standard error.
///
/// Values are escaped and cut, so that nothing a client sends can start a line of its own; bodies
/// and keys are never logged.
struct ServerLog: Sendable {
    /// How much is told; what is graver than the level is told as well.
    enum Level: String, Sendable, CaseIterable, Comparable {
        case debug
        case info
        case warn
        case error

        static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }

        private var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warn: 2
            case .error: 3
            }
        }
    }

    /// Bytes of one value at most; the rest is cut off.
    static let valueBytesMax = 1024

    let level: Level

    init(level: Level = .info) { self.level = level }

    /// Something to be told: what happened in a fixed phrase, and the figures with it, which are not
    /// collected when it is not told.
    func callAsFunction(
        _ level: Level, _ message: String,
        _ fields: @autoclosure () -> KeyValuePairs<String, JSONValue> = [:]
    ) {
        guard level >= self.level else { return }
        let line = ServerLog.line(
            level, message, fields(), nanoseconds: Machine.real.clock.wallNanoseconds())
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }

    static func line(
        _ level: Level, _ message: String, _ fields: KeyValuePairs<String, JSONValue>,
        nanoseconds: Int64
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("time")
        writer.string(RFC3339.text(nanoseconds: nanoseconds / 1_000_000 * 1_000_000))
        writer.key("level")
        writer.string(level.rawValue)
        writer.key("message")
        writer.string(message)
        for (name, value) in fields {
            writer.key(name)
            if case .string(let text) = value, text.utf8.count > valueBytesMax {
                writer.string(String(text.prefix(valueBytesMax / 4)) + "…")
            } else {
                writer.value(value)
            }
        }
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }
}
