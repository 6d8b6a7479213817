/// The good and bad events of one objective up to any time that is kept, in cells of one width.
///
/// What was counted before each cell's end is kept, so that a window is a difference of two numbers however
/// long it is. Cells without events take nothing.
struct WindowSums {
    /// Of a cell with events.
    struct Cell: Equatable {
        /// Milliseconds since 1970.
        let end: Int64
        var count: SLOCount
    }

    private var ends: [Int64] = []
    /// What there was up to the end of each, from the first cell that was ever kept on.
    private var totals: [SLOCount] = []
    /// What there was before the first one.
    private var base = SLOCount(total: 0, bad: 0)

    var count: Int { ends.count }

    /// What was counted up to a time, from one on that is the same for all times.
    func value(at time: Int64) -> SLOCount {
        let place = firstPlace { $0 > time }
        return place == 0 ? base : totals[place - 1]
    }

    /// The first cell whose end meets a condition that those after it meet too.
    private func firstPlace(where isMet: (Int64) -> Bool) -> Int {
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if isMet(ends[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Puts cells in the place of all that end after the range's beginning, up to its end.
    ///
    /// - Parameter cells: ascending, with ends in that range.
    mutating func replace(_ range: Range<Int64>, with cells: [Cell]) {
        let first = firstPlace { $0 > range.lowerBound }
        let behind = firstPlace { $0 > range.upperBound }
        // Fast path: nothing changes where nothing was and is.
        if first == behind && cells.isEmpty { return }
        let before = first == 0 ? base : totals[first - 1]
        let was = behind == 0 ? base : totals[behind - 1]
        var sum = before
        var fresh: [SLOCount] = []
        for cell in cells {
            sum.add(cell.count)
            fresh.append(sum)
        }
        let more = SLOCount(total: sum.total - was.total, bad: sum.bad - was.bad)
        if more.total != 0 || more.bad != 0 {
            for place in behind..<totals.count { totals[place].add(more) }
        }
        ends.replaceSubrange(first..<behind, with: cells.map(\.end))
        totals.replaceSubrange(first..<behind, with: fresh)
    }

    /// Lets go of cells that end before a time; sums that begin there or later stay what they are.
    mutating func forget(before time: Int64) {
        let first = firstPlace { $0 > time }
        // Now and then rather than with each cell: the others move each time.
        guard first > 64, first * 8 > ends.count else { return }
        base = totals[first - 1]
        ends.removeFirst(first)
        totals.removeFirst(first)
    }
}

extension SLOCount {
    fileprivate mutating func add(_ other: SLOCount) {
        total += other.total
        bad += other.bad
    }
}
