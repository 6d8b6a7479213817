/// The hours of the week in which a trigger is evaluated, in UTC.
public struct TriggerSchedule: Hashable, Sendable {
    /// As definitions name them, Monday first.
    public static let dayNames = [
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ]

    /// Places in `dayNames` of the days on which a stretch begins.
    public let days: Set<Int>
    /// Minutes of the day; an end that is not after the start is one of the next day.
    public let start: Int
    public let end: Int

    public init(days: Set<Int>, start: Int, end: Int) {
        (self.days, self.start, self.end) = (days, start, end)
    }

    private static let minutesOfDay = 1440

    /// Whether a time is within, milliseconds since 1970.
    func contains(_ time: Int64) -> Bool {
        let minutes = Int((time / 60_000))
        let minute = minutes % TriggerSchedule.minutesOfDay
        // The first of January 1970 was a Thursday.
        let day = (minutes / TriggerSchedule.minutesOfDay + 3) % 7
        if start < end { return days.contains(day) && start <= minute && minute < end }
        let before = (day + 6) % 7
        return days.contains(day) && start <= minute || days.contains(before) && minute < end
    }
}
