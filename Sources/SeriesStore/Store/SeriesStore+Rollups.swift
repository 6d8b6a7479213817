internal import Bytes
internal import Host
internal import Synchronization

extension SeriesStore {
    /// Whether a block's cells are in the coarser tier as the block is now.
    func isRolledUp(
        _ block: ClosedBlock, _ coarser: Tier, _ closed: [Tier: [Int64: ClosedBlock]]
    ) -> Bool {
        let parent = closed[coarser]?[coarser.blockStart(of: block.start)]
        return parent?.sources.contains(BlockSource(block)) ?? false
    }

    /// Makes the coarser cells of every block that has none yet, or was written anew since.
    ///
    /// What was made of which block stands in the coarser block's file, so a crash between the two is found
    /// here the next time. Blocks of minutes go into those of hours when they end by `time`, not each time
    /// one of two hours is added to them.
    func rollUp(endingBy time: Int64, now: Int64) throws(SeriesStoreError) {
        for tier in Tier.allCases {
            guard let coarser = tier.coarser else { continue }
            let closed = state.withLock { $0.closed }
            var waiting: [Int64: [ClosedBlock]] = [:]
            for block in (closed[tier] ?? [:]).values {
                let start = coarser.blockStart(of: block.start)
                let known = closed[coarser]?[start]?.sources.contains { $0.start == block.start }
                if isOpen(block, tier) || isRolledUp(block, coarser, closed)
                    || isExpired(end: coarser.blockEnd(of: start), coarser, now)
                    || tier != .written && block.end > time && known != true
                {
                    continue
                }
                waiting[start, default: []].append(block)
            }
            for (start, blocks) in waiting.sorted(by: { $0.key < $1.key }) {
                try rollUp(blocks.sorted { $0.start < $1.start }, into: coarser, at: start)
            }
        }
    }

    /// Writes a coarser block anew, with the cells of `blocks` in the place of those it had of them.
    private func rollUp(
        _ blocks: [ClosedBlock], into tier: Tier, at start: Int64
    ) throws(SeriesStoreError) {
        let before = state.withLock { $0.closed[tier]?[start] }
        let replaced = Set(blocks.map(\.start))
        var sources = (before?.sources ?? []).filter { !replaced.contains($0.start) }
        sources += blocks.map { BlockSource($0) }
        sources.sort { $0.start < $1.start }
        var merge = try RollupMerge(self, blocks, step: tier.step)
        defer { merge.close() }
        let written = try writeBlock(tier, start, sources, MemoryIndex()) {
            writer throws(SeriesStoreError) in
            if let before {
                try forEachSeries(of: before) { labels, cells throws(SeriesStoreError) in
                    let kept = blocks.reduce(cells) { $0.removing($1.start..<$1.end) }
                    let merged = kept.merged(with: try merge.take(labels))
                    let chunks = merged.chunks(of: labels)
                    try writer.append(StoredSeries(labels: labels, chunks: chunks))
                }
            }
            for labels in merge.rest {
                let chunks = try merge.take(labels).chunks(of: labels)
                try writer.append(StoredSeries(labels: labels, chunks: chunks))
            }
        }
        state.withLock { $0.closed[tier, default: [:]][start] = written }
    }
}

extension BlockSource {
    fileprivate init(_ block: ClosedBlock) {
        self.init(start: block.start, identity: block.identity)
    }
}

/// The cells of several blocks, one series after the other.
private struct RollupMerge {
    private let store: SeriesStore
    private let step: Int64
    private var readers: [(reader: BlockReader, pieces: FilePieces)] = []
    /// For each series the readers and the numbers that have it.
    private var places: [Labels: [(reader: Int, number: Int)]] = [:]
    /// In the order in which they were found.
    private var order: [Labels] = []

    init(
        _ store: SeriesStore, _ blocks: [ClosedBlock], step: Int64
    ) throws(SeriesStoreError) {
        self.store = store
        self.step = step
        for block in blocks {
            let reader = try BlockReader(
                store.machine.files, path: block.path, cache: store.cache)
            for number in 0..<reader.index.seriesCount {
                let labels = try reader.entry(of: number).labels
                if places[labels] == nil { order.append(labels) }
                places[labels, default: []].append((readers.count, number))
            }
            readers.append((reader, FilePieces(ahead: FilePieces.wholeAhead)))
        }
    }

    /// The series that were not taken.
    var rest: [Labels] { order.filter { places[$0] != nil } }

    /// The coarser cells of a series, none when no block has it.
    mutating func take(_ labels: Labels) throws(SeriesStoreError) -> SeriesCells {
        var cells = SeriesCells()
        for (place, number) in places.removeValue(forKey: labels) ?? [] {
            let reader = readers[place].reader
            let finer = try reader.cells(of: number, &readers[place].pieces).cells
            let (step, summing) = (step, store.options.sumOfHistograms)
            let added = try decoding(reader.block.path) { () throws(DecodeError) in
                try finer.rolledUp(to: step, summing: summing)
            }
            cells = cells.merged(with: added)
        }
        return cells
    }

    func close() {
        for (reader, _) in readers { reader.close() }
    }
}
