public import Metrics
internal import SeriesStore

/// The events of objectives in the windows of their burn-rate alerts, counted once as time goes on.
///
/// It is what the series of objectives say at the same times, without asking for each alert anew: cells of
/// ten seconds, and of minutes for windows of more than a day. It knows no clock and no store: whoever owns it
/// says how far events are known and which changed, and counts them.
public struct BurnTally: Sendable {
    /// Counts events of counters in cells of a width, over a range of whole cells; milliseconds.
    public typealias Counting = (
        _ counters: [MetricDefinition], _ range: Range<Int64>, _ width: Int64
    ) throws -> [[CellCount]]

    /// What is kept of one objective.
    private struct Entry {
        let objective: ServiceLevelObjective
        let reach: Reach
        var fine = WindowSums()
        var coarse = WindowSums()
    }

    /// Milliseconds back for which cells are kept.
    private struct Reach: Hashable {
        let fine: Int64
        /// 0 when no window needs them.
        let coarse: Int64
    }

    private static let fineWidth: Int64 = 10_000
    static let coarseWidth: Int64 = 60_000
    /// Past evaluations are looked at anew when late events come, for an hour of evaluations every minute.
    private static let slack: Int64 = 3_600_000
    /// What an evaluation by expression looks back for the last sample: it makes the cells of windows of
    /// just a day longer.
    private static let lookback: Int64 = 300_000

    /// All that were given, in their order.
    public let objectives: [ServiceLevelObjective]
    private var entries: [String: Entry] = [:]
    /// Up to when events are counted, milliseconds since 1970; nil before the first time.
    public private(set) var end: Int64?

    /// Nothing is counted yet.
    public init(_ objectives: [ServiceLevelObjective]) {
        self.objectives = objectives
        for objective in objectives where !objective.alerts.isEmpty {
            if let reach = BurnTally.reach(of: objective) {
                entries[objective.id] = Entry(objective: objective, reach: reach)
            }
        }
    }

    /// Nil when a window is so long that it is counted in hours.
    private static func reach(of objective: ServiceLevelObjective) -> Reach? {
        var (fine, coarse) = (slack, Int64(0))
        for window in objective.alerts.flatMap({ [$0.long, $0.short] }) {
            switch width(of: window) {
            case fineWidth: fine = max(fine, window + slack)
            case coarseWidth: coarse = max(coarse, window + slack)
            default: return nil
            }
        }
        return Reach(fine: fine, coarse: coarse)
    }

    private static func width(of window: Int64) -> Int64 {
        SLOCounts.width(of: window + lookback)
    }

    // MARK: - Counting

    /// Counts the events up to a time, and those anew that came late.
    ///
    /// What it throws is what counting throws; then it is to be made anew.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970; events are known up to then.
    ///   - late: minutes, by their beginnings in milliseconds since 1970, of which events came after they
    ///     were counted.
    public mutating func advance(
        to time: Int64, late: Set<Int64>, _ counting: Counting
    ) throws {
        let time = BurnTally.floor(time, BurnTally.fineWidth)
        let stretches = BurnTally.stretches(late)
        let groups = Dictionary(grouping: entries.values, by: \.reach)
        for (reach, group) in groups {
            let ids = group.map(\.objective.id).sorted()
            let fineBegin = BurnTally.floor(time - reach.fine, BurnTally.coarseWidth)
            // What is older than what is kept is begun anew.
            guard let end, end > fineBegin else {
                try begin(ids, reach, at: time, counting)
                continue
            }
            let coarseEnd = BurnTally.floor(end, BurnTally.coarseWidth)
            for stretch in stretches {
                try count(ids, stretch.clamped(to: fineBegin..<end), counting)
                if reach.coarse > 0 {
                    let begin = BurnTally.floor(time - reach.coarse, BurnTally.coarseWidth)
                    let range = stretch.clamped(to: min(begin, coarseEnd)..<coarseEnd)
                    try count(ids, range, isCoarse: true, counting)
                }
            }
            if end < time { try count(ids, end..<time, counting) }
            settle(ids, reach, from: coarseEnd, to: time)
        }
        end = max(end ?? time, time)
        keepWithinBounds()
    }

    /// Counts all that is kept.
    private mutating func begin(
        _ ids: [String], _ reach: Reach, at time: Int64, _ counting: Counting
    ) throws {
        for id in ids {
            entries[id]?.fine = WindowSums()
            entries[id]?.coarse = WindowSums()
        }
        let fineBegin = BurnTally.floor(time - reach.fine, BurnTally.coarseWidth)
        try count(ids, fineBegin..<time, counting)
        guard reach.coarse > 0 else { return }
        let coarseBegin = BurnTally.floor(time - reach.coarse, BurnTally.coarseWidth)
        try count(ids, coarseBegin..<fineBegin, isCoarse: true, counting)
        settle(ids, reach, from: fineBegin, to: time)
    }

