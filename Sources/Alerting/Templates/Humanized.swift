internal import Bytes

/// Numbers as people read them, as Prometheus's templates have it.
enum Humanized {
    /// At most four significant digits.
    static func significant(_ value: Double) -> String {
        GoFormat.number(value, "g", digits: 4)
    }

    private static let small = ["m", "u", "n", "p", "f", "a", "z", "y"]

    /// `1.235k`, `12m`: with the prefixes of the metric system.
    static func number(_ value: Double) -> String {
        if value == 0 || !value.isFinite { return significant(value) }
        if value.magnitude >= 1 {
            return scaled(value, ["k", "M", "G", "T", "P", "E", "Z", "Y"], by: 1000)
        }
        return shrunk(value)
    }

    /// `1.5ki`: with prefixes of powers of 1024.
    static func binary(_ value: Double) -> String {
        if value.magnitude <= 1 || !value.isFinite { return significant(value) }
        return scaled(value, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"], by: 1024)
    }

    private static func scaled(_ value: Double, _ prefixes: [String], by step: Double) -> String {
        var (value, prefix) = (value, "")
        for next in prefixes where value.magnitude >= step {
            prefix = next
            value /= step
        }
        return significant(value) + prefix
    }

    private static func shrunk(_ value: Double) -> String {
        var (value, prefix) = (value, "")
        for next in small where value.magnitude < 1 {
            prefix = next
            value *= 1000
        }
        return significant(value) + prefix
    }

    /// Seconds as `1d 2h 3m 4s`, `4.5s` or `12ms`.
    static func duration(_ value: Double) -> String {
        if !value.isFinite { return significant(value) }
        if value == 0 { return "0s" }
        guard value.magnitude >= 1 else { return shrunk(value) + "s" }
        let sign = value < 0 ? "-" : ""
        let whole = Int64(clamping: UInt64(min(value.magnitude, 9e18)))
        let (days, hours) = (whole / 86_400, whole / 3600 % 24)
        let (minutes, seconds) = (whole / 60 % 60, whole % 60)
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds)s" }
        return sign + significant(value.magnitude) + "s"
    }

    /// Seconds since 1970 as Go prints a time: `2001-09-09 01:46:40 +0000 UTC`.
    static func time(_ value: Double) -> String {
        // Beyond, no calendar of ours goes.
        guard value.magnitude < 2.5e11 else { return significant(value) }
        let nanoseconds = value * 1e9
        let seconds = (nanoseconds / 1e9).rounded(.down)
        let rest = Int64(((value - seconds) * 1e9).rounded())
        guard let text = RFC3339.text(seconds: Int64(seconds), nanoseconds: min(rest, 999_999_999))
        else { return significant(value) }
        return text.replacing("T", with: " ").replacing("Z", with: " +0000 UTC")
    }

    /// Seconds as Go prints a duration: `1h2m3.5s`.
    static func goDuration(_ value: Double) -> String {
        guard value.magnitude < 9e9 else { return significant(value) }
        if value == 0 { return "0s" }
        let sign = value < 0 ? "-" : ""
        let nanoseconds = Int64((value.magnitude * 1e9).rounded())
        func text(_ unit: Int64) -> String {
            let fraction = nanoseconds % unit
            guard fraction != 0 else { return "\(nanoseconds / unit)" }
            var digits = String(String(unit + fraction).dropFirst())
            while digits.last == "0" { digits.removeLast() }
            return "\(nanoseconds / unit).\(digits)"
        }
        if nanoseconds < 1000 { return "\(sign)\(nanoseconds)ns" }
        if nanoseconds < 1_000_000 { return "\(sign)\(text(1000))µs" }
        if nanoseconds < 1_000_000_000 { return "\(sign)\(text(1_000_000))ms" }
        let seconds = nanoseconds / 1_000_000_000
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        var rest = "\(seconds % 60)"
        let fraction = nanoseconds % 1_000_000_000
        if fraction != 0 {
            var digits = String(String(1_000_000_000 + fraction).dropFirst())
            while digits.last == "0" { digits.removeLast() }
            rest += "." + digits
        }
        if hours > 0 { return "\(sign)\(hours)h\(minutes)m\(rest)s" }
        return minutes > 0 ? "\(sign)\(minutes)m\(rest)s" : "\(sign)\(rest)s"
    }
}
