/// Numbers as Prometheus (that is, Go) writes them.
public enum NumberText {
    /// The fewest digits that read back as the same number, without an exponent: `0.00001`, `+Inf`.
    public static func plain(_ value: Double) -> String {
        if let text = special(value) { return text }
        let number = Digits(value)
        var text = number.digits
        if number.point <= 0 {
            text = "0." + String(repeating: "0", count: -number.point) + text
        } else if number.point >= text.count {
            text += String(repeating: "0", count: number.point - text.count)
        } else {
            text.insert(".", at: text.index(text.startIndex, offsetBy: number.point))
        }
        return (value.sign == .minus ? "-" : "") + text
    }

    /// The same, but with an exponent where Go's `%g` has one: `1e-05`, `1e+06`, `1.234567e+06`.
    public static func general(_ value: Double) -> String {
        if let text = special(value) { return text }
        let number = Digits(value)
        let exponent = number.point - 1
        if value == 0 || exponent >= -4 && exponent < 6 { return plain(value) }
        return scientific(value)
    }

    /// As Prometheus's API has it: plain, but below 1e-6 and from 1e+21 up with an exponent.
    public static func json(_ value: Double) -> String {
        let size = value.magnitude
        let isPlain = size == 0 || size >= 1e-6 && size < 1e21
        return special(value) ?? (isPlain ? plain(value) : scientific(value))
    }

    /// Appends what `json` gives.
    ///
    /// Fast path: whole numbers digit by digit, and what Swift writes without an exponent as it is; a
    /// tenth of the time of taking the digits apart.
    static func appendJSON(_ value: Double, to bytes: inout [UInt8]) {
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
            if value.sign == .minus { bytes.append(UInt8(ascii: "-")) }
            return appendDigits(whole.magnitude, to: &bytes)
        }
        var text = value.description
        let isPlain = text.withUTF8 { utf8 in
            let isPlain = value.isFinite && !utf8.contains(UInt8(ascii: "e"))
            if isPlain { bytes.append(contentsOf: utf8) }
            return isPlain
        }
        if !isPlain { bytes.append(contentsOf: json(value).utf8) }
    }

    /// Appends seconds with the milliseconds behind the point.
    static func appendSeconds(_ milliseconds: Int64, to bytes: inout [UInt8]) {
        if milliseconds < 0 { bytes.append(UInt8(ascii: "-")) }
        let (seconds, rest) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        appendDigits(seconds, to: &bytes)
        if rest == 0 { return }
        bytes.append(UInt8(ascii: "."))
        for digit in [rest / 100, rest / 10 % 10, rest % 10] {
            bytes.append(UInt8(ascii: "0") + UInt8(digit))
        }
    }

    private static func appendDigits(_ value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var start = digits.count
            repeat {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(digit)
                rest = quotient
            } while rest > 0
            bytes.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[start...]))
        }
    }

    /// With an exponent, as Prometheus's API tells values of alerts: `1e+00`.
    public static func scientific(_ value: Double) -> String {
        if let text = special(value) { return text }
        let number = Digits(value)
        let exponent = number.point - 1
        var text = number.digits
        if text.count > 1 { text.insert(".", at: text.index(after: text.startIndex)) }
        let size = exponent.magnitude
        text += (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + String(size)
        return (value.sign == .minus ? "-" : "") + text
    }

    /// As OpenMetrics writes the values of labels: `0.5`, `1.0`, `1e+06`.
    static func openMetrics(_ value: Double) -> String {
        let text = general(value)
        let isWhole = value.isFinite && !text.utf8.contains { $0 == 46 || $0 | 32 == 101 }
        return isWhole ? text + ".0" : text
    }

    /// So many digits behind the point.
    public static func fixed(_ value: Double, digits: Int) -> String {
        if let text = special(value) { return text }
        guard value.magnitude < 1e15 else { return plain(value) }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = value.magnitude.rounded(.down)
        var fraction = ((value.magnitude - whole) * scale).rounded()
        var integer = UInt64(whole)
        if fraction >= scale {
            fraction -= scale
            integer += 1
        }
        let tail = String(UInt64(fraction))
        let padded = String(repeating: "0", count: max(0, digits - tail.count)) + tail
        return (value.sign == .minus ? "-" : "") + "\(integer)" + (digits > 0 ? "." + padded : "")
    }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return nil
    }
}

/// A number as its significant digits and where the point is.
private struct Digits {
    /// Without zeros at either end; `0` for zero.
    let digits: String
    /// Digits before the point; negative when zeros follow it.
    let point: Int

    init(_ value: Double) {
        var mantissa = Substring(value.magnitude.description)
        var exponent = 0
        if let place = mantissa.firstIndex(where: { $0 == "e" }) {
            exponent = Int(mantissa[mantissa.index(after: place)...]) ?? 0
            mantissa = mantissa[..<place]
        }
        var digits = ""
        var point = 0
        var isBehindPoint = false
        for character in mantissa {
            if character == "." {
                isBehindPoint = true
            } else {
                digits.append(character)
                if !isBehindPoint { point += 1 }
            }
        }
        while digits.last == "0" { digits.removeLast() }
        let zeros = digits.prefix { $0 == "0" }.count
        digits.removeFirst(zeros)
        self.point = digits.isEmpty ? 1 : point - zeros + exponent
        self.digits = digits.isEmpty ? "0" : digits
    }
}
