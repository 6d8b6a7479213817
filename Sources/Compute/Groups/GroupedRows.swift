public import Bytes

/// The rows of a source that an aggregate takes, each with its group.
public struct GroupedRows {
    /// Row numbers, ascending; nil for 0 ..< `count`.
    public let rows: [UInt32]?
    public let count: Int
    /// The cell of each listed row.
    public let cells: [UInt32]
    /// How many events each listed row counts for; nil when each counts once.
    public let weights: [UInt32]?

    public init(rows: [UInt32]?, count: Int, cells: [UInt32], weights: [UInt32]?) {
        precondition(cells.count == count, "BUG: a cell for each row")
        self.rows = rows
        self.count = count
        self.cells = cells
        self.weights = weights
    }

    /// Those of the rows that are in `kept` too.
    public func restricted(to kept: Bitmap) -> GroupedRows {
        var places: [Int] = []
        places.reserveCapacity(count)
        for place in 0..<count where kept[rows.map { Int($0[place]) } ?? place] {
            places.append(place)
        }
        if places.count == count { return self }
        return GroupedRows(
            rows: places.map { place in rows.map { $0[place] } ?? UInt32(place) },
            count: places.count, cells: places.map { cells[$0] },
            weights: weights.map { weights in places.map { weights[$0] } })
    }

    /// The row numbers as they are listed.
    var listedRows: [UInt32] { rows ?? (0..<UInt32(count)).map { $0 } }
}
