public import Events

/// The events of an environment that arrived after a place in the order of all arrivals.
public struct Arrivals: Sendable {
    /// Batches of the head; of the first one the rows below `firstRow` were there before.
    public let batches: [EventBatch]
    public let firstRow: Int
    /// The place behind the last event, to ask from next.
    public let end: UInt64
    /// Events in between that are sealed already and can no longer be told from others.
    public let missed: UInt64
}

extension Arrivals {
    /// The time of the earliest new event before a time, nanoseconds since 1970; nil when there is none.
    ///
    /// Costs nothing an event where none is that early.
    public func earliest(before time: Int64) -> Int64? {
        var earliest = Int64.max
        for (index, batch) in batches.enumerated() where batch.timeBounds.lowerBound < time {
            let first = index == 0 ? firstRow : 0
            for timestamp in batch.timestamps[first...] { earliest = min(earliest, timestamp) }
        }
        return earliest < time ? earliest : nil
    }
}

extension Arrivals {
    /// The beginnings of cells before a time in which new events happened, nanoseconds since 1970.
    ///
    /// Costs nothing an event where none is that early.
    ///
    /// - Parameter width: nanoseconds of a cell.
    public func cells(of width: Int64, before time: Int64) -> Set<Int64> {
        var cells: Set<Int64> = []
        for (index, batch) in batches.enumerated() where batch.timeBounds.lowerBound < time {
            for timestamp in batch.timestamps[(index == 0 ? firstRow : 0)...]
            where timestamp < time {
                // Of times before 1970 too; at the end of what 64 bits hold there is no whole cell.
                let rest = (timestamp % width + width) % width
                cells.insert(timestamp.subtractingSaturated(rest))
            }
        }
        return cells
    }

    /// When events arrived that have no other within a time before or behind them, and the first and the last;
    /// nanoseconds since 1970, ascending.
    ///
    /// What lies between two of them that are further apart than the time is a silence. Looks at every event.
    ///
    /// - Parameter silence: nanoseconds.
    public func times(aroundSilencesOf silence: Int64) -> [Int64] {
        var times: [Int64] = []
        var last: Int64?
        for (index, batch) in batches.enumerated() {
            for time in batch.received[(index == 0 ? firstRow : 0)...] {
                guard let before = last else {
                    times.append(time)
                    last = time
                    continue
                }
                // Requests that were read at the same time may be out of order by what that took.
                if time - before > silence { times += [before, time] }
                last = max(before, time)
            }
        }
        if let last { times.append(last) }
        return times
    }
}

extension EventStore {
    /// What arrived at an environment since a place; nil for what comes from now on.
    ///
    /// Costs a short lock, and makes a batch of what has come since anybody looked. Whoever asks seldom finds what is not sealed yet.
    public func arrivals(environment: String, since place: UInt64?) -> Arrivals {
        guard let environment = context.environment(environment) else {
            return Arrivals(batches: [], firstRow: 0, end: place ?? 0, missed: 0)
        }
        return environment.withHead { $0.arrivals(since: place) }
    }
}

extension HeadList {
    fileprivate func arrivals(since place: UInt64?) -> Arrivals {
        let end = rowsBefore + UInt64(rows)
        guard let place, place < end else {
            return Arrivals(batches: [], firstRow: 0, end: end, missed: 0)
        }
        var left = Int(end - max(place, rowsBefore))
        var batches: [EventBatch] = []
        for part in parts.reversed() where left > 0 {
            batches.append(part.batch)
            left -= part.batch.rows
        }
        return Arrivals(
            batches: batches.reversed(), firstRow: -left, end: end,
            missed: rowsBefore > place ? rowsBefore - place : 0)
    }
}
