import Bytes

/// One word, value or sign of a query and where it stands.
struct Token {
    enum Kind: Hashable {
        case name(String)
        /// A name in backquotes, which is never a word of the language.
        case quotedName(String)
        case string(String)
        /// Digits with or without fraction and exponent, no sign.
        case number(String)
        /// Nanoseconds.
        case duration(Int64)
        /// Nanoseconds since 1970.
        case time(Int64)
        case sign(String)
        case end
    }

    var kind: Kind
    /// Bytes before the token.
    var start: Int

    /// How an error message calls the token.
    var shown: String {
        switch kind {
        case .name(let text), .number(let text), .sign(let text): "\"\(text)\""
        case .quotedName(let text): "`\(text)`"
        case .string: "a string"
        case .duration: "a duration"
        case .time: "a time"
        case .end: "the end"
        }
    }
}

/// Cuts query text into tokens.
struct Lexer {
    private let text: [UInt8]
    private var offset = 0

    private init(_ text: [UInt8]) { self.text = text }

    /// The tokens of a text, the last of them `.end`.
    static func tokens(of text: [UInt8]) throws(QueryError) -> [Token] {
        var lexer = Lexer(text)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private func fail(_ message: String, at place: Int? = nil) -> QueryError {
        QueryError(message, at: place ?? offset, of: text)
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        offset + ahead < text.count ? text[offset + ahead] : 0
    }

    private mutating func take(while isPart: (UInt8) -> Bool) -> String {
        let start = offset
        while offset < text.count, isPart(text[offset]) { offset += 1 }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func next() throws(QueryError) -> Token {
        while [0x20, 0x09, 0x0A, 0x0D].contains(byte()) { offset += 1 }
        let start = offset
        guard offset < text.count else { return Token(kind: .end, start: start) }
        let kind: Token.Kind
        switch text[offset] {
        case let byte where Words.isNameStart(byte): kind = .name(take(while: Words.isNamePart))
        case 0x30...0x39: kind = try numberOrTime()
        case UInt8(ascii: "`"): kind = .quotedName(try quotedName())
        case UInt8(ascii: "\""), UInt8(ascii: "'"): kind = .string(try string())
        default: kind = .sign(try sign())
        }
        return Token(kind: kind, start: start)
    }
}

// MARK: - Signs

extension Lexer {
    private mutating func sign() throws(QueryError) -> String {
        let pair = String(decoding: [byte(), byte(1)], as: UTF8.self)
        switch pair {
        case "!=", "<=", ">=":
            offset += 2
            return pair
        case "==": throw fail("unexpected \"==\"; equality is written \"=\"")
        case "<>": throw fail("unexpected \"<>\"; inequality is written \"!=\"")
        case "&&": throw fail("unexpected \"&&\"; write \"and\"")
        case "||": throw fail("unexpected \"||\"; write \"or\"")
        default: break
        }
        let single = String(decoding: [byte()], as: UTF8.self)
        if "()|,=<>+-*/%".utf8.contains(byte()) {
            offset += 1
            return single
        }
        if single == "!" { throw fail("unexpected \"!\"; write \"not\"") }
        if single == "." { throw fail("unexpected \".\"; numbers begin with a digit: 0.5") }
        let rest = String(decoding: text[offset...].prefix(16), as: UTF8.self)
        throw fail("unexpected \"\(rest.prefix(1))\"; names with such characters take backquotes")
    }
}

// MARK: - Numbers, durations, times

extension Lexer {
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func numberOrTime() throws(QueryError) -> Token.Kind {
        let start = offset
        let isDate =
            (0..<4).allSatisfy { Lexer.isDigit(byte($0)) } && byte(4) == UInt8(ascii: "-")
            && Lexer.isDigit(byte(5))
        if isDate {
            let word = take { Words.isNamePart($0) || $0 == UInt8(ascii: "+") }
            if let time = RFC3339.nanoseconds(word) { return .time(time) }
            let hint =
                "times are written 2026-03-10T14:00:00Z, from 1677-09-22 to 2262-04-11; "
                + "\"-\" between numbers takes spaces"
            throw fail("\"\(word)\" is not a time: \(hint)", at: start)
        }
        var digits = take(while: Lexer.isDigit)
        if byte() == UInt8(ascii: "."), Lexer.isDigit(byte(1)) {
            offset += 1
            digits += "." + take(while: Lexer.isDigit)
        }
        let signed = byte(1) == UInt8(ascii: "-") || byte(1) == UInt8(ascii: "+") ? 1 : 0
        if byte() | 0x20 == UInt8(ascii: "e"), Lexer.isDigit(byte(1 + signed)) {
            digits += String(decoding: text[offset..<offset + 1 + signed], as: UTF8.self)
            offset += 1 + signed
            digits += take(while: Lexer.isDigit)
        }
        let suffix = take(while: Words.isNamePart)
        if suffix.isEmpty { return .number(digits) }
        let word = digits + suffix
        if let duration = DurationText.nanoseconds(word) { return .duration(duration) }
        throw fail(
            "\"\(word)\" is neither a number nor a duration such as 90s or 2h, of 292 years at most",
            at: start)
    }
}

// MARK: - Strings and quoted names

extension Lexer {
    private mutating func quotedName() throws(QueryError) -> String {
        let start = offset
        var name: [UInt8] = []
        offset += 1
        while offset < text.count {
            if text[offset] == UInt8(ascii: "`") {
                if byte(1) != UInt8(ascii: "`") {
                    offset += 1
                    return String(decoding: name, as: UTF8.self)
                }
                offset += 1
            }
            name.append(text[offset])
            offset += 1
        }
        throw fail("the name has no closing backquote", at: start)
    }

    private mutating func string() throws(QueryError) -> String {
        let start = offset
        let quote = text[offset]
        var content: [UInt8] = []
        offset += 1
        while offset < text.count {
            switch text[offset] {
            case quote:
                offset += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &content)
            case let byte:
                content.append(byte)
                offset += 1
            }
        }
        throw fail("the string has no closing quote", at: start)
    }

    private mutating func escape(into content: inout [UInt8]) throws(QueryError) {
        let letter = byte(1)
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            content.append(letter)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "u"): return try unicodeEscape(into: &content)
        default: throw fail("unknown escape; a backslash itself is written \\\\")
        }
        offset += 2
    }

    /// `\uXXXX`, or two of them for a character beyond the first plane, as in JSON.
    private mutating func unicodeEscape(into content: inout [UInt8]) throws(QueryError) {
        let start = offset
        var code = try hexadecimal()
        if code >= 0xD800, code < 0xDC00 {
            let low = try hexadecimal()
            guard low >= 0xDC00, low < 0xE000 else { throw fail("lone surrogate", at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fail("lone surrogate", at: start) }
        content.append(contentsOf: String(scalar).utf8)
    }

    private mutating func hexadecimal() throws(QueryError) -> UInt32 {
        let digits = String(decoding: text[offset...].dropFirst(2).prefix(4), as: UTF8.self)
        guard byte() == UInt8(ascii: "\\"), byte(1) == UInt8(ascii: "u"), digits.utf8.count == 4,
            digits.allSatisfy(\.isHexDigit), let code = UInt32(digits, radix: 16)
        else { throw fail("expected \\u and four hexadecimal digits") }
        offset += 6
        return code
    }
}
