internal import Events

/// How the numbers of each group are spread, in logarithmic buckets, weighted by sample rate.
///
/// Answers percentiles (the nearest rank's bucket, within 1 %) and heatmaps. Merging adds counts, so
/// the order of merging does not matter. Cells and their ranges of buckets few enough for a
/// directory: pages of counts. Many: a list.
public final class HistogramState: AggregateState {
    /// Entries of the directory of pages: 4 MiB.
    private static let directoryMax = 1 << 19

    private var cells = 0
    /// Whether cells become more batch by batch.
    private var isGrowing = false
    /// Numbers that count once: 32 bits take half the room in the processor's caches.
    private var narrow = PagedCounts<UInt32>()
    /// Events in `narrow`, so that no count of it can overflow.
    private var narrowTotal = 0
    /// Numbers that have a weight.
    private var wide = PagedCounts<UInt64>()
    /// All of it, when the directories would be too large.
    private var list: SparseCounts?
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { HistogramState() }

    public var byteCount: Int {
        narrow.byteCount + wide.byteCount + (list?.byteCount ?? 0)
    }

    // MARK: - Room

    public func grow(toCells count: Int) {
        if count <= cells { return }
        isGrowing = cells > 0
        cells = count
        if list != nil { return }
        if narrow.directoryCount(cells: count, newPages: 0) > HistogramState.directoryMax
            || wide.directoryCount(cells: count, newPages: 0) > HistogramState.directoryMax
        {
            useList()
        }
    }

    /// Cells to make room for, so that a directory is not copied at each growth.
    private var roomyCount: Int { isGrowing ? cells + cells / 2 : cells }

    private func useList() {
        if list != nil { return }
        var all = SparseCounts()
        for cell in 0..<max(narrow.cells, wide.cells) {
            forEachBucket(ofCell: cell) { all.add($1, cell: cell, bucket: $0) }
        }
        narrow = PagedCounts()
        wide = PagedCounts()
        list = all
    }

    // MARK: - Counting

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        update(rows, input.numbers(includingBooleans: false))
    }

    func update(_ rows: GroupedRows, _ numbers: NumberColumn) {
        ignored += numbers.countOthers(rows)
        if var all = list.take() {
            all.add(numbers, rows, ofCells: cells)
            all.compactIfLong()
            list = all
            return
        }
        var beyond = SparseCounts()
        if rows.weights == nil, narrowTotal + rows.count <= Int(UInt32.max) {
            narrowTotal += rows.count
            narrow.count(
                rows, numbers, ofCells: roomyCount, directoryMax: HistogramState.directoryMax,
                beyond: &beyond)
        } else {
            wide.count(
                rows, numbers, ofCells: roomyCount, directoryMax: HistogramState.directoryMax,
                beyond: &beyond)
        }
        if !beyond.isEmpty {
            useList()
            beyond.compact()
            merge(list: beyond)
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? HistogramState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        if list == nil && other.list == nil && fits(other) {
            mergePages(other, map, keepingOther: keepingOther)
            return
        }
        useList()
        var theirs = SparseCounts()
        if let all = other.list {
            theirs = all.mapped(map)
        } else {
            for cell in 0..<map.count where map[cell] >= 0 {
                other.forEachBucket(ofCell: cell) {
                    theirs.add($1, cell: map[cell], bucket: $0)
                }
            }
        }
        theirs.compact()
        merge(list: theirs)
    }

    /// Whether a directory of pages is enough for this and another one.
    private func fits(_ other: HistogramState) -> Bool {
        narrow.directoryCount(cells: cells, with: other.narrow) <= HistogramState.directoryMax
            && wide.directoryCount(cells: cells, with: other.wide) <= HistogramState.directoryMax
    }

    private func mergePages(_ other: HistogramState, _ map: CellMap, keepingOther: Bool) {
        wide.widen(cells: cells)
        wide.merge(other.wide, map, keepingOther: keepingOther)
        narrow.widen(cells: cells)
        if narrowTotal + other.narrowTotal <= Int(UInt32.max) {
            narrowTotal += other.narrowTotal
            narrow.merge(other.narrow, map, keepingOther: keepingOther)
        } else {
            var theirs = SparseCounts()
            for cell in 0..<map.count where map[cell] >= 0 {
                other.narrow.forEachBucket(ofCell: cell) {
                    theirs.add(UInt64($1), cell: map[cell], bucket: $0)
                }
            }
            wide.add(theirs)
        }
    }

    /// Adds pairs that are in order.
    private func merge(list other: SparseCounts) {
        list?.compact()
        list?.merge(other)
    }

    public func settle() { list?.compact() }

    // MARK: - Asking

    /// The buckets of one cell that hold something; ascending, but that those with a weight stand
    /// after all others.
    private func forEachBucket(ofCell cell: Int, _ body: (Int, UInt64) -> Void) {
        if list != nil {
            list?.compact()
            list?.forEachBucket(ofCell: cell, body)
            return
        }
        narrow.forEachBucket(ofCell: cell) { body($0, UInt64($1)) }
        wide.forEachBucket(ofCell: cell, body)
    }

    /// The buckets of one cell that hold something, each once, ascending.
    func buckets(ofCell cell: Int) -> [(bucket: Int, count: UInt64)] {
        var found: [(bucket: Int, count: UInt64)] = []
        forEachBucket(ofCell: cell) { found.append(($0, $1)) }
        if narrow.isEmpty || wide.isEmpty { return found }
        found.sort { $0.bucket < $1.bucket }
        var end = 0
        for index in found.indices {
            if end > 0, found[end - 1].bucket == found[index].bucket {
                found[end - 1].count += found[index].count
            } else {
                found[end] = found[index]
                end += 1
            }
        }
        found.removeLast(found.count - end)
        return found
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        if case .quantile(let share) = reading { return .value(quantile(share, ofCell: cell)) }
        if case .binned(let bins) = reading {
            return .histogram(
                buckets(ofCell: cell).map { bucket, count in
                    let (low, high) = bins.bounds(ofBin: Int(LogBucket.bounds(bucket).low))
                    return HistogramBin(low: low, high: high, count: count)
                })
        }
        return .histogram(bins(ofCell: cell))
    }

    /// Events of one cell that have a number.
    public func total(ofCell cell: Int) -> UInt64 {
        if list != nil {
            var total: UInt64 = 0
            forEachBucket(ofCell: cell) { total += $1 }
            return total
        }
        return narrow.total(ofCell: cell) + wide.total(ofCell: cell)
    }

    /// The bucket that holds the event at a rank, from 0, and how many events are in buckets before.
    func bucket(ofRank rank: UInt64, ofCell cell: Int) -> (bucket: Int, before: UInt64) {
        // Fast path: pages are passed as wholes.
        if list == nil, wide.isEmpty { return narrow.bucket(ofRank: rank, ofCell: cell) }
        if list == nil, narrow.isEmpty { return wide.bucket(ofRank: rank, ofCell: cell) }
        var passed: UInt64 = 0
        for (bucket, count) in buckets(ofCell: cell) {
            if rank < passed + count { return (bucket, passed) }
            passed += count
        }
        preconditionFailure("BUG: a rank beyond the events of a group")
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
        for (bucket, count) in buckets(ofCell: cell) {
            // Magnitudes are numbered from 1, so bin k holds the buckets k·share + 1 … (k + 1)·share.
            let magnitude = (abs(bucket) - 1) / share
            let number = bucket == 0 ? 0 : bucket > 0 ? magnitude + 1 : -magnitude - 1
            if let last = current, last.number == number {
                current?.count += count
                continue
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
