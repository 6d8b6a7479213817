public import Host
internal import Synchronization

/// Series and their samples: the latest in memory, blocks of two hours on disk, and coarser cells of
/// minutes and hours that outlive them.
///
/// What is in memory is not on disk before it is saved or closed: after a crash whoever wrote it writes
/// it again, or does without. A block on disk is there whole or not at all. Writing and maintenance take
/// turns; any number of threads read meanwhile.
public final class SeriesStore: Sendable {
    public struct Options: Sendable {
        /// How long samples of each tier are kept after their block's end, in milliseconds; nil: for ever.
        public var retention: [Tier: Int64] = [:]
        /// Whether blocks of hours that are kept no longer become one cell for each series, at their
        /// start, in the place of being removed.
        public var keepsTotals = false
        /// Series of one block; samples of further ones are refused.
        public var seriesMax = 2_000_000
        /// Bytes of blocks' indexes kept in memory.
        public var cacheBytes = 256 << 20
        /// The sum of two histograms that are gauges, for a coarser cell.
        public var sumOfHistograms: @Sendable (NativeHistogram, NativeHistogram) -> NativeHistogram

        public init(
            sumOfHistograms:
                @escaping @Sendable (NativeHistogram, NativeHistogram) ->
                NativeHistogram
        ) {
            self.sumOfHistograms = sumOfHistograms
        }
    }

    struct State: Sendable {
        /// By their starts; each is newer than the closed one of that start.
        var open: [Int64: OpenBlock] = [:]
        var closed: [Tier: [Int64: ClosedBlock]] = [:]
    }

    let machine: Machine
    let directory: String
    let options: Options
    let cache: IndexCache
    let state = Mutex(State())
    /// What `dropLabels` need not look at again.
    let examined = Mutex(ExaminedBlocks())
    private let turn = Monitor(false)
    /// Files that were damaged when the store was opened; they are not read, and stay until their
    /// block is written anew.
    public let findings: [SeriesStoreError]

    /// Opens the store in a directory, which is made if it is not there.
    ///
    /// - Throws: `SeriesStoreError` when the machine fails; damaged files are `findings`.
    public init(
        _ machine: Machine, directory: String, options: Options
    ) throws(SeriesStoreError) {
        self.machine = machine
        self.directory = directory
        self.options = options
        cache = IndexCache(bytesMax: options.cacheBytes)
        var opening = StoreOpening(machine.files, directory: directory)
        try opening.run()
        findings = opening.findings
        let closed = opening.closed
        state.withLock { $0.closed = closed }
    }

    /// Does one thing that writes, when no other one is being done.
    func takingTurn<Result>(
        _ body: () throws(SeriesStoreError) -> Result
    ) throws(SeriesStoreError) -> Result {
        turn.wait { isTaken -> Void? in
            if isTaken { return nil }
            isTaken = true
            return ()
        }
        defer { turn.updateForOne { $0 = false } }
        return try body()
    }

    func path(of tier: Tier) -> String { directory + "/" + tier.name }
}

/// What a store is made of.
public struct SeriesFigures: Hashable, Sendable {
    /// Series of blocks that are open.
    public var openSeries = 0
    /// Bytes of memory of these.
    public var openBytes = 0
    /// Blocks on disk.
    public var blocks = 0
    /// Bytes of their files.
    public var blockBytes = 0
    /// Those of samples as they were written.
    public var writtenBytes = 0

    public init() {}

    /// Adds what another store is made of.
    public mutating func add(_ other: SeriesFigures) {
        openSeries += other.openSeries
        openBytes += other.openBytes
        blocks += other.blocks
        blockBytes += other.blockBytes
        writtenBytes += other.writtenBytes
    }
}

extension SeriesStore {
    /// Counts what there is; O(open series).
    public func figures() -> SeriesFigures {
        state.withLock { state in
            var figures = SeriesFigures()
            for block in state.open.values {
                figures.openSeries += block.series.count
                figures.openBytes += block.capacity
            }
            for (tier, blocks) in state.closed {
                let bytes = blocks.values.reduce(0) { $0 + $1.byteCount }
                figures.blocks += blocks.count
                figures.blockBytes += bytes
                if tier == .written { figures.writtenBytes += bytes }
            }
            return figures
        }
    }
}

/// Finds what is in a store's directory.
struct StoreOpening {
    private let files: any FileSystem
    private let directory: String
    private(set) var closed: [Tier: [Int64: ClosedBlock]] = [:]
    private(set) var findings: [SeriesStoreError] = []

    init(_ files: any FileSystem, directory: String) {
        self.files = files
        self.directory = directory
    }

    mutating func run() throws(SeriesStoreError) {
        let (files, directory) = (files, directory)
        try callMachine { () throws(HostError) in
            try files.createDirectory(directory)
            for tier in Tier.allCases {
                try files.createDirectory(directory + "/" + tier.name)
            }
            try files.synchronizeDirectory(directory)
            let parent = directory.lastIndex(of: "/").map { String(directory[..<$0]) } ?? "."
            try files.synchronizeDirectory(parent)
        }
        for tier in Tier.allCases { try open(tier) }
    }

    private mutating func open(_ tier: Tier) throws(SeriesStoreError) {
        let (files, folder) = (files, directory + "/" + tier.name)
        let names = try callMachine { () throws(HostError) in try files.list(folder) }
        for name in names {
            let path = folder + "/" + name
            if name.hasSuffix(BlockName.temporarySuffix) {
                try callMachine { () throws(HostError) in try files.remove(path) }
            }
            guard let start = BlockName.start(name) else { continue }
            do throws(SeriesStoreError) {
                closed[tier, default: [:]][start] = try open(path, start, tier)
            } catch {
                guard error.code == .damaged else { throw error }
                findings.append(error)
            }
        }
    }

    private func open(
        _ path: String, _ start: Int64, _ tier: Tier
    ) throws(SeriesStoreError) -> ClosedBlock {
        let files = files
        let file = try callMachine { () throws(HostError) in try files.open(path, .read) }
        defer { file.close() }
        let block = try ClosedBlock(reading: file)
        guard block.start == start, block.footer.step == tier.step,
            tier.blockStart(of: start) == start
        else { throw SeriesStoreError(.damaged, "a block under another one's name", path) }
        return block
    }
}
