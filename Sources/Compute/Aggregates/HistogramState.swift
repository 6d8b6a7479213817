internal import Events

/// How the numbers of each group are spread, in logarithmic buckets, weighted by sample rate.
///
/// Answers percentiles (the nearest rank's bucket, within 1 %) and heatmaps. Merging adds counts, so
/// the order of merging does not matter. Few cells times buckets: one flat table. Many: a table a
/// cell, as long as that cell's own range of buckets.
public final class HistogramState: AggregateState {
    /// Counts in the flat table: 4 MiB, near enough to the processor.
    private static let flatMax = 1 << 19
    /// Buckets added around the range that was seen, so that the table seldom moves.
    private static let margin = LogBucket.perOctave

    private var cells = 0
    // The flat table: `width` buckets from `base` for each cell.
    private var flat = ZeroedTable(count: 0)
    private var base = 0
    private var width = 0
    // Or a list.
    private var sparse: SparseCounts?
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { HistogramState() }

    public var byteCount: Int {
        flat.count * 8 + (sparse?.byteCount ?? 0)
    }

    // MARK: - Room

    public func grow(toCells count: Int) {
        if count <= cells { return }
        cells = count
        if count * width > HistogramState.flatMax {
            useList()
        } else if width > 0 && sparse == nil {
            relay(base, width)
        }
    }

    private func useList() {
        if sparse != nil { return }
        var list = SparseCounts()
        for cell in 0..<(width == 0 ? 0 : flat.count / width) {
            forEachBucket(ofCell: cell) { list.add($1, cell: cell, bucket: $0) }
        }
        flat = ZeroedTable(count: 0)
        sparse = list
    }

    /// Makes room for buckets from `low` to `high` in the flat table, or gives it up.
    private func widen(_ low: Int, _ high: Int) {
        if sparse != nil || width > 0 && low >= base && high < base + width { return }
        let newBase = min(width > 0 ? base : low, low) - HistogramState.margin
        let newEnd = max(width > 0 ? base + width : high + 1, high + 1) + HistogramState.margin
        let newWidth = newEnd - newBase
        if cells * newWidth > HistogramState.flatMax {
            useList()
            return
        }
        relay(newBase, newWidth)
    }

    /// Moves the counts to a flat table for all cells, with other bounds.
    private func relay(_ newBase: Int, _ newWidth: Int) {
        let wider = ZeroedTable(count: cells * newWidth)
        for cell in 0..<(width == 0 ? 0 : min(cells, flat.count / width)) {
            let target = cell * newWidth + base - newBase
            for bucket in 0..<width {
                let count = flat[cell * width + bucket]
                if count > 0 { wider[target + bucket] = count }
            }
        }
        flat = wider
        base = newBase
        width = newWidth
    }

