internal import CKernels
internal import Metrics

/// Values as Go's `fmt` writes them.
enum GoFormat {
    /// A number by one of printf's verbs (e, f, g); infinities and NaN by their names.
    static func number(_ value: Double, _ verb: Character, digits: Int) -> String {
        guard value.isFinite, let ascii = verb.asciiValue else {
            return NumberText.plain(value)
        }
        let digits = Int32(clamping: min(digits, 400))
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
            let length = wf_print_double(
                buffer.baseAddress, buffer.count, value, CChar(bitPattern: ascii), digits)
            return String(
                decoding: buffer.prefix(min(Int(length), buffer.count - 1)).map {
                    UInt8(bitPattern: $0)
                }, as: UTF8.self)
        }
    }

    /// `printf` of a template: `%s`, `%v`, `%q`, `%d`, `%t`, `%x`, `%c`, `%e`, `%f`, `%g` with flags,
    /// width and precision; a verb that does not fit is shown as Go shows it.
    static func printf(_ format: String, _ arguments: [TemplateValue]) -> String {
        var rest = Substring(format)
        var result = ""
        var next = 0
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            var directive = Directive()
            directive.read(&rest)
            guard let verb = rest.popFirst() else { return result + "%!(NOVERB)" }
            if verb == "%" {
                result += "%"
            } else if next < arguments.count {
                result += directive.text(verb, arguments[next])
                next += 1
            } else {
                result += "%!\(verb)(MISSING)"
            }
        }
        result += rest
        if next < arguments.count {
            let extra = arguments[next...].map { "\($0.typeName)=\($0.text)" }
            result += "%!(EXTRA " + extra.joined(separator: ", ") + ")"
        }
        return result
    }

    /// Flags, width and precision before a verb.
    private struct Directive {
        private var flags: Set<Character> = []
        private var width: Int?
        private var precision: Int?

        mutating func read(_ rest: inout Substring) {
            while let flag = rest.first, "-+# 0".contains(flag) {
                flags.insert(flag)
                rest = rest.dropFirst()
            }
            width = Directive.count(&rest)
            if rest.first == "." {
                rest = rest.dropFirst()
                precision = Directive.count(&rest) ?? 0
            }
        }

        private static func count(_ rest: inout Substring) -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            return Int(digits).map { min($0, 1000) }
        }

        func text(_ verb: Character, _ value: TemplateValue) -> String {
            var text = body(verb, value) ?? "%!\(verb)(\(value.typeName)=\(value.text))"
            if flags.contains("+"), "defgv".contains(verb), !text.hasPrefix("-"), value.isNumeric {
                text = "+" + text
            }
            guard let width, text.count < width else { return text }
            let gap = width - text.count
            if flags.contains("-") { return text + String(repeating: " ", count: gap) }
            if flags.contains("0"), value.isNumeric {
                let sign = text.prefix { $0 == "-" || $0 == "+" }
                return sign + String(repeating: "0", count: gap) + text.dropFirst(sign.count)
            }
            return String(repeating: " ", count: gap) + text
        }

        private func body(_ verb: Character, _ value: TemplateValue) -> String? {
            switch (verb, value) {
            case ("v", .number(let number)):
                precision.map { GoFormat.number(number, "g", digits: $0) }
                    ?? NumberText.general(number)
            case ("v", _): value.text
            case ("s", .string(let text)): precision.map { String(text.prefix($0)) } ?? text
            case ("s", .labels), ("s", .list): value.text
            case ("q", .string(let text)): QuotedText.quoted(text)
            case ("d", .integer(let number)): "\(number)"
            case ("t", .bool): value.text
            case ("c", .integer(let number)):
                UInt32(exactly: number).flatMap(Unicode.Scalar.init).map { String($0) }
            case ("x", .integer(let number)): String(number, radix: 16)
            case ("x", .string(let text)):
                text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            case ("e", .number(let number)), ("f", .number(let number)):
                GoFormat.number(number, verb, digits: precision ?? 6)
            case ("F", .number(let number)): GoFormat.number(number, "f", digits: precision ?? 6)
            case ("g", .number(let number)):
                precision.map { GoFormat.number(number, "g", digits: $0) }
                    ?? NumberText.general(number)
            default: nil
            }
        }
    }
}

extension TemplateValue {
    fileprivate var isNumeric: Bool {
        switch self {
        case .integer, .number: true
        default: false
        }
    }
}
