internal import Bytes
internal import CKernels
internal import Events

/// How many events: rows by weight; with an argument, only rows in which it has a value.
public final class CountState: AggregateState {
    private let needsValue: Bool
    private let takesAllRows: Bool
    private var cells = 0
    /// One a cell, or none while no row was counted here.
    private(set) var counts: [UInt64] = []
    /// What counts all rows once already; then only what weighs more is counted here.
    private var rowCounts: CountState?

    /// Counts rows.
    ///
    /// - Parameters:
    ///   - needsValue: only rows in which the argument has a value.
    ///   - takesAllRows: whether it is fed all rows that its partial is fed.
    public init(needsValue: Bool, takesAllRows: Bool = false) {
        self.needsValue = needsValue
        self.takesAllRows = takesAllRows && !needsValue
    }

    public func makeEmpty() -> any AggregateState {
        CountState(needsValue: needsValue, takesAllRows: takesAllRows)
    }
    public var byteCount: Int { counts.count * 8 }
    public var ignored: Int { 0 }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        if !counts.isEmpty { extend(&counts, toCells: cells, with: 0) }
    }

    /// Leaves it to `rowCounts` to count each row once: it is fed and merged as this state is.
    func count(beyond rowCounts: CountState) {
        if takesAllRows { self.rowCounts = rowCounts }
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        var present: Bitmap?
        if needsValue {
            guard let column = input.column else { return }
            present = column.presence()
        }
        if rowCounts != nil && rows.weights == nil { return }
        extend(&counts, toCells: cells, with: 0)
        let mask = RowMask(rows, present: present)
        switch rows.cells {
        case .bytes(let cells):
            if mask.words == nil, rows.weights == nil {
                counts.withUnsafeMutableBufferPointer { counts in
                    if let base = counts.baseAddress {
                        wf_count8(cells, cells.count, base, counts.count)
                    }
                }
            } else if rows.weights == nil, let selected = selected(cells, mask) {
                countSelected(selected)
            } else {
                count(cells, mask, rows.weights)
            }
        case .words(let cells): count(cells, mask, rows.weights)
        case .longs(let cells): count(cells, mask, rows.weights)
        }
    }

    /// Rows of which one must be taken for those that are not to be counted beside them; where fewer
    /// are, each of them is looked for.
    private static let rowsForOne = 8

    /// The cells of all rows, `cells` for those that are not taken; nil where that would cost more than
    /// it spares, or `cells` is no byte.
    private func selected(_ numbers: [UInt8], _ mask: RowMask) -> [UInt8]? {
        guard let words = mask.words, let other = UInt8(exactly: cells),
            mask.count * CountState.rowsForOne >= numbers.count
        else { return nil }
        return [UInt8](unsafeUninitializedCapacity: numbers.count) { selected, initialized in
            if let base = selected.baseAddress {
                wf_select8(numbers, numbers.count, words, other, base)
            }
            initialized = numbers.count
        }
    }

    private func countSelected(_ numbers: [UInt8]) {
        // Room for those that are not taken.
        counts.append(0)
        counts.withUnsafeMutableBufferPointer { counts in
            if let base = counts.baseAddress {
                wf_count8(numbers, numbers.count, base, counts.count - 1)
            }
        }
        counts.removeLast()
    }

    private func count<Cell: FixedWidthInteger & UnsignedInteger>(
        _ cells: [Cell], _ mask: RowMask, _ weights: [UInt32]?
    ) {
        let counted: UInt64 = rowCounts == nil ? 0 : 1
        counts.withUnsafeMutableBufferPointer { counts in
            cells.withUnsafeBufferPointer { cells in
                if let weights {
                    mask.forEach { row in
                        counts[Int(cells[row])] &+= UInt64(weights[row]) &- counted
                    }
                } else {
                    mask.forEach { row in counts[Int(cells[row])] &+= 1 }
                }
            }
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? CountState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        if other.counts.isEmpty { return }
        extend(&counts, toCells: cells, with: 0)
        Compute.merge(&counts, other.counts, map) { $0 &+ $1 }
    }

    public func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]? {
        // Locals: properties would be checked for exclusive access at every cell.
        let (own, shared) = (counts, rowCounts?.counts ?? [])
        var most: UInt64 = 0
        let numbers = cells.map { cell in
            let count = (own.isEmpty ? 0 : own[cell]) &+ (shared.isEmpty ? 0 : shared[cell])
            most = max(most, count)
            return Double(count)
        }
        return most <= 1 << 53 ? numbers : nil
    }

    /// The cells that were counted, ascending.
    var cellsCounted: [Int] {
        counts.withUnsafeBufferPointer { counts in
            [Int](unsafeUninitializedCapacity: counts.count) { found, initialized in
                // Written whether counted or not: there is no branch to be guessed.
                for cell in 0..<counts.count {
                    found[initialized] = cell
                    initialized &+= counts[cell] > 0 ? 1 : 0
                }
            }
        }
    }

    /// The count of one cell.
    public func count(ofCell cell: Int) -> UInt64 {
        let own = counts.isEmpty ? 0 : counts[cell]
        return own &+ (rowCounts?.count(ofCell: cell) ?? 0)
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .value(.int(Int64(clamping: count(ofCell: cell))))
    }
}
