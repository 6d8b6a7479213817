internal import Events

/// How the events of a seal or a rewrite are shared out among segment files.
struct SegmentPlan {
    /// Events for one file.
    struct Part {
        /// Days since 1970 of all its events; nil for a mixed segment.
        let day: Int32?
        let sources: [any EventSource]
    }

    private(set) var parts: [Part] = []

    private static let dayNanoseconds: Int64 = 86_400_000_000_000

    /// Shares events out by UTC day: one segment for each of the days with most events, one mixed
    /// segment for the rest, none much larger than `segmentRows`.
    init(_ batches: [EventBatch], limits: StoreLimits) throws {
        var byDay: [Int32: [EventBatch]] = [:]
        for batch in batches where batch.rows > 0 {
            let low = SegmentPlan.day(of: batch.timeBounds.lowerBound)
            if low == SegmentPlan.day(of: batch.timeBounds.upperBound) {
                byDay[low, default: []].append(batch)
                continue
            }
            let days = Dictionary(grouping: batch.timestamps.indices) {
                SegmentPlan.day(of: batch.timestamps[$0])
            }
            for (day, rows) in days {
                byDay[day, default: []].append(try EventBatch(selecting: rows, of: batch))
            }
        }
        let ranked = byDay.keys.sorted { first, second in
            let rows = (SegmentPlan.rows(byDay[first]), SegmentPlan.rows(byDay[second]))
            return (rows.1, first) < (rows.0, second)
        }
        let own = ranked.prefix(max(1, limits.daysPerSeal)).sorted()
        for day in own { add(byDay[day] ?? [], day: day, limits) }
        let rest = ranked.dropFirst(own.count).sorted().flatMap { byDay[$0] ?? [] }
        add(rest, day: nil, limits)
    }

    /// Cuts one day's batches into files of about `segmentRows`.
    private mutating func add(_ batches: [EventBatch], day: Int32?, _ limits: StoreLimits) {
        var pending: [EventBatch] = []
        var rows = 0
        for batch in batches {
            if !pending.isEmpty && rows + batch.rows > limits.segmentRows + limits.segmentRows / 2 {
                parts.append(Part(day: day, sources: Spill.unspill(pending)))
                pending = []
                rows = 0
            }
            pending.append(batch)
            rows += batch.rows
        }
        if !pending.isEmpty { parts.append(Part(day: day, sources: Spill.unspill(pending))) }
    }

    static func day(of timestamp: Int64) -> Int32 {
        let quotient = timestamp / dayNanoseconds
        return Int32(timestamp % dayNanoseconds < 0 ? quotient - 1 : quotient)
    }

    private static func rows(_ batches: [EventBatch]?) -> Int {
        (batches ?? []).reduce(0) { $0 + $1.rows }
    }

    /// For each dataset the latest of its events' earlier times of event and receipt.
    static func youngest(_ sources: [any EventSource]) throws -> [String: Int64] {
        var youngest: [String: Int64] = [:]
        for source in sources {
            let times = try source.loadTimestamps()
            let received = try source.loadReceived()
            let lane = try source.loadDatasets()
            let codes = lane.codes.widened()
            var latest = [Int64?](repeating: nil, count: lane.dictionary.count + 1)
            for row in 0..<source.rows {
                let time = min(times[row], received[row])
                let code = Int(codes[row])
                latest[code] = max(latest[code] ?? time, time)
            }
            for (code, time) in latest.enumerated() {
                guard let time, case .string(let name) = lane.dictionary.value(ofCode: UInt32(code))
                else { continue }
                youngest[name] = max(youngest[name] ?? time, time)
            }
        }
        return youngest
    }
}
