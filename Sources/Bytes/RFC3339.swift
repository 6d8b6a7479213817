/// Times as RFC 3339 writes them, to the nanosecond.
public enum RFC3339 {
    /// UTC, with as many digits of a second as the time needs: `2026-03-10T14:00:00.25Z`.
    public static func text(nanoseconds: Int64) -> String {
        let second = floorDivide(nanoseconds, 1_000_000_000)
        let remainder = nanoseconds % 1_000_000_000
        return text(second, fraction: remainder < 0 ? remainder + 1_000_000_000 : remainder)
    }

    /// The same of a time that need not fit 64 bits; nil outside the years 0 to 9999.
    ///
    /// - Parameters:
    ///   - seconds: since 1970, rounded down.
    ///   - nanoseconds: on top of them, below a second.
    public static func text(seconds: Int64, nanoseconds: Int64) -> String? {
        let years: ClosedRange<Int64> = -62_167_219_200...253_402_300_799
        return years.contains(seconds) ? text(seconds, fraction: nanoseconds) : nil
    }

    private static func text(_ second: Int64, fraction: Int64) -> String {
        let day = floorDivide(second, 86_400)
        let inDay = second - day * 86_400
        let (year, month, dayOfMonth) = civil(day: day)
        var text = pad(year, 4) + "-" + pad(month, 2) + "-" + pad(dayOfMonth, 2)
        text += "T" + pad(inDay / 3600, 2) + ":" + pad(inDay / 60 % 60, 2) + ":"
        text += pad(inDay % 60, 2)
        if fraction != 0 {
            var digits = pad(fraction, 9)
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        return text + "Z"
    }

    /// Nanoseconds since 1970 of `2026-03-10T14:00:00[.fraction](Z|+02:00)`.
    ///
    /// A date alone is its midnight in UTC. Nil for anything else and for times that do not fit 64
    /// bits; digits of a second beyond the ninth are dropped.
    public static func nanoseconds(_ text: some StringProtocol) -> Int64? {
        var reader = Reader(bytes: Array(text.utf8))
        return reader.time()
    }

    /// Days since 1970 of a date of the Gregorian calendar.
    public static func day(year: Int64, month: Int64, dayOfMonth: Int64) -> Int64 {
        // Years begin in March, so that the leap day is a year's last.
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + dayOfMonth - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The date of the Gregorian calendar that is so many days after 1970 began.
    public static func civil(day: Int64) -> (year: Int64, month: Int64, dayOfMonth: Int64) {
        let shifted = day + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfMonth)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
        let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}

extension RFC3339 {
    private struct Reader {
        let bytes: [UInt8]
        var offset = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func time() -> Int64? {
            guard let year = digits(4), take("-"), let month = digits(2), take("-"),
                let dayOfMonth = digits(2), (1...12).contains(month), dayOfMonth >= 1
            else { return nil }
            let day = RFC3339.day(year: year, month: month, dayOfMonth: dayOfMonth)
            guard RFC3339.civil(day: day).month == month else { return nil }
            if offset == bytes.count { return scaled(day * 86_400, fraction: 0) }
            guard take("T") || take("t"), let hour = digits(2), take(":"),
                let minute = digits(2), take(":"), let second = digits(2),
                hour < 24, minute < 60, second < 60, let fraction = fraction(),
                let zone = zoneSeconds(), offset == bytes.count
            else { return nil }
            let inDay = hour * 3600 + minute * 60 + second
            return scaled(day * 86_400 + inDay - zone, fraction: fraction)
        }

        private func scaled(_ seconds: Int64, fraction: Int64) -> Int64? {
            Int64(exactly: Int128(seconds) * 1_000_000_000 + Int128(fraction))
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else {
                return false
            }
            offset += 1
            return true
        }

        private mutating func digit() -> Int64? {
            guard offset < bytes.count, (0x30...0x39).contains(bytes[offset]) else { return nil }
            offset += 1
            return Int64(bytes[offset - 1] - 0x30)
        }

        private mutating func digits(_ count: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<count {
                guard let next = digit() else { return nil }
                value = value * 10 + next
            }
            return value
        }

        /// Nanoseconds of the digits after a point; 0 without a point, nil for a point alone.
        private mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            var value: Int64 = 0
            var unit: Int64 = 100_000_000
            let start = offset
            while let next = digit() {
                value += next * unit
                unit /= 10
            }
            return offset > start ? value : nil
        }

        private mutating func zoneSeconds() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let sign: Int64 = take("-") ? -1 : 1
            guard sign < 0 || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
                hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 3600 + minutes * 60)
        }
    }
}
