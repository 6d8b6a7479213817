public import SeriesStore

/// A query that has been read and whose types fit.
public struct PromQLQuery: Sendable, CustomStringConvertible {
    /// The text as it was given.
    public let text: String
    let root: PromQLNode

    /// Reads a query.
    ///
    /// - Throws: `PromQLError` of `.badData`, its message with line and column as Prometheus has it.
    public init(_ text: String) throws(PromQLError) {
        self.text = text
        root = try PromQLQuery.placing(text) { parser throws(PromQLError) in
            try parser.parseQuery()
        }
    }

    /// Reads a selector alone, as `match[]` gives it.
    ///
    /// - Throws: as `init`.
    public static func matchers(_ text: String) throws(PromQLError) -> [LabelMatcher] {
        try placing(text) { parser throws(PromQLError) in
            try parser.parseSelector().matchers
        }
    }

    /// The query in one way of writing, which reads back as the same.
    public var description: String { PromQLPrinter.text(root) }

    /// Puts line and column before the message of an error.
    private static func placing<Value>(
        _ text: String, _ parse: (inout Parser) throws(PromQLError) -> Value
    ) throws(PromQLError) -> Value {
        do throws(PromQLError) {
            var parser = try Parser(text)
            return try parse(&parser)
        } catch {
            guard let range = error.range else { throw error }
            let place = QueryPosition.text(of: range.lowerBound, in: Array(text.utf8))
            throw PromQLError(.badData, "\(place): parse error: \(error.message)", at: range)
        }
    }
}
