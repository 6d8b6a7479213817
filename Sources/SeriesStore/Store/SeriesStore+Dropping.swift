internal import Host
internal import Synchronization

extension SeriesStore {
    /// Takes labels from the series of blocks that have passed an age, and makes one of those that become
    /// the same.
    ///
    /// Blocks are written anew one by one, the finest first, and what coarser ones have of them is made anew:
    /// after a failure or a crash the same call does the rest, and every increment is there once meanwhile. A
    /// block that was looked at is not looked at again before it or the rules change.
    ///
    /// - Parameters:
    ///   - rules: by the names of series.
    ///   - now: milliseconds since 1970.
    /// - Returns: how many blocks were written anew.
    /// - Throws: `SeriesStoreError` when a block could not be read or written.
    @discardableResult
    public func dropLabels(
        _ rules: [String: [LabelDropping]], now: Int64
    ) throws(SeriesStoreError) -> Int {
        let borders = rules.mapValues { $0.map { $0.border(at: now) } }
        guard let latest = borders.values.joined().max() else { return 0 }
        return try takingTurn { () throws(SeriesStoreError) in
            let known = examined.withLock { $0.rules == rules && $0.borders == borders ? $0 : nil }
            var (count, seen) = (0, Set<UInt64>())
            for tier in Tier.allCases {
                var changed = 0
                let closed = state.withLock { $0.closed[tier] ?? [:] }
                for block in closed.values.sorted(by: { $0.start < $1.start })
                where block.end <= latest && !isOpen(block, tier) {
                    if known?.blocks.contains(block.identity) != true,
                        let written = try dropLabels(of: block, tier, rules, now)
                    {
                        changed += 1
                        seen.insert(written.identity)
                    } else {
                        seen.insert(block.identity)
                    }
                }
                if changed > 0 { try rollUp(endingBy: .max, now: now) }
                count += changed
            }
            let blocks = seen
            examined.withLock {
                $0 = ExaminedBlocks(rules: rules, borders: borders, blocks: blocks)
            }
            return count
        }
    }

    /// Writes a block anew when a series of it loses a label; nil when none does.
    private func dropLabels(
        of block: ClosedBlock, _ tier: Tier, _ rules: [String: [LabelDropping]], _ now: Int64
    ) throws(SeriesStoreError) -> ClosedBlock? {
        let reader = try BlockReader(machine.files, path: block.path, cache: cache)
        defer { reader.close() }
        let end = Tier.hour.blockEnd(of: Tier.hour.blockStart(of: block.start))
        var merged = MergedSeries()
        for number in 0..<reader.index.seriesCount {
            let labels = try reader.entry(of: number).labels
            let left = rules[labels.metricName]?.left(of: labels, before: end, now: now)
            merged.add(number, as: left?.labels ?? labels, from: labels, left?.merging)
        }
        guard merged.hasChanged else { return nil }
        var pieces = FilePieces(ahead: FilePieces.wholeAhead)
        let written = try writeBlock(tier, block.start, block.sources, MemoryIndex()) {
            writer throws(SeriesStoreError) in
            for (labels, series) in merged.series {
                var cells = MergedCells(
                    series.merging ?? .sum, summing: options.sumOfHistograms)
                for number in series.numbers {
                    cells.add(try reader.cells(of: number, &pieces).cells)
                }
                let chunks = cells.result.chunks(of: labels)
                try writer.append(StoredSeries(labels: labels, chunks: chunks))
            }
        }
        state.withLock { $0.closed[tier, default: [:]][block.start] = written }
        return written
    }
}

/// Which blocks have no label that is to be dropped.
struct ExaminedBlocks: Sendable {
    var rules: [String: [LabelDropping]] = [:]
    /// Of each rule the time up to which it held.
    var borders: [String: [Int64]] = [:]
    /// By the identities they had.
    var blocks: Set<UInt64> = []
}

/// The series of a block by the labels that are left of theirs.
private struct MergedSeries {
    struct Series {
        /// Of those that become this one.
        var numbers: [Int]
        var merging: LabelDropping.Merging?
    }

    private var places: [Labels: Int] = [:]
    private(set) var series: [(labels: Labels, series: Series)] = []
    /// Whether any series is not what it was.
    private(set) var hasChanged = false

    mutating func add(
        _ number: Int, as labels: Labels, from before: Labels, _ merging: LabelDropping.Merging?
    ) {
        if labels != before { hasChanged = true }
        if let place = places[labels] {
            series[place].series.numbers.append(number)
        } else {
            places[labels] = series.count
            series.append((labels, Series(numbers: [number], merging: merging)))
        }
    }
}
