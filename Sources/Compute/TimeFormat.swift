internal import Bytes

/// Times as text by the conversions of POSIX `strftime`, always in UTC and in the C locale.
///
/// Written out here, so that neither the process's locale nor its time zone has a say.
public struct TimeFormat {
    /// Seconds from the year 0 to the end of the year 9999.
    private static let range = -62_167_219_200.0..<253_402_300_800.0

    private let seconds: Int64
    private let year: Int64
    private let month: Int64
    private let dayOfMonth: Int64
    /// From 0, on the 1st of January.
    private let dayOfYear: Int64
    /// From 0, on Sunday.
    private let weekday: Int64
    private let secondOfDay: Int64

    /// The time as `format` has it, fractions of a second dropped; nil beyond the years 0 to 9999.
    public static func text(_ format: String, seconds: Double) -> String? {
        guard range.contains(seconds) else { return nil }
        return TimeFormat(Int64(seconds.rounded(.down))).text(format)
    }

    private init(_ seconds: Int64) {
        self.seconds = seconds
        secondOfDay = (seconds % 86_400 + 86_400) % 86_400
        let day = (seconds - secondOfDay) / 86_400
        let date = RFC3339.civil(day: day)
        (year, month, dayOfMonth) = date
        dayOfYear = day - RFC3339.day(year: date.year, month: 1, dayOfMonth: 1)
        // 1970 began on a Thursday.
        weekday = ((day + 4) % 7 + 7) % 7
    }

    private func text(_ format: String) -> String {
        var text = ""
        var conversion = false
        for scalar in format.unicodeScalars {
            if conversion {
                text += converted(scalar) ?? "%" + String(scalar)
                conversion = false
            } else if scalar == "%" {
                conversion = true
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return conversion ? text + "%" : text
    }

    /// What a conversion's letter stands for; nil for what is none, which stays as it is.
    private func converted(_ letter: Unicode.Scalar) -> String? {
        switch letter {
        case "c": text("%a %b %e %H:%M:%S %Y")
        case "D", "x": text("%m/%d/%y")
        case "F": text("%Y-%m-%d")
        case "r": text("%I:%M:%S %p")
        case "R": text("%H:%M")
        case "T", "X": text("%H:%M:%S")
        case "n": "\n"
        case "t": "\t"
        case "%": "%"
        case "z": "+0000"
        case "Z": "UTC"
        case "s": String(seconds)
        default: dateText(letter) ?? timeText(letter)
        }
    }

    private func timeText(_ letter: Unicode.Scalar) -> String? {
        let hour = secondOfDay / 3600
        let half = (hour + 11) % 12 + 1
        return switch letter {
        case "H": padded(hour, 2)
        case "I": padded(half, 2)
        case "k": padded(hour, 2, " ")
        case "l": padded(half, 2, " ")
        case "M": padded(secondOfDay / 60 % 60, 2)
        case "S": padded(secondOfDay % 60, 2)
        case "p": hour < 12 ? "AM" : "PM"
        default: nil
        }
    }

    private func dateText(_ letter: Unicode.Scalar) -> String? {
        switch letter {
        case "A": TimeFormat.weekdays[Int(weekday)]
        case "a": String(TimeFormat.weekdays[Int(weekday)].prefix(3))
        case "B": TimeFormat.months[Int(month) - 1]
        case "b", "h": String(TimeFormat.months[Int(month) - 1].prefix(3))
        case "C": padded(year / 100, 2)
        case "d": padded(dayOfMonth, 2)
        case "e": padded(dayOfMonth, 2, " ")
        case "G": String(isoWeek.year)
        case "g": padded(isoWeek.year % 100, 2)
        case "j": padded(dayOfYear + 1, 3)
        case "m": padded(month, 2)
        case "U": padded((dayOfYear + 7 - weekday) / 7, 2)
        case "u": String(weekday == 0 ? 7 : weekday)
        case "V": padded(isoWeek.week, 2)
        case "W": padded((dayOfYear + 7 - (weekday + 6) % 7) / 7, 2)
        case "w": String(weekday)
        case "Y": String(year)
        case "y": padded(year % 100, 2)
        default: nil
        }
    }

    /// The week of ISO 8601, from 1, and the year that it belongs to: that of its Thursday.
    private var isoWeek: (year: Int64, week: Int64) {
        let thursday = dayOfYear + 3 - (weekday + 6) % 7
        if thursday < 0 {
            return (year - 1, (thursday + TimeFormat.days(inYear: year - 1)) / 7 + 1)
        }
        let days = TimeFormat.days(inYear: year)
        if thursday >= days { return (year + 1, 1) }
        return (year, thursday / 7 + 1)
    }

    private static func days(inYear year: Int64) -> Int64 {
        RFC3339.day(year: year + 1, month: 1, dayOfMonth: 1)
            - RFC3339.day(year: year, month: 1, dayOfMonth: 1)
    }

    private func padded(_ number: Int64, _ width: Int, _ filler: Character = "0") -> String {
        let digits = String(number)
        return String(repeating: filler, count: max(0, width - digits.count)) + digits
    }

    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
}
