/// Why a PromQL query has no answer.
public struct PromQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; what a caller decides by.
    public enum Code: String, Hashable, Sendable {
        /// The text is no query, or its types do not fit.
        case badData
        /// The query is well formed and cannot be answered over these series.
        case execution
        /// The deadline has passed.
        case timeout
        /// The client has gone, or the server stops.
        case canceled
    }

    public let code: Code
    /// What is wrong, in Prometheus's words where it has some.
    public let message: String
    /// Bytes of the query text that the error is about; only of `badData`.
    public let range: Range<Int>?

    public init(_ code: Code, _ message: String, at range: Range<Int>? = nil) {
        self.code = code
        self.message = message
        self.range = range
    }

    /// An error of a query that is well formed.
    static func execution(_ message: String) -> PromQLError { PromQLError(.execution, message) }

    public var description: String { message }
}

/// Line and column of a byte of a query, as Prometheus writes them.
enum QueryPosition {
    /// `line:column`, both from 1, columns in bytes.
    static func text(of offset: Int, in query: [UInt8]) -> String {
        let before = query.prefix(max(0, offset))
        let newline = UInt8(ascii: "\n")
        let line = before.count { $0 == newline } + 1
        let lastBreak = before.lastIndex(of: newline) ?? -1
        return "\(line):\(before.count - lastBreak)"
    }
}
