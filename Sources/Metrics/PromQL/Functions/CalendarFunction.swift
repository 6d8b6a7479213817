internal import Bytes

/// Parts of a date in UTC.
enum CalendarFunction {
    /// - Parameter seconds: since 1970; fractions are cut off.
    static func value(_ function: PromQLFunction, _ seconds: Double) -> Double {
        // As far as a calendar of 64 bits of seconds has days.
        guard seconds.magnitude < 1e15 else { return .nan }
        return value(function, Int64(seconds))
    }

    static func value(_ function: PromQLFunction, _ seconds: Int64) -> Double {
        let remainder = seconds % 86_400
        let inDay = remainder < 0 ? remainder + 86_400 : remainder
        let day = (seconds - inDay) / 86_400
        let date = RFC3339.civil(day: day)
        switch function {
        case .hour: return Double(inDay / 3600)
        case .minute: return Double(inDay / 60 % 60)
        case .year: return Double(date.year)
        case .month: return Double(date.month)
        case .dayOfMonth: return Double(date.dayOfMonth)
        case .dayOfWeek:
            // The first day of 1970 was a Thursday.
            let weekday = (day + 4) % 7
            return Double(weekday < 0 ? weekday + 7 : weekday)
        case .dayOfYear:
            return Double(day - RFC3339.day(year: date.year, month: 1, dayOfMonth: 1) + 1)
        default:
            let (year, month) =
                date.month == 12 ? (date.year + 1, 1) : (date.year, date.month + 1)
            let first = RFC3339.day(year: date.year, month: date.month, dayOfMonth: 1)
            return Double(RFC3339.day(year: year, month: month, dayOfMonth: 1) - first)
        }
    }
}
