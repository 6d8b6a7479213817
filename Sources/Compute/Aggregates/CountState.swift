internal import Events

/// How many events: rows by weight; with an argument, only rows in which it has a value.
public final class CountState: AggregateState {
    private let needsValue: Bool
    private var counts: [UInt64] = []

    public init(needsValue: Bool) { self.needsValue = needsValue }

    public func makeEmpty() -> any AggregateState { CountState(needsValue: needsValue) }
    public var byteCount: Int { counts.count * 8 }
    public var ignored: Int { 0 }

    public func grow(toCells count: Int) {
        if counts.count < count {
            counts.append(contentsOf: repeatElement(0, count: count - counts.count))
        }
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        var rows = rows
        if needsValue {
            guard let column = input.column else { return }
            rows = rows.restricted(to: column.presence())
        }
        counts.withUnsafeMutableBufferPointer { counts in
            rows.cells.withUnsafeBufferPointer { cells in
                if let weights = rows.weights {
                    for place in 0..<rows.count {
                        counts[Int(cells[place])] &+= UInt64(weights[place])
                    }
                } else {
                    for cell in cells { counts[Int(cell)] &+= 1 }
                }
            }
        }
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? CountState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        Compute.merge(&counts, other.counts, map) { $0 &+ $1 }
    }

    public func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]? {
        if cells.contains(where: { counts[$0] > 1 << 53 }) { return nil }
        return cells.map { Double(counts[$0]) }
    }

    /// The count of one cell.
    public func count(ofCell cell: Int) -> UInt64 { counts[cell] }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .value(.int(Int64(clamping: counts[cell])))
    }
}