    // MARK: - Counting

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        ignored += numbers.countOthers(rows)
        let (low, high) = numbers.bucketBounds
        if low > high { return }
        widen(low, high)
        if sparse == nil {
            updateFlat(rows, numbers)
        } else {
            updateList(rows, numbers)
        }
    }

    private func updateFlat(_ rows: GroupedRows, _ numbers: NumberColumn) {
        let (base, width, counts) = (base, width, flat.base)
        rows.cells.withUnsafeBufferPointer { cells in
            if let weights = rows.weights {
                numbers.forEach(rows) { place, value in
                    let bucket = LogBucket.index(Double(value)) - base
                    counts[Int(cells[place]) * width + bucket] &+= UInt64(weights[place])
                } float: { place, value in
                    let bucket = LogBucket.index(value) - base
                    counts[Int(cells[place]) * width + bucket] &+= UInt64(weights[place])
                }
            } else {
                numbers.forEach(rows) { place, value in
                    let bucket = LogBucket.index(Double(value)) - base
                    counts[Int(cells[place]) * width + bucket] &+= 1
                } float: { place, value in
                    let bucket = LogBucket.index(value) - base
                    counts[Int(cells[place]) * width + bucket] &+= 1
                }
            }
        }
    }

    private func updateList(_ rows: GroupedRows, _ numbers: NumberColumn) {
        var list = sparse.take() ?? SparseCounts()
        numbers.forEach(rows) { place, value in
            list.add(
                UInt64(rows.weights?[place] ?? 1), cell: Int(rows.cells[place]),
                bucket: LogBucket.index(Double(value)))
        } float: { place, value in
            list.add(
                UInt64(rows.weights?[place] ?? 1), cell: Int(rows.cells[place]),
                bucket: LogBucket.index(value))
        }
        list.compactIfLong()
        sparse = list
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? HistogramState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        if other.sparse == nil && other.width > 0 && sparse == nil {
            widen(other.base, other.base + other.width - 1)
        }
        if other.sparse != nil {
            merge(list: other, map)
        } else {
            for (cell, target) in map.enumerated() where target >= 0 {
                other.forEachBucket(ofCell: cell) { bucket, count in
                    if sparse == nil {
                        flat[target * width + bucket - base] &+= count
                    } else {
                        sparse?.add(count, cell: target, bucket: bucket)
                    }
                }
            }
        }
        sparse?.compactIfLong()
    }

    private func merge(list other: HistogramState, _ map: [Int]) {
        other.settle()
        guard let theirs = other.sparse, let (low, high) = theirs.bucketBounds else { return }
        widen(low, high)
        if sparse == nil {
            let (base, width, counts) = (base, width, flat.base)
            theirs.forEach { cell, bucket, count in
                if map[cell] >= 0 { counts[map[cell] * width + bucket - base] &+= count }
            }
            return
        }
        settle()
        var list = sparse.take() ?? SparseCounts()
        var moved = theirs.mapped(map)
        moved.compact()
        list.merge(moved)
        sparse = list
    }

    public func settle() { sparse?.compact() }

    // MARK: - Asking

    /// The buckets of one cell that hold something, ascending.
    private func forEachBucket(ofCell cell: Int, _ body: (Int, UInt64) -> Void) {
        if sparse != nil {
            sparse?.compact()
            sparse?.forEachBucket(ofCell: cell, body)
        } else {
            let counts = flat.base + cell * width
            for offset in 0..<width where counts[offset] > 0 { body(base + offset, counts[offset]) }
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        if case .quantile(let share) = reading { return .value(quantile(share, ofCell: cell)) }
        return .histogram(bins(ofCell: cell))
    }

    /// Events of one cell that have a number.
    func total(ofCell cell: Int) -> UInt64 {
        var total: UInt64 = 0
        forEachBucket(ofCell: cell) { _, count in total += count }
        return total
    }

    /// The bucket that holds the event at a rank, from 0, and how many events are in buckets before.
    func bucket(ofRank rank: UInt64, ofCell cell: Int) -> (bucket: Int, before: UInt64) {
        var passed: UInt64 = 0
        var found: (bucket: Int, before: UInt64)?
        forEachBucket(ofCell: cell) { bucket, count in
            if found == nil && rank < passed + count { found = (bucket, passed) }
            passed += count
        }
        guard let found else { preconditionFailure("BUG: a rank beyond the events of a group") }
        return found
    }

    private func quantile(_ share: Double, ofCell cell: Int) -> FieldValue {
        let total = total(ofCell: cell)
        if total == 0 { return .missing }
        // The nearest rank: the ⌈share × n⌉-th value, the first for a share of 0.
        let rank = min(total, max(1, UInt64((share * Double(total)).rounded(.up))))
        return FieldValue(number: LogBucket.middle(bucket(ofRank: rank - 1, ofCell: cell).bucket))
    }

    /// Four bins an octave; the parts of a heatmap's column.
    private func bins(ofCell cell: Int) -> [HistogramBin] {
        let share = LogBucket.perOctave / 4
        var bins: [HistogramBin] = []
        var current: (number: Int, low: Double, high: Double, count: UInt64)?
        forEachBucket(ofCell: cell) { bucket, count in
            // Magnitudes are numbered from 1, so bin k holds the buckets k·share + 1 … (k + 1)·share.
            let magnitude = (abs(bucket) - 1) / share
            let number = bucket == 0 ? 0 : bucket > 0 ? magnitude + 1 : -magnitude - 1
            if let last = current, last.number == number {
                current?.count += count
                return
            }
            if let last = current {
                bins.append(HistogramBin(low: last.low, high: last.high, count: last.count))
            }
            let low = LogBucket.bounds(magnitude * share + 1).low
            let high = LogBucket.bounds((magnitude + 1) * share).high
            let (from, to) = number == 0 ? (0, 0) : number > 0 ? (low, high) : (-high, -low)
            current = (number, from, to, count)
        }
        if let last = current {
            bins.append(HistogramBin(low: last.low, high: last.high, count: last.count))
        }
        return bins
    }
}

extension NumberColumn {
    /// The lowest and highest bucket of any row; low > high when there is no number.
    fileprivate var bucketBounds: (low: Int, high: Int) {
        var low = Int.max
        var high = Int.min
        // Rows without a number hold 0 in a lane, which only widens the range.
        if let values = ints?.values, let least = values.min(), let most = values.max() {
            low = LogBucket.index(Double(least))
            high = LogBucket.index(Double(most))
        }
        if let values = floats?.values, let least = values.min(), let most = values.max() {
            low = min(low, LogBucket.index(least))
            high = max(high, LogBucket.index(most))
        }
        return (low, high)
    }
}
