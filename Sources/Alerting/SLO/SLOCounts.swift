internal import Metrics
internal import SeriesStore

/// The events of an objective up to any time of a stretch.
///
/// They are the running totals of its two metrics, so what is counted between two times is exact at the
/// ends of their cells.
struct SLOCounts {
    private let total: RunningTotal
    private let bad: RunningTotal

    /// Reads what is needed to count from `from` on, up to `to`; milliseconds since 1970.
    init(
        _ objective: ServiceLevelObjective, _ source: any SeriesSource, from: Int64, to: Int64
    ) throws {
        // The total at the beginning stands at the end of a cell before: two of them at least.
        let margin = 2 * SLOCounts.width(of: to - from)
        func read(_ name: String) throws -> RunningTotal {
            let matcher = try LabelMatcher(Labels.metricName, .equal, name)
            let found = try source.select([matcher], from: from - margin, to: to)
            return RunningTotal(found.first?.samples ?? Samples())
        }
        total = try read(objective.total.name)
        bad = try read(objective.bad.name)
    }

    /// Milliseconds of the cells that metrics have over a range.
    static func width(of range: Int64) -> Int64 {
        if range <= 24 * 3_600_000 { return 10_000 }
        if range <= 44 * SLOPeriod.day { return 60_000 }
        return range <= 370 * SLOPeriod.day ? 3_600_000 : SLOPeriod.day
    }

    /// What there was after one time, up to another.
    func count(from: Int64, to: Int64) -> SLOCount {
        SLOCount(
            total: max(0, total.value(at: to) - total.value(at: from)),
            bad: max(0, bad.value(at: to) - bad.value(at: from)))
    }

    /// Whether any event is known up to a time.
    func isObserved(at time: Int64) -> Bool { total.value(at: time) > 0 }

    /// When the first event that is known happened, if that was not before the stretch; milliseconds
    /// since 1970, at the beginning of its cell.
    var beginning: Int64? { total.beginning }
}

/// A counter's samples, asked for at any time.
private struct RunningTotal {
    private var times: [Int64] = []
    private var values: [Double] = []

    init(_ samples: Samples) {
        times.reserveCapacity(samples.count)
        values.reserveCapacity(samples.count)
        for place in 0..<samples.count where !StaleMarker.isStale(samples.values[place]) {
            times.append(samples.timestamps[place])
            values.append(samples.values[place])
        }
    }

    /// A total holds until there is a later one; before the first it is what that began with.
    func value(at time: Int64) -> Double {
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return values.isEmpty ? 0 : values[max(0, low - 1)]
    }

    /// A series that begins within the stretch begins at 0.
    var beginning: Int64? { values.first == 0 ? times.first : nil }
}
