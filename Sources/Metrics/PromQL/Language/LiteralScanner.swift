/// Finds where numbers and durations end, and what they are worth.
enum LiteralScanner {
    private static func isDigit(_ byte: UInt8, isHexadecimal: Bool = false) -> Bool {
        byte >= 48 && byte <= 57 || isHexadecimal && (byte | 32) >= 97 && (byte | 32) <= 102
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_") || (byte | 32) >= 97 && (byte | 32) <= 122
    }

    // MARK: - Numbers

    /// Bytes of the number that `bytes` begin with, nil when they begin with none.
    static func numberLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        var place = bytes.startIndex
        let isHexadecimal =
            bytes.count > 2 && bytes[place] == 48 && bytes[place + 1] | 32 == UInt8(ascii: "x")
        if isHexadecimal { place += 2 }
        var (hasPoint, hasExponent) = (isHexadecimal, isHexadecimal)
        scan: while place < bytes.endIndex {
            switch bytes[place] {
            case let byte where isDigit(byte, isHexadecimal: isHexadecimal): place += 1
            case UInt8(ascii: "_"):
                guard place + 1 < bytes.endIndex, isWord(bytes[place + 1]) else { return nil }
                place += 1
            case UInt8(ascii: "."):
                if hasPoint { return nil }
                hasPoint = true
                place += 1
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                if hasExponent { return nil }
                hasExponent = true
                place += 1
                if place < bytes.endIndex, [43, 45].contains(bytes[place]) { place += 1 }
                guard place < bytes.endIndex, isDigit(bytes[place]) else { return nil }
            default: break scan
            }
        }
        if place < bytes.endIndex, isWord(bytes[place]) { return nil }
        return place == bytes.startIndex ? nil : place - bytes.startIndex
    }

    /// The value of a number: decimal, hexadecimal (`0x`), octal (`0` or `0o`), binary, `Inf`, `NaN`.
    static func number(_ text: String) -> Double? {
        let plain = text.lowercased().filter { $0 != "_" }
        switch plain {
        case "inf", "+inf": return .infinity
        case "-inf": return -.infinity
        case "nan": return .nan
        default: break
        }
        if let whole = wholeNumber(plain) { return Double(whole) }
        let leading = plain.hasPrefix(".") ? "0" + plain : plain
        return Double(leading.hasSuffix(".") ? leading + "0" : leading.replacingPointBeforeExponent)
    }

    /// The bound of a bucket as its label has it; nil for what is no number.
    static func bound(_ text: String) -> Double? {
        switch text.lowercased() {
        case "+inf", "inf", "+infinity", "infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default: return Double(text)
        }
    }

    private static func wholeNumber(_ text: String) -> Int64? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            return Int64(text.dropFirst(2), radix: radix)
        }
        if text.hasPrefix("0"), text.count > 1, let octal = Int64(text, radix: 8) { return octal }
        return Int64(text)
    }

    // MARK: - Durations

    /// Bytes of the duration that `bytes` begin with, nil when they begin with none.
    static func durationLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        let word = bytes.prefix(while: isWord)
        guard let first = word.first, isDigit(first),
            let last = word.last, "smhdwy".utf8.contains(last),
            word.allSatisfy({ isDigit($0) || "smhdwy".utf8.contains($0) })
        else { return nil }
        return word.count
    }
}

extension String {
    /// `1.e5` as Swift reads it: `1.0e5`.
    fileprivate var replacingPointBeforeExponent: String {
        guard let place = utf8.firstIndex(of: UInt8(ascii: ".")) else { return self }
        let next = utf8.index(after: place)
        guard next < endIndex, utf8[next] == UInt8(ascii: "e") else { return self }
        return self[..<next] + "0" + self[next...]
    }
}
