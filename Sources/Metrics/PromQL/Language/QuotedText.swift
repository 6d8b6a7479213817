/// Texts in quotes, as Prometheus (that is, Go) reads and writes them.
public enum QuotedText {
    /// In double quotes, with escapes for what does not print.
    ///
    /// - Parameter limit: characters after which the text ends in `...`; nil for all of it.
    public static func quoted(_ text: String, limit: Int? = nil) -> String {
        var shown = text.unicodeScalars.prefix(limit ?? .max)
        let isCut = shown.count < text.unicodeScalars.count
        var result = "\""
        while let scalar = shown.popFirst() { result += escaped(scalar) }
        return result + "\"" + (isCut ? "..." : "")
    }

    /// A character in single quotes, or in the first that do not need an escape.
    static func quoted(_ scalar: Unicode.Scalar) -> String {
        scalar == "'" ? "'\\''" : scalar == "\"" ? "'\"'" : "'\(escaped(scalar))'"
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        default:
            if scalar.value < 0x20 || scalar.value == 0x7F {
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                String(scalar)
            }
        }
    }

    /// What a literal with its quotes stands for; nil when an escape is wrong or the bytes it makes are
    /// no UTF-8.
    public static func unquoted(_ literal: String) -> String? {
        let bytes = Array(literal.utf8)
        guard bytes.count >= 2, let quote = bytes.first, bytes.last == quote else { return nil }
        let inner = bytes[1..<bytes.count - 1]
        if quote == UInt8(ascii: "`") { return String(validating: inner, as: UTF8.self) }
        var reader = EscapeReader(inner, quote: quote)
        guard let text = reader.read() else { return nil }
        return String(validating: text, as: UTF8.self)
    }
}

/// Turns escapes into the bytes they stand for.
private struct EscapeReader {
    private var rest: ArraySlice<UInt8>
    private let quote: UInt8
    private var result: [UInt8] = []

    init(_ bytes: ArraySlice<UInt8>, quote: UInt8) {
        rest = bytes
        self.quote = quote
    }

    mutating func read() -> [UInt8]? {
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\") {
                guard readEscape() else { return nil }
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private mutating func readEscape() -> Bool {
        guard let kind = rest.popFirst() else { return false }
        switch Unicode.Scalar(kind) {
        case "a": result.append(7)
        case "b": result.append(8)
        case "f": result.append(12)
        case "n": result.append(10)
        case "r": result.append(13)
        case "t": result.append(9)
        case "v": result.append(11)
        case "\\": result.append(kind)
        case "x": return readByte(digits: 2, radix: 16, from: 0)
        case "0"..."7": return readByte(digits: 2, radix: 8, from: UInt32(kind - 48))
        case "u": return readScalar(digits: 4)
        case "U": return readScalar(digits: 8)
        default:
            guard kind == quote else { return false }
            result.append(kind)
        }
        return true
    }

    private mutating func readByte(digits: Int, radix: UInt32, from start: UInt32) -> Bool {
        guard let value = readDigits(digits, radix, start), let byte = UInt8(exactly: value) else {
            return false
        }
        result.append(byte)
        return true
    }

    private mutating func readScalar(digits: Int) -> Bool {
        guard let value = readDigits(digits, 16, 0), let scalar = Unicode.Scalar(value) else {
            return false
        }
        result.append(contentsOf: String(scalar).utf8)
        return true
    }

    private mutating func readDigits(_ count: Int, _ radix: UInt32, _ start: UInt32) -> UInt32? {
        var value = UInt64(start)
        for _ in 0..<count {
            guard let byte = rest.popFirst(),
                let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < Int(radix)
            else { return nil }
            value = value * UInt64(radix) + UInt64(digit)
        }
        return UInt32(exactly: value)
    }
}
