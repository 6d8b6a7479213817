internal import CKernels

extension Array where Element == UInt8 {
    /// Whether the bytes of a text are among these, one after the other.
    func contains(text: [UInt8]) -> Bool {
        withUnsafeBufferPointer { bytes in
            text.withUnsafeBufferPointer { text in
                guard let base = bytes.baseAddress, let needle = text.baseAddress else {
                    return text.isEmpty
                }
                return wf_find(base, bytes.count, needle, text.count) < bytes.count
            }
        }
    }
}

extension [UInt8] {
    /// The bytes with every escape of JSON as what it stands for; what is none stays as it is.
    func withoutEscapes() -> [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(count)
        var place = 0
        while place < count {
            guard self[place] == UInt8(ascii: "\\"), place + 1 < count else {
                plain.append(self[place])
                place += 1
                continue
            }
            if let scalar = escapedScalar(at: &place) {
                plain.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                plain.append(self[place + 1])
                place += 2
            }
        }
        return plain
    }

    /// What an escape that is no single character stands for; moves the place behind it.
    ///
    /// Two of `\u` together where they are a pair. nil of all others, and the place stays.
    private func escapedScalar(at place: inout Int) -> Unicode.Scalar? {
        let short: [UInt8: Unicode.Scalar] = [
            UInt8(ascii: "n"): "\n", UInt8(ascii: "t"): "\t", UInt8(ascii: "r"): "\r",
            UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{c}",
        ]
        if let scalar = short[self[place + 1]] {
            place += 2
            return scalar
        }
        guard let unit = codeUnit(at: place) else { return nil }
        if let scalar = Unicode.Scalar(unit) {
            place += 6
            return scalar
        }
        guard unit < 0xDC00, let low = codeUnit(at: place + 6), (0xDC00..<0xE000).contains(low)
        else { return nil }
        place += 12
        return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    }

    /// The sixteen bits of a `\u` escape.
    private func codeUnit(at place: Int) -> UInt32? {
        guard place + 6 <= count, self[place] == UInt8(ascii: "\\"),
            self[place + 1] == UInt8(ascii: "u")
        else { return nil }
        let digits = self[place + 2..<place + 6]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
