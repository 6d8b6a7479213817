/// One word or sign of a derived column's expression.
struct DerivedColumnToken {
    enum Kind: Hashable {
        case column(String)
        /// A function, `AND`, `OR`, `true`, `false` or `null`.
        case word(String)
        case string(String)
        case number(String)
        case sign(String)
        case end
    }

    var kind: Kind
    /// Bytes before the token.
    var start: Int
}

/// Cuts the expression of a calculated field into tokens (Honeycomb's derived column grammar).
struct DerivedColumnLexer {
    private let text: [UInt8]
    private var offset = 0

    struct Mistake: Error {
        var message: String
        var offset: Int
    }

    private init(_ text: String) { self.text = Array(text.utf8) }

    static func tokens(of text: String) throws(Mistake) -> [DerivedColumnToken] {
        var lexer = DerivedColumnLexer(text)
        var tokens: [DerivedColumnToken] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    /// A column as an expression names it.
    static func columnText(_ name: String) -> String {
        if !name.isEmpty, name.utf8.allSatisfy(isColumnPart) { return "$" + name }
        return "$" + quoted(name)
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Letters, digits and signs that a column's name holds bare, `=` and `-` among them.
    private static func isColumnPart(_ byte: UInt8) -> Bool {
        // Beyond ASCII, letters are meant; what else is there is taken as one of them.
        Words.isNamePart(byte) || "=+?".utf8.contains(byte) || byte >= 0x80
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        offset + ahead < text.count ? text[offset + ahead] : 0
    }

    private mutating func take(while isPart: (UInt8) -> Bool) -> String {
        let start = offset
        while offset < text.count, isPart(text[offset]) { offset += 1 }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func next() throws(Mistake) -> DerivedColumnToken {
        while [0x20, 0x09, 0x0A, 0x0D].contains(byte()) { offset += 1 }
        let start = offset
        guard offset < text.count else { return DerivedColumnToken(kind: .end, start: start) }
        return DerivedColumnToken(kind: try kind(), start: start)
    }

    private mutating func kind() throws(Mistake) -> DerivedColumnToken.Kind {
        switch byte() {
        case UInt8(ascii: "$"):
            offset += 1
            if byte() == UInt8(ascii: "\"") || byte() == UInt8(ascii: "`") {
                return .column(try string())
            }
            let name = take(while: DerivedColumnLexer.isColumnPart)
            if name.isEmpty { throw Mistake(message: "expected a column after $", offset: offset) }
            return .column(name)
        case UInt8(ascii: "\""), UInt8(ascii: "`"): return .string(try string())
        case 0x30...0x39, UInt8(ascii: "."): return .number(number())
        case let byte where Words.isNameStart(byte):
            return .word(take { Words.isNameStart($0) || (0x30...0x39).contains($0) })
        default:
            let pair = String(decoding: [byte(), byte(1)], as: UTF8.self)
            let sign = ["<=", ">=", "!="].contains(pair) ? pair : String(pair.prefix(1))
            guard ["<=", ">=", "!="].contains(sign) || "(),!*/%-+<>=".contains(sign) else {
                throw Mistake(message: "unexpected \"\(sign)\"", offset: offset)
            }
            offset += sign.utf8.count
            return .sign(sign)
        }
    }

    private mutating func number() -> String {
        let digit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
        var number = take(while: digit)
        if byte() == UInt8(ascii: ".") {
            offset += 1
            number = (number.isEmpty ? "0" : number) + "." + take(while: digit)
            if number.hasSuffix(".") { number += "0" }
        }
        if byte() | 0x20 == UInt8(ascii: "e") {
            offset += 1
            number += "e"
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") {
                number += byte() == UInt8(ascii: "-") ? "-" : ""
                offset += 1
            }
            number += take(while: digit)
        }
        return number
    }

    private mutating func string() throws(Mistake) -> String {
        let start = offset
        let quote = byte()
        var content: [UInt8] = []
        offset += 1
        while offset < text.count {
            let next = byte()
            offset += 1
            if next == quote { return String(decoding: content, as: UTF8.self) }
            guard next == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") else {
                content.append(next)
                continue
            }
            guard let escaped = escape() else {
                throw Mistake(message: "unknown escape in a string", offset: offset - 1)
            }
            content += escaped
        }
        throw Mistake(message: "the string has no end", offset: start)
    }

    private static let simpleEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
        UInt8(ascii: "v"): 0x0B, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "'"): 0x27,
        UInt8(ascii: "\""): 0x22,
    ]

    /// The bytes of Go's escape whose backslash was taken: one letter, `\u00e9`, `\U0001F600`, `\xC3`
    /// or `\303`; nil for what is none.
    private mutating func escape() -> [UInt8]? {
        let letter = byte()
        if let simple = DerivedColumnLexer.simpleEscapes[letter] {
            offset += 1
            return [simple]
        }
        switch letter {
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            offset += 1
            guard let code = number(digits: letter == UInt8(ascii: "u") ? 4 : 8, radix: 16),
                let scalar = Unicode.Scalar(code)
            else { return nil }
            return Array(String(scalar).utf8)
        case UInt8(ascii: "x"):
            offset += 1
            return number(digits: 2, radix: 16).map { [UInt8($0)] }
        case 0x30...0x37:
            return number(digits: 3, radix: 8).flatMap { UInt8(exactly: $0) }.map { [$0] }
        default: return nil
        }
    }

    /// A number of exactly so many digits, which is taken.
    private mutating func number(digits: Int, radix: Int) -> UInt32? {
        guard offset + digits <= text.count else { return nil }
        let written = String(decoding: text[offset..<offset + digits], as: UTF8.self)
        guard !written.hasPrefix("+"), !written.hasPrefix("-"),
            let number = UInt32(written, radix: radix)
        else { return nil }
        offset += digits
        return number
    }
}
