/// Identifiers of traces and spans that begin here, none twice; not secret.
struct TraceIdentifiers {
    private var random: ShopRandom

    init(seed: UInt64) { random = ShopRandom(seed: seed) }

    /// 32 lower-case hexadecimal digits, not all zero.
    mutating func nextTraceID() -> String { nextSpanID() + nextSpanID() }

    /// 16 lower-case hexadecimal digits, not all zero.
    mutating func nextSpanID() -> String {
        var value = random.next()
        while value == 0 { value = random.next() }
        return String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
                digits[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            return 16
        }
    }
}
