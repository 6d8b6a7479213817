internal import Events

/// How the numbers of each group are spread, in logarithmic buckets, weighted by sample rate.
///
/// Answers percentiles (the nearest rank's bucket, within 1 %) and heatmaps. Merging adds counts, so
/// the order of merging does not matter. Few cells times buckets: one flat table. Many: a table a
/// cell, as long as that cell's own range of buckets.
public final class HistogramState: AggregateState {
    /// Counts in the flat table: 32 MiB.
    private static let flatMax = 1 << 22
    /// Buckets added around the range that was seen, so that the table seldom moves.
    private static let margin = LogBucket.perOctave

    private var cells = 0
    // The flat table: `width` buckets from `base` for each cell.
    private var flat: [UInt64] = []
    private var base = 0
    private var width = 0
    // Or one table a cell.
    private var tables: [CellBuckets]?
    public private(set) var ignored = 0

    private struct CellBuckets {
        var base = 0
        var counts: [UInt64] = []

        mutating func add(_ count: UInt64, to bucket: Int) {
            if counts.isEmpty {
                base = bucket
                counts = [0]
            } else if bucket < base {
                counts.insert(contentsOf: repeatElement(0, count: base - bucket), at: 0)
                base = bucket
            } else if bucket >= base + counts.count {
                counts.append(
                    contentsOf: repeatElement(0, count: bucket - base - counts.count + 1))
            }
            counts[bucket - base] &+= count
        }
    }

    public init() {}

    public func makeEmpty() -> any AggregateState { HistogramState() }

    public var byteCount: Int {
        flat.count * 8 + (tables?.reduce(0) { $0 + $1.counts.count * 8 + 40 } ?? 0)
    }

    // MARK: - Room

    public func grow(toCells count: Int) {
        if count <= cells { return }
        cells = count
        if tables != nil || count * width > HistogramState.flatMax {
            useTables()
        } else {
            flat.append(contentsOf: repeatElement(0, count: count * width - flat.count))
        }
    }

    private func useTables() {
        var made = tables ?? []
        if tables == nil {
            for cell in 0..<(width == 0 ? 0 : flat.count / width) {
                var table = CellBuckets()
                for bucket in 0..<width where flat[cell * width + bucket] > 0 {
                    table.add(flat[cell * width + bucket], to: base + bucket)
                }
                made.append(table)
            }
            flat = []
        }
        made.append(contentsOf: repeatElement(CellBuckets(), count: max(0, cells - made.count)))
        tables = made
    }

    /// Makes room for buckets from `low` to `high` in the flat table, or gives it up.
    private func widen(_ low: Int, _ high: Int) {
        if tables != nil || width > 0 && low >= base && high < base + width { return }
        let newBase = min(width > 0 ? base : low, low) - HistogramState.margin
        let newEnd = max(width > 0 ? base + width : high + 1, high + 1) + HistogramState.margin
        let newWidth = newEnd - newBase
        if cells * newWidth > HistogramState.flatMax {
            useTables()
            return
        }
        var wider = [UInt64](repeating: 0, count: cells * newWidth)
        if width > 0 {
            for cell in 0..<cells {
                for bucket in 0..<width {
                    wider[cell * newWidth + bucket + base - newBase] = flat[cell * width + bucket]
                }
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
        if tables == nil {
            updateFlat(rows, numbers)
        } else {
            updateTables(rows, numbers)
        }
    }

    private func updateFlat(_ rows: GroupedRows, _ numbers: NumberColumn) {
        let (base, width) = (base, width)
        flat.withUnsafeMutableBufferPointer { flat in
            rows.cells.withUnsafeBufferPointer { cells in
                if let weights = rows.weights {
                    numbers.forEach(rows) { place, value in
                        let bucket = LogBucket.index(Double(value)) - base
                        flat[Int(cells[place]) * width + bucket] &+= UInt64(weights[place])
                    } float: { place, value in
                        let bucket = LogBucket.index(value) - base
                        flat[Int(cells[place]) * width + bucket] &+= UInt64(weights[place])
                    }
                } else {
                    numbers.forEach(rows) { place, value in
                        let bucket = LogBucket.index(Double(value)) - base
                        flat[Int(cells[place]) * width + bucket] &+= 1
                    } float: { place, value in
                        let bucket = LogBucket.index(value) - base
                        flat[Int(cells[place]) * width + bucket] &+= 1
                    }
                }
            }
        }
    }

    private func updateTables(_ rows: GroupedRows, _ numbers: NumberColumn) {
        var made = tables ?? []
        tables = nil
        numbers.forEach(rows) { place, value in
            made[Int(rows.cells[place])]
                .add(UInt64(rows.weights?[place] ?? 1), to: LogBucket.index(Double(value)))
        } float: { place, value in
            made[Int(rows.cells[place])]
                .add(UInt64(rows.weights?[place] ?? 1), to: LogBucket.index(value))
        }
        tables = made
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? HistogramState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        if other.tables == nil && other.width > 0 && tables == nil {
            widen(other.base, other.base + other.width - 1)
        }
        for (cell, target) in map.enumerated() where target >= 0 {
            other.forEachBucket(ofCell: cell) { bucket, count in add(count, to: bucket, target) }
        }
    }

    private func add(_ count: UInt64, to bucket: Int, _ cell: Int) {
        if tables == nil { widen(bucket, bucket) }
        if tables != nil {
            tables?[cell].add(count, to: bucket)
        } else {
            flat[cell * width + bucket - base] &+= count
        }
    }

    // MARK: - Asking

    /// The buckets of one cell that hold something, ascending.
    private func forEachBucket(ofCell cell: Int, _ body: (Int, UInt64) -> Void) {
        if let tables {
            for (offset, count) in tables[cell].counts.enumerated() where count > 0 {
                body(tables[cell].base + offset, count)
            }
        } else {
            for offset in 0..<width where flat[cell * width + offset] > 0 {
                body(base + offset, flat[cell * width + offset])
            }
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        if case .quantile(let share) = reading { return .value(quantile(share, ofCell: cell)) }
        return .histogram(bins(ofCell: cell))
    }

    private func quantile(_ share: Double, ofCell cell: Int) -> FieldValue {
        var total: UInt64 = 0
        forEachBucket(ofCell: cell) { _, count in total += count }
        if total == 0 { return .missing }
        // The nearest rank: the ⌈share × n⌉-th value, the first for a share of 0.
        let rank = max(1, UInt64((share * Double(total)).rounded(.up)))
        var passed: UInt64 = 0
        var found: Int?
        forEachBucket(ofCell: cell) { bucket, count in
            passed += count
            if found == nil && passed >= rank { found = bucket }
        }
        return found.map { FieldValue(number: LogBucket.middle($0)) } ?? .missing
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
