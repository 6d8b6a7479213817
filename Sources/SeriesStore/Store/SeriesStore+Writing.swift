internal import Host
internal import Synchronization

/// A sample that was refused.
public struct SampleRejection: Hashable, Sendable {
    /// Its place among the samples that were written together.
    public let place: Int
    public let reason: String
}

extension SeriesStore {
    /// Sets samples, in any order; one of the same series and time as another takes its place.
    ///
    /// A sample of a block on disk opens that block: it is written anew when it is closed. Returns the samples
    /// that were refused: those beyond a bound, and those of a block that is gone while coarser cells of it are
    /// kept, which would be made anew of these samples alone.
    ///
    /// - Throws: `SeriesStoreError` when a block could not be read, or closed to make room.
    public func write(
        _ samples: [LabeledSample]
    ) throws(SeriesStoreError) -> [SampleRejection] {
        try takingTurn { () throws(SeriesStoreError) in
            var rejections: [SampleRejection] = []
            var place = 0
            while place < samples.count {
                let start = Tier.written.blockStart(of: samples[place].timestamp)
                let run = run(of: samples, from: place, start)
                if isGone(start) {
                    let reason = "only coarser cells are left of this time"
                    rejections += run.map { SampleRejection(place: $0, reason: reason) }
                } else {
                    let block = try openBlock(start)
                    state.withLock { _ in
                        for place in run {
                            let reason = block.set(samples[place], seriesMax: options.seriesMax)
                            guard let reason else { continue }
                            rejections.append(SampleRejection(place: place, reason: reason))
                        }
                    }
                }
                place = run.upperBound
            }
            return rejections
        }
    }

    /// The samples from `place` on that lie in the block at `start`, at most as many as are written at once.
    private func run(
        of samples: [LabeledSample], from place: Int, _ start: Int64
    ) -> Range<Int> {
        let last = Tier.written.blockEnd(of: start)
        var end = place
        while end < min(samples.count, place + SeriesLimits.samplesAtOnce),
            start <= samples[end].timestamp, samples[end].timestamp < last || last == .max
        {
            end += 1
        }
        return place..<end
    }

    /// Puts series in the place of all that the two-hour block at `start` has.
    ///
    /// They are on disk when the block is closed, and coarser cells of the block are made of them alone. Samples outside the block are refused, and what is beyond a
    /// bound; `place` counts series.
    public func replaceBlock(
        at start: Int64, with series: [SeriesData]
    ) throws(SeriesStoreError) -> [SampleRejection] {
        precondition(Tier.written.blockStart(of: start) == start, "BUG: no block starts here")
        return try takingTurn { () throws(SeriesStoreError) in
            try makeRoom(for: start)
            let block = OpenBlock()
            var rejections: [SampleRejection] = []
            let last = Tier.written.blockEnd(of: start) - 1
            for (place, data) in series.enumerated() {
                let inside = data.samples.clamped(from: start, to: last)
                if inside.count < data.samples.count {
                    rejections.append(
                        SampleRejection(place: place, reason: "samples lie outside the block"))
                }
                for index in 0..<inside.count {
                    let sample = LabeledSample(
                        data.labels, inside.timestamps[index], inside[valueAt: index])
                    if let reason = block.set(sample, seriesMax: options.seriesMax) {
                        rejections.append(SampleRejection(place: place, reason: reason))
                    }
                }
            }
            state.withLock { $0.open[start] = block }
            return rejections
        }
    }

    /// Closes the blocks that end by a time: writes them to disk, and the coarser cells made of them.
    ///
    /// Cells that are not kept at `now` any more are not made. Both times are in milliseconds since 1970. After
    /// a failure the same call may be made again; what was not written is still in memory.
    public func close(endingBy time: Int64, now: Int64) throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            let starts = state.withLock { $0.open.keys.sorted() }
            for start in starts where Tier.written.blockEnd(of: start) <= time {
                try closeBlock(start)
            }
            try rollUp(endingBy: time, now: now)
        }
    }

    /// Writes open blocks that were changed since to disk, and keeps them open.
    ///
    /// So a crash takes no more than what was written after; O(bytes of these blocks).
    public func save() throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            for start in state.withLock({ $0.open.keys.sorted() }) { try saveBlock(start) }
        }
    }

    /// Removes blocks that ended longer ago than their tier is kept, when coarser cells were made of
    /// them or are not kept as long either.
    ///
    /// `now` is in milliseconds since 1970.
    public func retain(now: Int64) throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            for tier in Tier.allCases {
                let closed = state.withLock { $0.closed }
                for block in (closed[tier] ?? [:]).values.sorted(by: { $0.start < $1.start })
                where isExpired(block, tier, now) && !isOpen(block, tier) {
                    if let coarser = tier.coarser, !isRolledUp(block, coarser, closed),
                        !isExpired(end: coarser.blockEnd(of: block.start), coarser, now)
                    {
                        continue
                    }
                    if tier == .hour && options.keepsTotals {
                        try reduceToTotals(block)
                    } else {
                        try remove(block, tier)
                    }
                }
            }
        }
    }

    private func isExpired(_ block: ClosedBlock, _ tier: Tier, _ now: Int64) -> Bool {
        isExpired(end: block.end, tier, now)
    }

    func isExpired(end: Int64, _ tier: Tier, _ now: Int64) -> Bool {
        guard let kept = options.retention[tier] else { return false }
        let (age, overflow) = now.subtractingReportingOverflow(end)
        return overflow ? now > end : age >= kept
    }

    private func remove(_ block: ClosedBlock, _ tier: Tier) throws(SeriesStoreError) {
        state.withLock { $0.closed[tier]?[block.start] = nil }
        let (files, folder) = (machine.files, path(of: tier))
        try callMachine { () throws(HostError) in
            try files.remove(block.path)
            try files.synchronizeDirectory(folder)
        }
    }
}

