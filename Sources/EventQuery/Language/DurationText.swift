/// Durations as queries write them: `90s`, `5m`, `1h30m`; whole numbers with units.
enum DurationText {
    /// Units from the longest to the shortest, with their nanoseconds.
    static let units: [(name: String, nanoseconds: Int64)] = [
        ("w", 604_800_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]

    /// Nanoseconds of the text; nil when it is no duration or does not fit 64 bits.
    static func nanoseconds(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        var rest = bytes[...]
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { !(0x30...0x39).contains($0) }
            rest = rest.dropFirst(letters.count)
            guard let count = Int64(String(decoding: digits, as: UTF8.self)),
                let unit = units.first(where: { $0.name.utf8.elementsEqual(letters) })
            else { return nil }
            let (part, tooLong) = count.multipliedReportingOverflow(by: unit.nanoseconds)
            let (sum, overflow) = total.addingReportingOverflow(part)
            if tooLong || overflow { return nil }
            total = sum
        }
        return bytes.isEmpty ? nil : total
    }

    /// The duration in the longest unit (days at most) that divides it; at least 0.
    static func text(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        for unit in units.dropFirst() where nanoseconds % unit.nanoseconds == 0 {
            return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
        }
        preconditionFailure("BUG: every duration is a number of nanoseconds")
    }
}
