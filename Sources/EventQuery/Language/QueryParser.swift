import Bytes
public import Compute
import Events

extension Query {
    /// Reads a query in the query language, described in `docs/query-language.md`.
    ///
    /// Throws `QueryError` with the place and what could stand there. The names of fields are not
    /// checked: which fields exist only the events say.
    ///
    /// - Parameter defaultRange: nanoseconds up to now that a query is about that names no time.
    public init(
        parsing text: String, defaultRange: Int64 = Query.defaultRange
    ) throws(QueryError) {
        var parser = try QueryParser(text)
        self = try parser.query(defaultRange: defaultRange)
    }
}

extension Expression {
    /// Reads what could follow `where` in a query.
    public init(parsingCondition text: String) throws(QueryError) {
        var parser = try QueryParser(text)
        self = try parser.expression()
        try parser.expectEnd()
    }
}

/// A recursive-descent parser over the tokens of one query.
struct QueryParser {
    private let text: [UInt8]
    private var tokens: [Token]
    private var position = 0
    private var depth = 0
    /// Where names come from: the answer's columns in a `having`, else the event's fields.
    var scope: ResultScope?
    /// Calculations that a formula called and that were not there.
    var called: [Calculation] = []

    init(_ text: String) throws(QueryError) {
        self.text = Array(text.utf8)
        guard self.text.count <= QueryLimits.textBytesMax else {
            let message = "the query is longer than \(QueryLimits.textBytesMax) bytes"
            throw QueryError(line: 1, column: 1, message: message)
        }
        tokens = try Lexer.tokens(of: self.text)
    }
}

// MARK: - Tokens

extension QueryParser {
    var token: Token { tokens[position] }

    /// The place of the next token, to report errors at and to come back to.
    var place: Int { position }

    mutating func goBack(to place: Int) { position = place }

    /// The token after the next; the end after the last.
    var following: Token.Kind { tokens[min(position + 1, tokens.count - 1)].kind }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    mutating func take(_ sign: String) -> Bool {
        guard token.kind == .sign(sign) else { return false }
        advance()
        return true
    }

    mutating func take(word: String) -> Bool {
        guard token.kind == .name(word) else { return false }
        advance()
        return true
    }

    mutating func expect(_ sign: String, or others: [String] = []) throws(QueryError) {
        if !take(sign) { throw unexpected([shown(sign)] + others) }
    }

    func shown(_ sign: String) -> String { "\"\(sign)\"" }

    func expectEnd() throws(QueryError) {
        if token.kind != .end { throw unexpected(QueryParser.afterExpression + ["the end"]) }
    }

    /// An error at a token: the next one, or the one at a place kept earlier.
    func fail(_ message: String, at place: Int? = nil, expected: [String] = []) -> QueryError {
        QueryError(message, at: tokens[place ?? position].start, of: text, expected: expected)
    }

    /// The error that the next token cannot stand where it stands.
    func unexpected(_ expected: [String]) -> QueryError {
        var message =
            token.kind == .end ? "unexpected end of the query" : "unexpected \(token.shown)"
        if token.kind == .name("as") {
            message += "; a name stands before what it names: n = count()"
        } else if case .name(let word) = token.kind {
            let words = expected.filter { $0.utf8.allSatisfy(Words.isNamePart) }
            if let meant = Words.suggestion(for: word, among: words), meant != word {
                message += "; did you mean \"\(meant)\"?"
            } else if Words.reserved.contains(word), expected.contains("a field") {
                message += "; a field of that name takes backquotes"
            }
        }
        return fail(message, expected: expected)
    }

    /// Runs the body one level deeper, as far as the bound allows.
    mutating func nested<Value>(
        _ body: (inout QueryParser) throws(QueryError) -> Value
    ) throws(QueryError) -> Value {
        depth += 1
        if depth > QueryLimits.depthMax {
            throw fail("the expression is nested deeper than \(QueryLimits.depthMax) levels")
        }
        defer { depth -= 1 }
        return try body(&self)
    }
}

// MARK: - Names, numbers, durations

extension QueryParser {
    /// A name, bare or in backquotes.
    mutating func name(_ what: String) throws(QueryError) -> String {
        switch token.kind {
        case .name(let name) where !Words.reserved.contains(name):
            advance()
            return name
        case .quotedName(let name):
            advance()
            return name
        default: throw unexpected([what])
        }
    }

    /// A name that is followed by `=`: an alias; nil leaves the parser where it is.
    mutating func alias() -> String? {
        guard following == .sign("=") else { return nil }
        switch token.kind {
        case .name(let name) where !Words.reserved.contains(name), .quotedName(let name):
            advance()
            advance()
            return name
        default: return nil
        }
    }

    /// A duration above zero, in nanoseconds.
    mutating func duration() throws(QueryError) -> Int64 {
        guard case .duration(let nanoseconds) = token.kind else {
            throw unexpected(["a duration such as 90s, 5m or 2h"])
        }
        if nanoseconds <= 0 { throw fail("the duration must be longer than zero") }
        advance()
        return nanoseconds
    }

    /// The value of a number's digits: exact as an integer where it fits, else the nearest double.
    func number(_ digits: String, negative: Bool) throws(QueryError) -> FieldValue {
        let signed = negative ? "-" + digits : digits
        if let value = Int64(signed) { return .int(value) }
        guard let value = Double(signed), value.isFinite else {
            throw fail("the number is beyond the range of a double")
        }
        return FieldValue(number: value)
    }
}
