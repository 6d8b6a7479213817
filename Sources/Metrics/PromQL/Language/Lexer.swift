/// Cuts a query into tokens.
///
/// Braces and brackets change what is a word: inside braces there are only label names, inside brackets
/// only durations. Whatever is wrong is worded as Prometheus words it.
struct Lexer {
    private let bytes: [UInt8]
    private var offset = 0
    private var start = 0
    private var parentheses = 0
    private var isInBraces = false
    private var isInBrackets = false
    private var tokens: [Token] = []

    /// The tokens of a query, the last one `.end`.
    ///
    /// - Returns: those before the first fault, and the fault.
    static func tokens(of query: [UInt8]) -> (tokens: [Token], fault: PromQLError?) {
        var lexer = Lexer(bytes: query)
        do throws(PromQLError) {
            try lexer.run()
            return (lexer.tokens, nil)
        } catch {
            return (lexer.tokens, error)
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func run() throws(PromQLError) {
        while true {
            skipSpaceAndComments()
            start = offset
            guard let byte = peek() else { break }
            if isInBraces {
                try readInBraces(byte)
            } else if isInBrackets {
                try readInBrackets(byte)
            } else {
                try read(byte)
            }
        }
        if isInBraces { throw fault("unexpected end of input inside braces") }
        if parentheses != 0 { throw fault("unclosed left parenthesis") }
        if isInBrackets { throw fault("unexpected end of input in duration expression") }
        emit(.end)
    }

    // MARK: - Bytes

    private func peek(_ distance: Int = 0) -> UInt8? {
        offset + distance < bytes.count ? bytes[offset + distance] : nil
    }

    private func isNext(_ character: Unicode.Scalar, _ distance: Int = 0) -> Bool {
        peek(distance) == UInt8(ascii: character)
    }

    private mutating func skipSpaceAndComments() {
        while let byte = peek() {
            if byte == UInt8(ascii: "#") {
                while let next = peek(), next != 10, next != 13 { offset += 1 }
            } else if byte == 32 || byte == 9 || byte == 10 || byte == 13 {
                offset += 1
            } else {
                return
            }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 32) >= 97 && (byte | 32) <= 122
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    private static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) }

    private var text: String { String(decoding: bytes[start..<offset], as: UTF8.self) }

    private mutating func emit(_ kind: Token.Kind, length: Int = 0) {
        offset += length
        tokens.append(Token(kind: kind, text: text, range: start..<offset))
    }

    private func fault(_ message: String) -> PromQLError {
        PromQLError(.badData, message, at: start..<bytes.count)
    }

    /// The character that begins at `place`, for an error.
    private func quotedCharacter(at place: Int) -> String {
        let rest = String(decoding: bytes[min(place, bytes.count)...].prefix(4), as: UTF8.self)
        return rest.unicodeScalars.first.map { QuotedText.quoted($0) } ?? "'\\x00'"
    }

    // MARK: - Outside

    private mutating func read(_ byte: UInt8) throws(PromQLError) {
        if try readOperator(byte) { return }
        switch Unicode.Scalar(byte) {
        case ",": emit(.comma, length: 1)
        case "(":
            emit(.leftParenthesis, length: 1)
            parentheses += 1
        case ")":
            parentheses -= 1
            if parentheses < 0 { throw fault("unexpected right parenthesis ')'") }
            emit(.rightParenthesis, length: 1)
        case "{":
            emit(.leftBrace, length: 1)
            isInBraces = true
        case "[":
            emit(.leftBracket, length: 1)
            isInBrackets = true
        case "]": throw fault("unexpected right bracket ']'")
        case "@": emit(.at, length: 1)
        case "\"", "'", "`": try readString(byte)
        default:
            if Lexer.isDigit(byte) || (byte == 46 && peek(1).map(Lexer.isDigit) ?? false) {
                try readNumberOrDuration()
            } else if Lexer.isLetter(byte) || byte == UInt8(ascii: ":") {
                readWord()
            } else {
                throw fault("unexpected character: " + quotedCharacter(at: offset))
            }
        }
    }

    private mutating func readOperator(_ byte: UInt8) throws(PromQLError) -> Bool {
        switch Unicode.Scalar(byte) {
        case "+", "-", "*", "/", "%", "^":
            guard let sign = BinaryOperator(rawValue: String(Unicode.Scalar(byte))) else {
                return false
            }
            emit(.binary(sign), length: 1)
        case "=":
            if isNext("~", 1) { throw fault("unexpected character after '=': '~'") }
            if isNext("=", 1) { emit(.binary(.equal), length: 2) } else { emit(.equal, length: 1) }
        case "!":
            guard isNext("=", 1) else {
                throw fault("unexpected character after '!': " + quotedCharacter(at: offset + 1))
            }
            emit(.binary(.notEqual), length: 2)
        case "<":
            if isNext("=", 1) {
                emit(.binary(.lessOrEqual), length: 2)
            } else if isNext("/", 1) {
                emit(.binary(.trimUpper), length: 2)
            } else {
                emit(.binary(.less), length: 1)
            }
        case ">":
            if isNext("=", 1) {
                emit(.binary(.greaterOrEqual), length: 2)
            } else if isNext("/", 1) {
                emit(.binary(.trimLower), length: 2)
            } else {
                emit(.binary(.greater), length: 1)
            }
        default: return false
        }
        return true
    }

    private mutating func readWord() {
        while let next = peek(), Lexer.isWord(next) || next == UInt8(ascii: ":") { offset += 1 }
        let word = text.lowercased()
        if let keyword = Keyword(rawValue: word) {
            emit(
                keyword.needsParenthesis && !isFollowedByParenthesis
                    ? .identifier : .keyword(keyword))
        } else if let aggregator = Aggregator(rawValue: word) {
            emit(.aggregator(aggregator))
        } else if let sign = BinaryOperator(rawValue: word) {
            emit(.binary(sign))
        } else if word == "inf" || word == "nan" {
            emit(.number)
        } else {
            emit(text.utf8.contains(UInt8(ascii: ":")) ? .metricIdentifier : .identifier)
        }
    }

    private var isFollowedByParenthesis: Bool {
        bytes[offset...].first { $0 != 32 && $0 != 9 && $0 != 10 && $0 != 13 }
            == UInt8(ascii: "(")
    }

    // MARK: - Inside braces

    private mutating func readInBraces(_ byte: UInt8) throws(PromQLError) {
        switch Unicode.Scalar(byte) {
        case ",": emit(.comma, length: 1)
        case "\"", "'", "`": try readString(byte)
        case "=":
            if isNext("~", 1) { emit(.matches, length: 2) } else { emit(.equal, length: 1) }
        case "!":
            if isNext("~", 1) {
                emit(.doesNotMatch, length: 2)
            } else if isNext("=", 1) {
                emit(.binary(.notEqual), length: 2)
            } else {
                throw fault(
                    "unexpected character after '!' inside braces: "
                        + quotedCharacter(at: offset + 1))
            }
        case "{": throw fault("unexpected left brace '{'")
        case "}":
            emit(.rightBrace, length: 1)
            isInBraces = false
        default:
            guard Lexer.isLetter(byte) else {
                throw fault("unexpected character inside braces: " + quotedCharacter(at: offset))
            }
            while let next = peek(), Lexer.isWord(next) { offset += 1 }
            emit(.identifier)
        }
    }

    // MARK: - Inside brackets

    private mutating func readInBrackets(_ byte: UInt8) throws(PromQLError) {
        switch Unicode.Scalar(byte) {
        case "]":
            emit(.rightBracket, length: 1)
            isInBrackets = false
        case ":":
            emit(.colon, length: 1)
            try checkColon()
        case "(":
            emit(.leftParenthesis, length: 1)
            parentheses += 1
        case ")":
            parentheses -= 1
            if parentheses < 0 { throw fault("unexpected right parenthesis ')'") }
            emit(.rightParenthesis, length: 1)
        case ",": emit(.comma, length: 1)
        case "+", "-", "*", "/", "%", "^": _ = try readOperator(byte)
        default:
            if Lexer.isDigit(byte) || (byte == 46 && peek(1).map(Lexer.isDigit) ?? false) {
                return try readNumberOrDuration()
            }
            while let next = peek(), Lexer.isLetter(next) { offset += 1 }
            guard let keyword = Keyword(rawValue: text.lowercased()),
                [.step, .range, .maxOf, .minOf].contains(keyword)
            else {
                throw fault(
                    "unexpected character in duration expression: " + quotedCharacter(at: start))
            }
            emit(.keyword(keyword))
        }
    }

    /// A colon stands once in brackets, and behind a duration.
    private func checkColon() throws(PromQLError) {
        let inside = tokens.dropLast().reversed().prefix { $0.kind != .leftBracket }
        if inside.contains(where: { $0.kind == .colon }) {
            throw fault("unexpected repeated colon in duration expression")
        }
        if inside.isEmpty {
            throw fault("unexpected colon before duration in duration expression")
        }
    }

    // MARK: - Literals

    private mutating func readString(_ quote: UInt8) throws(PromQLError) {
        let isRaw = quote == UInt8(ascii: "`")
        offset += 1
        while let byte = peek() {
            offset += 1
            if byte == quote { return emit(.string) }
            if isRaw { continue }
            if byte == 10 { break }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = peek() else { break }
                if escaped != quote && !"abfnrtv\\01234567xuU".utf8.contains(escaped) {
                    throw fault("unknown escape sequence " + quotedCharacter(at: offset))
                }
                offset += 1
            }
        }
        throw fault(isRaw ? "unterminated raw string" : "unterminated quoted string")
    }

    private mutating func readNumberOrDuration() throws(PromQLError) {
        if let length = LiteralScanner.numberLength(bytes[offset...]) {
            return emit(.number, length: length)
        }
        if let length = LiteralScanner.durationLength(bytes[offset...]) {
            return emit(.duration, length: length)
        }
        while let next = peek(), Lexer.isWord(next) || next == 46 { offset += 1 }
        throw fault("bad number or duration syntax: " + QuotedText.quoted(text))
    }
}
