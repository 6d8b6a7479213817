internal import Metrics

/// Something in a template that is wrong, or that goes wrong when it is expanded.
public struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A piece of a template: text as it is, or what stands between `{{` and `}}`.
enum TemplatePiece {
    case text(String)
    case action([TemplateToken])

    /// Cuts a template into pieces; `{{-` and `-}}` take the white space beside them away.
    static func pieces(of template: String) throws(TemplateError) -> [TemplatePiece] {
        var pieces: [TemplatePiece] = []
        var rest = Substring(template)
        var trimsNext = false
        while true {
            let open = rest.firstRange(of: "{{")
            var text = rest[..<(open?.lowerBound ?? rest.endIndex)]
            if trimsNext { text = text.drop { $0.isWhitespace } }
            guard let open else {
                if !text.isEmpty { pieces.append(.text(String(text))) }
                return pieces
            }
            rest = rest[open.upperBound...]
            if rest.first == "-", rest.dropFirst().first?.isWhitespace ?? false {
                rest = rest.dropFirst()
                while text.last?.isWhitespace ?? false { text.removeLast() }
            }
            if !text.isEmpty { pieces.append(.text(String(text))) }
            if let comment = try TemplatePiece.comment(&rest) {
                trimsNext = comment.trimsNext
                continue
            }
            var lexer = TemplateLexer(rest: rest)
            pieces.append(.action(try lexer.action()))
            rest = lexer.rest
            trimsNext = lexer.trimsNext
        }
    }

    /// Passes over `/* … */}}`; nil when the action is none.
    private static func comment(
        _ rest: inout Substring
    ) throws(TemplateError) -> (trimsNext: Bool, Void)? {
        let body = rest.drop { $0.isWhitespace }
        guard body.hasPrefix("/*") else { return nil }
        guard let end = body.firstRange(of: "*/") else { throw TemplateError("unclosed comment") }
        let tail = body[end.upperBound...]
        let trims = tail.hasPrefix(" -}}")
        guard trims || tail.hasPrefix("}}") else {
            throw TemplateError("comment ends before closing delimiter")
        }
        rest = tail.dropFirst(trims ? 4 : 2)
        return (trims, ())
    }
}

/// A word of an action.
struct TemplateToken {
    enum Kind: Equatable {
        /// A name, of a function or of what controls.
        case word(String)
        /// `$` with its name, which may be empty.
        case variable(String)
        /// `.name`.
        case field(String)
        /// `.` alone.
        case dot
        case string(String)
        case integer(Int64)
        case number(Double)
        case pipe, comma, open, close, declare, assign
    }

    let kind: Kind
    /// Whether white space stands before it: `.a.b` is one operand, `.a .b` are two.
    let isSpaced: Bool
}

/// Cuts an action into tokens, up to and with its `}}`.
struct TemplateLexer {
    private(set) var rest: Substring
    /// Whether the action ended in ` -}}`.
    private(set) var trimsNext = false

    init(rest: Substring) { self.rest = rest }

    mutating func action() throws(TemplateError) -> [TemplateToken] {
        var tokens: [TemplateToken] = []
        while true {
            let space = rest.prefix { $0.isWhitespace }
            rest = rest[space.endIndex...]
            if rest.hasPrefix("}}") {
                rest = rest.dropFirst(2)
                return tokens
            }
            if !space.isEmpty, rest.hasPrefix("-}}") {
                rest = rest.dropFirst(3)
                trimsNext = true
                return tokens
            }
            guard let first = rest.first else { throw TemplateError("unclosed action") }
            tokens.append(TemplateToken(kind: try kind(first), isSpaced: !space.isEmpty))
        }
    }

    private mutating func kind(_ first: Character) throws(TemplateError) -> TemplateToken.Kind {
        switch first {
        case "|", ",", "(", ")", "=":
            rest = rest.dropFirst()
            return switch first {
            case "|": .pipe
            case ",": .comma
            case "(": .open
            case ")": .close
            default: .assign
            }
        case ":":
            guard rest.hasPrefix(":=") else { throw TemplateError("expected :=") }
            rest = rest.dropFirst(2)
            return .declare
        case "\"", "`": return .string(try quoted(first))
        case "'": return .integer(try character())
        case "$":
            rest = rest.dropFirst()
            return .variable(word())
        case ".":
            if let digit = rest.dropFirst().first, digit.isASCII, digit.isNumber {
                return try number()
            }
            rest = rest.dropFirst()
            let name = word()
            return name.isEmpty ? .dot : .field(name)
        case "+", "-", "0"..."9": return try number()
        default:
            let name = word()
            if name.isEmpty {
                throw TemplateError("unexpected \(QuotedText.quoted(String(first))) in operand")
            }
            return .word(name)
        }
    }

    private mutating func word() -> String {
        let word = rest.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
        rest = rest[word.endIndex...]
        return String(word)
    }

    private mutating func literal(_ quote: Character) throws(TemplateError) -> String {
        var end = rest.index(after: rest.startIndex)
        while end < rest.endIndex, rest[end] != quote {
            if rest[end] == "\\" && quote != "`" {
                end = rest.index(end, offsetBy: 1, limitedBy: rest.endIndex) ?? rest.endIndex
            }
            if end < rest.endIndex { end = rest.index(after: end) }
        }
        guard end < rest.endIndex else { throw TemplateError("unterminated quoted string") }
        let literal = String(rest[...end])
        rest = rest[rest.index(after: end)...]
        return literal
    }

    private mutating func quoted(_ quote: Character) throws(TemplateError) -> String {
        let literal = try literal(quote)
        guard let text = QuotedText.unquoted(literal) else {
            throw TemplateError("invalid syntax in \(literal)")
        }
        return text
    }

    private mutating func character() throws(TemplateError) -> Int64 {
        let text = try quoted("'").unicodeScalars
        guard let scalar = text.first, text.count == 1 else {
            throw TemplateError("malformed character constant")
        }
        return Int64(scalar.value)
    }

    private mutating func number() throws(TemplateError) -> TemplateToken.Kind {
        var text = rest.prefix { "+-._".contains($0) || $0.isLetter || $0.isNumber }
        // Within it a sign stands behind an exponent only.
        if let sign = text.dropFirst().indices.first(where: {
            "+-".contains(text[$0]) && !"eE".contains(text[text.index(before: $0)])
        }) {
            text = text[..<sign]
        }
        rest = rest[text.endIndex...]
        let plain = text.filter { $0 != "_" }
        let (sign, digits) =
            plain.hasPrefix("-") || plain.hasPrefix("+")
            ? (plain.prefix(1), plain.dropFirst()) : ("", plain[...])
        let (radix, body) =
            ["0x": 16, "0o": 8, "0b": 2][digits.prefix(2).lowercased()]
            .map { ($0, digits.dropFirst(2)) } ?? (10, digits)
        if let whole = Int64(sign + body, radix: radix) { return .integer(whole) }
        let value = digits.hasPrefix(".") ? "0" + digits : String(digits)
        guard let number = Double(sign + value) else {
            throw TemplateError("bad number syntax: \(QuotedText.quoted(String(text)))")
        }
        return .number(number)
    }
}