// MARK: - Blocks that are open

extension SeriesStore {
    /// The open block that begins at `start`, with what is on disk.
    private func openBlock(_ start: Int64) throws(SeriesStoreError) -> OpenBlock {
        if let block = state.withLock({ $0.open[start] }) { return block }
        try makeRoom(for: start)
        let block = OpenBlock()
        if let closed = state.withLock({ $0.closed[.written]?[start] }) {
            try forEachSeries(of: closed) { labels, cells throws(SeriesStoreError) in
                block.append(SeriesData(labels: labels, samples: cells.written))
            }
            block.isSaved = true
        }
        state.withLock { $0.open[start] = block }
        return block
    }

    /// Whether a block is not there any more, by its age or by damage, but cells made of it are.
    func isGone(_ start: Int64, _ tier: Tier = .written) -> Bool {
        state.withLock { state in
            if tier == .written && state.open[start] != nil { return false }
            var (tier, start) = (tier, start)
            while let coarser = tier.coarser {
                if state.closed[tier]?[start] != nil { return false }
                let parent = coarser.blockStart(of: start)
                let sources = state.closed[coarser]?[parent]?.sources ?? []
                if sources.contains(where: { $0.start == start }) { return true }
                (tier, start) = (coarser, parent)
            }
            return false
        }
    }

    /// Closes the earliest block when as many are open as may be.
    private func makeRoom(for start: Int64) throws(SeriesStoreError) {
        let starts = state.withLock { $0.open.keys.sorted() }
        if starts.count >= SeriesLimits.openBlocks, !starts.contains(start) {
            try closeBlock(starts[0])
        }
    }

    func closeBlock(_ start: Int64) throws(SeriesStoreError) {
        try saveBlock(start)
        state.withLock { $0.open[start] = nil }
    }

    /// Whether a block on disk is in memory too, perhaps with more in it.
    func isOpen(_ block: ClosedBlock, _ tier: Tier) -> Bool {
        tier == .written && state.withLock { $0.open[block.start] != nil }
    }

    private func saveBlock(_ start: Int64) throws(SeriesStoreError) {
        guard let block = state.withLock({ $0.open[start] }), !block.isSaved else { return }
        let closed = try writeBlock(.written, start, [], block.index) {
            writer throws(SeriesStoreError) in
            for series in block.series {
                try writer.append(StoredSeries(labels: series.labels, chunks: series.chunks()))
            }
        }
        state.withLock { state in
            state.closed[.written, default: [:]][start] = closed
            block.isSaved = true
        }
    }

    /// Writes a block's file; `add` gives it series, whose index is `index` if it is not empty.
    func writeBlock(
        _ tier: Tier, _ start: Int64, _ sources: [BlockSource], _ index: MemoryIndex,
        in folder: String? = nil,
        _ add: (inout BlockWriter) throws(SeriesStoreError) -> Void
    ) throws(SeriesStoreError) -> ClosedBlock {
        let footer = BlockFooter(
            start: start, end: tier.blockEnd(of: start), step: tier.step,
            identity: machine.random.nextUInt64())
        var writer = try BlockWriter(
            machine.files, directory: folder ?? path(of: tier), footer: footer, index: index)
        do throws(SeriesStoreError) {
            try add(&writer)
            return try writer.finish(sources)
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Reads every series of a block.
    func forEachSeries(
        of block: ClosedBlock, _ body: (Labels, SeriesCells) throws(SeriesStoreError) -> Void
    ) throws(SeriesStoreError) {
        let reader = try BlockReader(machine.files, path: block.path, cache: cache)
        defer { reader.close() }
        var pieces = FilePieces(ahead: FilePieces.wholeAhead)
        for number in 0..<reader.index.seriesCount {
            let (labels, cells) = try reader.cells(of: number, &pieces)
            try body(labels, cells)
        }
    }
}

extension FilePieces {
    /// Bytes read at once where all chunks of a file are read.
    static let wholeAhead = 1 << 20
}

extension BlockReader {
    /// All samples of a series.
    func cells(
        of number: Int, _ pieces: inout FilePieces
    ) throws(SeriesStoreError) -> (labels: Labels, cells: SeriesCells) {
        let (labels, chunks) = try entry(of: number)
        var cells = SeriesCells()
        for part in [nil] + CellAggregate.allCases {
            cells[part] = try samples(chunks.filter { $0.aggregate == part }, &pieces)
        }
        return (labels, cells)
    }
}
