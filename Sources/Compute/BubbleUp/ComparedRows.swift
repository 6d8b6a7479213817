public import Bytes
internal import CKernels
internal import Events

/// Some rows of a source, in the form in which they are counted fastest.
public enum ComparedRows: Sendable {
    /// Rows without a gap, as a stretch of time or a whole source is: nothing has to be looked up.
    case range(Range<Int>)
    /// Ascending.
    case list([UInt16])

    /// Takes the rows of a bitmap of at most `EventLimits.rowsPerBatch`.
    public init(_ bitmap: Bitmap) {
        let count = bitmap.population
        let words = bitmap.words
        guard let first = words.firstIndex(where: { $0 != 0 }),
            let last = words.lastIndex(where: { $0 != 0 })
        else {
            self = .range(0..<0)
            return
        }
        let start = first << 6 + words[first].trailingZeroBitCount
        let end = last << 6 + 64 - words[last].leadingZeroBitCount
        if end - start == count {
            self = .range(start..<end)
            return
        }
        var rows: [UInt16] = []
        rows.reserveCapacity(count)
        bitmap.forEachRow { rows.append(UInt16($0)) }
        self = .list(rows)
    }

    public var count: Int {
        switch self {
        case .range(let range): range.count
        case .list(let rows): rows.count
        }
    }

    /// Bytes held.
    public var byteCount: Int {
        if case .list(let rows) = self { rows.count * 2 } else { 0 }
    }

    /// Calls `body` with each row, ascending.
    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        switch self {
        case .range(let range): for row in range { body(row) }
        case .list(let rows):
            rows.withUnsafeBufferPointer { rows in
                for place in 0..<rows.count { body(Int(rows[place])) }
            }
        }
    }
}

extension ComparedRows {
    /// Calls `body` with each row and what `values` holds for it, ascending, and has what it holds for
    /// later rows brought near; `near` is told of a value when it is there, some rows before `body`.
    ///
    /// Each row of a list has its value in a cache line that nothing foresees, and what a value leads
    /// to, a count or a text, in another one: to set the slow checkouts among five million events
    /// apart takes 0.77 of the time for the first, and 0.82 of that for the second.
    @inline(__always)
    func forEach<Value>(
        fetching values: UnsafeBufferPointer<Value>, near: (Value) -> Void = { _ in },
        _ body: (Int, Value) -> Void
    ) {
        switch self {
        case .range(let range): for row in range { body(row, values[row]) }
        case .list(let rows):
            guard let start = values.baseAddress else { return }
            rows.withUnsafeBufferPointer { rows in
                let last = rows.count &- 1
                for place in 0..<rows.count {
                    let far = min(place &+ 2 &* ComparedRows.rowsAhead, last)
                    wf_prefetch_read(start + Int(rows[far]))
                    near(start[Int(rows[min(place &+ ComparedRows.rowsAhead, last)])])
                    let row = Int(rows[place])
                    body(row, start[row])
                }
            }
        }
    }

    /// Calls `body` with each row that has a number in a sparse lane, ascending.
    ///
    /// Of thousands of fields, each of a few rows, most have no number in any of the rows.
    @inline(__always)
    func forEach<Number>(in lane: NumberLane<Number>, _ body: (Int, Number) -> Void) {
        switch self {
        case .range(let range):
            lane.forEach { row, number in
                if range.contains(row) { body(row, number) }
                return row < range.upperBound
            }
        case .list(let rows):
            var place = 0
            lane.forEach { row, number in
                while place < rows.count && Int(rows[place]) < row { place += 1 }
                if place < rows.count && Int(rows[place]) == row { body(row, number) }
                return place < rows.count
            }
        }
    }

    /// Rows between the request for a value and when it is near, and from there to its use.
    private static var rowsAhead: Int { 24 }

    /// The sum of the rows' weights and of their squares.
    public func sums(of weights: [UInt32]) -> (sum: UInt64, squares: Double) {
        var sum: UInt64 = 0
        var squares = 0.0
        forEach { row in
            sum &+= UInt64(weights[row])
            squares += Double(weights[row]) * Double(weights[row])
        }
        return (sum, squares)
    }
}

extension ComparedRows {
    /// The rows, ascending.
    public var listed: [Int] {
        var rows: [Int] = []
        rows.reserveCapacity(count)
        forEach { rows.append($0) }
        return rows
    }
}
