internal import Bytes
internal import Host
internal import Synchronization

/// Blocks that are prepared on disk beside those that count, and take their places together.
///
/// A staged block is a whole new version of one block, a file of the same name under `staged/`. Whoever
/// stages knows when they are to count, and keeps that where a crash does not take it; to commit again
/// what a crash left half done gives the same.
extension SeriesStore {
    /// Stages a block of two hours with samples added to those it has, as staged or else as it is.
    ///
    /// Of a time of which only coarser cells are left, or will be by `now`, the samples are added to
    /// these. The store must have no open blocks.
    ///
    /// - Parameters:
    ///   - start: the block's, which all samples lie in; milliseconds since 1970.
    ///   - adding: makes one of two samples of one series and time.
    public func stage(
        _ series: [SeriesData], at start: Int64, now: Int64,
        adding: (Labels, SampleValue, SampleValue) -> SampleValue
    ) throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            var added: [Labels: SeriesCells] = [:]
            for data in series { added[data.labels, default: SeriesCells()].written = data.samples }
            let target = try target(of: &added, at: start, now: now)
            let before =
                try stagedBlock(target)
                ?? state.withLock {
                    $0.closed[target.tier]?[target.start]
                }
            var sources = before?.sources ?? []
            // What its finer cells were made of is not to take the place of what is added.
            if let gone = target.gone, !sources.contains(where: { $0.start == gone }) {
                sources.append(BlockSource(start: gone, identity: 0))
                sources.sort { $0.start < $1.start }
            }
            try makeStagingDirectory(target.tier)
            let folder = stagedPath(target.tier)
            _ = try writeBlock(target.tier, target.start, sources, MemoryIndex(), in: folder) {
                writer throws(SeriesStoreError) in
                if let before {
                    try forEachSeries(of: before) { labels, cells throws(SeriesStoreError) in
                        let more = added.removeValue(forKey: labels)
                        let all = more.map { cells.adding($0) { adding(labels, $0, $1) } } ?? cells
                        let chunks = all.chunks(of: labels)
                        try writer.append(StoredSeries(labels: labels, chunks: chunks))
                    }
                }
                for (labels, cells) in added.sorted(by: { $0.key < $1.key }) {
                    let chunks = cells.chunks(of: labels)
                    try writer.append(StoredSeries(labels: labels, chunks: chunks))
                }
            }
        }
    }

    /// A block that samples are added to.
    private struct Target {
        var tier = Tier.written
        var start: Int64
        /// The start of the finer block that is not there to add to.
        var gone: Int64?
    }

    /// Finds the finest block that is there to stay, and makes the cells it has of what is added.
    private func target(
        of added: inout [Labels: SeriesCells], at start: Int64, now: Int64
    ) throws(SeriesStoreError) -> Target {
        var target = Target(start: start)
        while let coarser = target.tier.coarser,
            isGone(target.start, target.tier)
                || isExpired(end: target.tier.blockEnd(of: target.start), target.tier, now)
        {
            try rollUp(&added, to: coarser.step)
            target.gone = target.start
            target.tier = coarser
            target.start = coarser.blockStart(of: start)
        }
        let isTotals = state.withLock { $0.closed[.hour]?[target.start]?.isTotals ?? false }
        if target.tier == .hour && isTotals { try rollUp(&added, to: Tier.hour.blockLength) }
        return target
    }

    private func rollUp(
        _ added: inout [Labels: SeriesCells], to step: Int64
    ) throws(SeriesStoreError) {
        for (labels, cells) in added {
            let summing = options.sumOfHistograms
            added[labels] = try decoding(directory) { () throws(DecodeError) in
                try cells.rolledUp(to: step, summing: summing)
            }
        }
    }

    // MARK: - Settling

    /// Puts staged blocks in the places of those that count, and makes the coarser cells of them.
    ///
    /// The same call may be made again after a failure or a crash.
    public func commitStaged(now: Int64) throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            for tier in Tier.allCases {
                let (files, folder, target) = (machine.files, stagedPath(tier), path(of: tier))
                let names = try stagedNames(tier)
                if names.isEmpty { continue }
                for name in names {
                    try callMachine { () throws(HostError) in
                        try files.rename(folder + "/" + name, to: target + "/" + name)
                    }
                    let block = try closedBlock(target + "/" + name)
                    state.withLock { $0.closed[tier, default: [:]][block.start] = block }
                }
                try callMachine { () throws(HostError) in
                    try files.synchronizeDirectory(target)
                    try files.synchronizeDirectory(folder)
                }
            }
            try rollUp(endingBy: .max, now: now)
        }
    }

    /// Removes staged blocks; those that count stay as they are.
    public func discardStaged() throws(SeriesStoreError) {
        try takingTurn { () throws(SeriesStoreError) in
            for tier in Tier.allCases {
                let (files, folder) = (machine.files, stagedPath(tier))
                for name in try stagedNames(tier) {
                    try callMachine { () throws(HostError) in
                        try files.remove(folder + "/" + name)
                    }
                }
            }
        }
    }

    // MARK: - Files

    private var stagedDirectory: String { directory + "/staged" }

    private func stagedPath(_ tier: Tier) -> String { stagedDirectory + "/" + tier.name }

    private func makeStagingDirectory(_ tier: Tier) throws(SeriesStoreError) {
        let (files, parents) = (machine.files, [directory, stagedDirectory])
        let path = stagedPath(tier)
        try callMachine { () throws(HostError) in
            if try files.status(path) != nil { return }
            try files.createDirectory(parents[1])
            try files.createDirectory(path)
            for parent in parents { try files.synchronizeDirectory(parent) }
        }
    }

    /// Names of staged files; those that were not finished go.
    private func stagedNames(_ tier: Tier) throws(SeriesStoreError) -> [String] {
        let (files, folder) = (machine.files, stagedPath(tier))
        return try callMachine { () throws(HostError) in
            guard try files.status(folder) != nil else { return [] }
            let names = try files.list(folder)
            for name in names where name.hasSuffix(BlockName.temporarySuffix) {
                try files.remove(folder + "/" + name)
            }
            return names.filter { BlockName.start($0) != nil }
        }
    }

    private func stagedBlock(_ target: Target) throws(SeriesStoreError) -> ClosedBlock? {
        let path = stagedPath(target.tier) + "/" + BlockName.file(start: target.start)
        let files = machine.files
        let isThere = try callMachine { () throws(HostError) in try files.status(path) != nil }
        return isThere ? try closedBlock(path) : nil
    }

    private func closedBlock(_ path: String) throws(SeriesStoreError) -> ClosedBlock {
        let files = machine.files
        let file = try callMachine { () throws(HostError) in try files.open(path, .read) }
        defer { file.close() }
        return try ClosedBlock(reading: file)
    }
}

// MARK: - Totals

extension SeriesStore {
    /// Makes one cell for each series, at the block's start, of a block of hours.
    func reduceToTotals(_ block: ClosedBlock) throws(SeriesStoreError) {
        if block.isTotals { return }
        let (summing, step) = (options.sumOfHistograms, Tier.hour.blockLength)
        let sources = [BlockSource.totals] + block.sources
        let totals = try writeBlock(.hour, block.start, sources, MemoryIndex()) {
            writer throws(SeriesStoreError) in
            try forEachSeries(of: block) { labels, cells throws(SeriesStoreError) in
                let total = try decoding(block.path) { () throws(DecodeError) in
                    try cells.rolledUp(to: step, summing: summing)
                }
                let chunks = total.chunks(of: labels)
                try writer.append(StoredSeries(labels: labels, chunks: chunks))
            }
        }
        state.withLock { $0.closed[.hour, default: [:]][block.start] = totals }
    }
}

extension BlockSource {
    /// Stands first among the sources of a block of hours that has one cell for each series.
    static let totals = BlockSource(start: .min, identity: 1)
}

extension ClosedBlock {
    /// Whether the block has one cell for each series, for all of its time.
    var isTotals: Bool { sources.first == .totals }
}
