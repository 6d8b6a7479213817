/// How many events one stands for, as clients write it.
enum SampleRate {
    /// The rate in the digits of a JSON number or string; nil when it is no whole number of 32 bits.
    ///
    /// 0 counts as 1, and `10.0` as 10.
    static func rate(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? {
        var value: UInt64 = 0
        var index = 0
        while index < text.count, text[index] &- 0x30 < 10 {
            value = value * 10 + UInt64(text[index] - 0x30)
            guard value <= UInt64(UInt32.max) else { return nil }
            index += 1
        }
        guard index > 0 else { return nil }
        if index < text.count {
            // Slow path: a float that is whole, however it is written.
            let isFloat =
                text[index] == UInt8(ascii: ".") || text[index] | 0x20 == UInt8(ascii: "e")
            guard isFloat, let number = Double(String(decoding: text, as: UTF8.self)),
                let whole = UInt32(exactly: number)
            else { return nil }
            return max(1, whole)
        }
        return max(1, UInt32(value))
    }

    /// The rate that a header gives; 1 when it cannot be read, as Honeycomb's proxy has it.
    static func rate(header: String?) -> UInt32 {
        guard var header else { return 1 }
        return header.withUTF8 { rate($0) } ?? 1
    }
}
