/// Durations as Prometheus writes them: `1h30m`, `15s`, `250ms`.
public enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000),
        ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Milliseconds of `1h30m`: each unit at most once, the longest first; nil for anything else.
    public static func milliseconds(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var rest = Substring(text)
        var total: Int64 = 0
        var lastUnit = -1
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let unitText = rest[digits.endIndex...].prefix { $0.isASCII && $0.isLetter }
            guard let value = Int64(digits),
                let unit = units.firstIndex(where: { $0.name == unitText }), unit > lastUnit
            else { return nil }
            let (product, isTooLong) = value.multipliedReportingOverflow(
                by: units[unit].milliseconds)
            let (sum, overflows) = total.addingReportingOverflow(product)
            if isTooLong || overflows || sum > MetricsLimits.durationMilliseconds { return nil }
            total = sum
            lastUnit = unit
            rest = rest[unitText.endIndex...]
        }
        return text.isEmpty ? nil : total
    }

    /// The duration in the longest units; years and weeks only when nothing is left over.
    public static func text(milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        var rest = milliseconds.magnitude
        var text = milliseconds < 0 ? "-" : ""
        for (name, length) in units {
            let length = length.magnitude
            if (name == "y" || name == "w") && rest % length != 0 { continue }
            if rest / length > 0 { text += "\(rest / length)\(name)" }
            rest %= length
        }
        return text
    }
}
