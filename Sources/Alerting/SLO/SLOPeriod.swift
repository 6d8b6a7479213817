internal import Bytes
internal import Metrics

/// The time over which an objective holds.
public enum SLOPeriod: Hashable, Sendable {
    /// So many milliseconds up to now.
    case rolling(Int64)
    /// One after the other from a time on, milliseconds since 1970, each so many milliseconds long.
    case fixed(from: Int64, Int64)
    /// One after the other from a time on, milliseconds since 1970, each so many months long; UTC.
    case months(from: Int64, Int64)

    static let day: Int64 = 86_400_000

    /// The time that counts at a moment, milliseconds since 1970: of a calendar's the whole of the one
    /// that the moment is in.
    public func range(at time: Int64) -> Range<Int64> {
        switch self {
        case .rolling(let length): return time - length..<time
        case .fixed(let first, let length):
            let past = (time - first) % length
            let begin = time - (past < 0 ? past + length : past)
            return begin..<begin + length
        case .months(let first, let count):
            // One period too early at most: a month has 31 days at most.
            var number = (time - first) / (31 * SLOPeriod.day * count)
            while SLOPeriod.adding(number * count, to: first) > time { number -= 1 }
            while SLOPeriod.adding((number + 1) * count, to: first) <= time { number += 1 }
            return SLOPeriod.adding(
                number * count, to: first)..<SLOPeriod.adding((number + 1) * count, to: first)
        }
    }

    /// Milliseconds, of months those that are usual.
    public var length: Int64 {
        switch self {
        case .rolling(let length), .fixed(_, let length): length
        case .months(_, let count): count * 30 * SLOPeriod.day
        }
    }

    /// A time some months later, on the same day of the month where that has one, else its last.
    private static func adding(_ months: Int64, to time: Int64) -> Int64 {
        let inDay = (time % day + day) % day
        let date = RFC3339.civil(day: (time - inDay) / day)
        let month = date.year * 12 + date.month - 1 + months
        func first(_ month: Int64) -> Int64 {
            RFC3339.day(year: month / 12, month: month % 12 + 1, dayOfMonth: 1)
        }
        let days = first(month + 1) - first(month)
        return (first(month) + min(date.dayOfMonth, days) - 1) * day + inDay
    }
}

extension SLOPeriod {
    /// As an objective's document says it: `30d`, `1M`.
    public var text: String {
        switch self {
        case .rolling(let length), .fixed(_, let length):
            DurationText.text(milliseconds: length)
        case .months(_, let count): "\(count)M"
        }
    }
}