    /// Makes minutes of ten seconds, and lets go of what is older than what is needed.
    private mutating func settle(_ ids: [String], _ reach: Reach, from: Int64, to time: Int64) {
        let width = BurnTally.coarseWidth
        for id in ids {
            guard var entry = entries.removeValue(forKey: id) else { continue }
            if reach.coarse > 0 {
                for end in stride(from: from + width, through: time, by: Int(width)) {
                    let count = entry.fine.value(at: end) - entry.fine.value(at: end - width)
                    entry.coarse.replace(
                        end - width..<end,
                        with: count.total > 0 ? [WindowSums.Cell(end: end, count: count)] : [])
                }
                entry.coarse.forget(before: time - reach.coarse)
            }
            entry.fine.forget(before: time - reach.fine)
            entries[id] = entry
        }
    }

    private mutating func count(
        _ ids: [String], _ range: Range<Int64>, isCoarse: Bool = false, _ counting: Counting
    ) throws {
        if range.isEmpty || ids.isEmpty { return }
        let counters = ids.compactMap { entries[$0]?.objective }.flatMap { [$0.total, $0.bad] }
        let width = isCoarse ? BurnTally.coarseWidth : BurnTally.fineWidth
        let counts = try counting(counters, range, width)
        for (place, id) in ids.enumerated() {
            let cells = BurnTally.cells(counts[2 * place], counts[2 * place + 1])
            if isCoarse {
                entries[id]?.coarse.replace(range, with: cells)
            } else {
                entries[id]?.fine.replace(range, with: cells)
            }
        }
    }

    /// The cells of both counters of an objective: what is bad is among all.
    private static func cells(_ totals: [CellCount], _ bads: [CellCount]) -> [WindowSums.Cell] {
        var rest = bads[...]
        return totals.map { cell in
            while let next = rest.first, next.end < cell.end { rest.removeFirst() }
            let bad = rest.first.map { $0.end == cell.end ? $0.count : 0 } ?? 0
            return WindowSums.Cell(
                end: cell.end, count: SLOCount(total: cell.count, bad: bad))
        }
    }

    /// Ranges that hold all of some minutes, few of them: what lies near to one another is one.
    private static func stretches(_ minutes: Set<Int64>) -> [Range<Int64>] {
        var found: [Range<Int64>] = []
        for minute in minutes.sorted() {
            let end = minute + coarseWidth
            if let last = found.last, minute <= last.upperBound {
                found[found.count - 1] = last.lowerBound..<end
            } else {
                found.append(minute..<end)
            }
        }
        while found.count > AlertingLimits.lateStretches {
            let gaps = (1..<found.count).map { found[$0].lowerBound - found[$0 - 1].upperBound }
            let least = gaps.indices.min { gaps[$0] < gaps[$1] } ?? 0
            found[least] = found[least].lowerBound..<found[least + 1].upperBound
            found.remove(at: least + 1)
        }
        return found
    }

    /// Lets go of objectives, the last first, beyond so many cells: these are asked for anew each time.
    private mutating func keepWithinBounds() {
        var cells = 0
        for objective in objectives {
            guard let entry = entries[objective.id] else { continue }
            cells += entry.fine.count + entry.coarse.count
            if cells > AlertingLimits.tallyCells { entries[objective.id] = nil }
        }
    }

    private static func floor(_ time: Int64, _ width: Int64) -> Int64 {
        time - (time % width + width) % width
    }

    // MARK: - Asking

    /// The series that the expression of an alert finds at a time; nil where what it needs is not kept.
    func series(_ rule: BurnRateRule, at time: Int64) -> [(Labels, SampleValue)]? {
        let (objective, alert) = (rule.objective, rule.alert)
        guard let long = count(of: objective.id, window: alert.long, at: time),
            let short = count(of: objective.id, window: alert.short, at: time)
        else { return nil }
        guard alert.holds(long: long, short: short, objective),
            let rate = long.burnRate(budget: objective.budget)
        else { return [] }
        let labels = Labels([
            Label(Labels.metricName, SLOSeries.Figure.burnRate.rawValue),
            Label("slo", objective.id),
            Label("window", DurationText.text(milliseconds: alert.long)),
        ])
        return [(labels, .float(rate))]
    }

    /// The events of an objective in a window up to a time; nil where that is not kept.
    ///
    /// - Parameters:
    ///   - window: milliseconds.
    ///   - time: milliseconds since 1970; the last end of a cell up to it counts.
    func count(of id: String, window: Int64, at time: Int64) -> SLOCount? {
        let time = BurnTally.floor(time, BurnTally.fineWidth)
        guard let end, time <= end, let entry = entries[id] else { return nil }
        let width = BurnTally.width(of: window)
        let (sums, reach) =
            width == BurnTally.fineWidth
            ? (entry.fine, entry.reach.fine) : (entry.coarse, entry.reach.coarse)
        guard time - window >= end - reach else { return nil }
        return sums.value(at: BurnTally.floor(time, width))
            - sums.value(at: BurnTally.floor(time - window, width))
    }
}

extension SLOCount {
    fileprivate static func - (left: SLOCount, right: SLOCount) -> SLOCount {
        SLOCount(total: left.total - right.total, bad: left.bad - right.bad)
    }
}
