internal import Events

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

    /// The rate that an attribute of OTLP gives, rounded; 1 when it is no number above.
    static func rate(attribute value: FieldValue) -> UInt32 {
        let number: Double? =
            switch value {
            case .int(let number): Double(number)
            case .float(let number): number
            case .string(let text): Double(text)
            case .bool, .missing: nil
            }
        guard let number, number >= 0.5 else { return 1 }
        return number >= Double(Int32.max) ? UInt32(Int32.max) : UInt32(number + 0.5)
    }

    /// The rate that W3C `tracestate` gives by OpenTelemetry's sampling threshold: `ot=th:c`, or
    /// `th=c` as it once was; nil when it gives none.
    ///
    /// A threshold is a share of 2^56, its trailing zeros left out; events below it were dropped. A
    /// rate up to 100 that is not whole is rounded up as often as its fraction says, by `chance`.
    ///
    /// - Parameter chance: any number that differs from event to event.
    static func rate(traceState: String, chance: UInt64) -> UInt32? {
        guard let text = threshold(in: traceState), (1...14).contains(text.utf8.count),
            let digits = UInt64(text, radix: 16)
        else { return nil }
        let dropped = digits << UInt64(4 * (14 - text.utf8.count))
        let count = 0x1p56 / Double((UInt64(1) << 56) - dropped)
        if count >= Double(Int32.max) { return UInt32(Int32.max) }
        let floor = UInt32(count)
        guard floor <= 100 else { return floor }
        let isRoundedUp = Double(chance >> 11) * 0x1p-53 < count - Double(floor)
        return isRoundedUp ? floor + 1 : floor
    }

    private static func threshold(in traceState: String) -> Substring? {
        for entry in traceState.split(separator: ",") where entry.hasPrefix("ot=") {
            for pair in entry.dropFirst(3).split(separator: ";") where pair.hasPrefix("th:") {
                return pair.dropFirst(3)
            }
        }
        for pair in traceState.split(separator: ";") where pair.hasPrefix("th=") {
            return pair.dropFirst(3)
        }
        return nil
    }
}
