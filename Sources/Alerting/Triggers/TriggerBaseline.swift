/// What a trigger's number is compared with: itself, some time ago.
public enum TriggerBaseline: Hashable, Sendable {
    /// The median of its windows in the same hour of the weeks before, times the threshold.
    case sameHour(weeks: Int)
    /// The same window so many milliseconds earlier, and the threshold more.
    case difference(offset: Int64)
    /// The same window so many milliseconds earlier, and so many hundredths of it more.
    case percentage(offset: Int64)

    /// The number beyond which a trigger's own is wrong; nil when that says nothing.
    ///
    /// - Parameters:
    ///   - threshold: of the trigger, or its recovery.
    ///   - past: the number some time ago; nil when it is not known.
    func bound(_ threshold: Double, past: Double?) -> Double? {
        guard let past else { return nil }
        switch self {
        case .sameHour: return threshold * past
        case .difference: return past + threshold
        // Of nothing there is no hundredth.
        case .percentage: return past == 0 ? nil : past + abs(past) * threshold / 100
        }
    }
}

/// Numbers of the same hour of the weeks before, by group, as long as that hour lasts.
struct TriggerHistory: Sendable {
    /// Hours since 1970.
    let hour: Int64
    private var weeks: [[TriggerGroup: [Double]]] = []
    private let needed: Int
    /// The number of a window without events in an hour that has some; nil where there is none.
    private let nothing: Double?
    private let windows: Int

    /// - Parameters:
    ///   - weeks: how many are looked at; half of them must be known of a group.
    ///   - windows: of one hour.
    init(hour: Int64, weeks: Int, windows: Int, nothing: Double?) {
        self.hour = hour
        self.windows = windows
        self.nothing = nothing
        needed = (weeks + 1) / 2
    }

    /// Adds a week's numbers of all windows, by group.
    mutating func add(_ week: [TriggerGroup: [Double]]) { weeks.append(week) }

    /// The median of all windows; nil where less than half of the weeks know the group.
    func median(of group: TriggerGroup) -> Double? {
        let known = weeks.compactMap { $0[group] }
        guard known.count >= needed else { return nil }
        var values = known.flatMap { $0 }
        if let nothing {
            let silent = known.reduce(0) { $0 + max(0, windows - $1.count) }
            values += Array(repeating: nothing, count: silent)
        }
        values.sort()
        guard let first = values.first else { return nil }
        let middle = values.count / 2
        if values.count == 1 { return first }
        return values.count % 2 == 1
            ? values[middle] : (values[middle - 1] + values[middle]) / 2
    }
}
