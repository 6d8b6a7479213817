public import Host
internal import Synchronization

extension SeriesStore {
    /// Removes series for ever: from memory, and from every block, which is written anew without them.
    ///
    /// Blocks are replaced one by one; after a failure or a crash the same call removes the rest.
    /// Returns how many series were removed, each once for every block that had it.
    ///
    /// - Throws: `SeriesStoreError` when a block could not be read or written.
    public func erase(
        where isErased: (Labels) -> Bool
    ) throws(SeriesStoreError) -> Int {
        try takingTurn { () throws(SeriesStoreError) in
            // A block that is open is written, and opened again by who writes to it.
            for start in state.withLock({ $0.open.keys.sorted() }) { try closeBlock(start) }
            var count = 0
            for tier in Tier.allCases {
                let closed = state.withLock { $0.closed[tier] ?? [:] }
                for block in closed.values.sorted(by: { $0.start < $1.start }) {
                    count += try erase(from: block, tier, isErased)
                }
            }
            cache.removeAll()
            return count
        }
    }

    private func erase(
        from block: ClosedBlock, _ tier: Tier, _ isErased: (Labels) -> Bool
    ) throws(SeriesStoreError) -> Int {
        let reader = try BlockReader(machine.files, path: block.path, cache: cache)
        defer { reader.close() }
        var count = 0
        for number in 0..<reader.index.seriesCount {
            if isErased(try reader.entry(of: number).labels) { count += 1 }
        }
        if count == 0 { return 0 }
        let written = try writeBlock(tier, block.start, block.sources, MemoryIndex()) {
            writer throws(SeriesStoreError) in
            try forEachSeries(of: block) { labels, cells throws(SeriesStoreError) in
                if isErased(labels) { return }
                let chunks = cells.chunks(of: labels)
                try writer.append(StoredSeries(labels: labels, chunks: chunks))
            }
        }
        state.withLock { $0.closed[tier, default: [:]][block.start] = written }
        return count
    }

    /// Calls `body` while no file of the store is written, replaced or removed.
    public func whileNothingIsWritten<Failure: Error>(
        _ body: () throws(Failure) -> Void
    ) throws(Failure) {
        let result = try? takingTurn { () throws(SeriesStoreError) -> Result<Void, Failure> in
            Result { () throws(Failure) in try body() }
        }
        try result?.get()
    }

    /// How many labels of a block's file hold a text; nil for a file that is no block.
    ///
    /// Samples are numbers and times, which are not looked at.
    ///
    /// - Throws: `SeriesStoreError` when the file is damaged.
    public static func labels(
        holding text: String, inFile path: String, _ files: any FileSystem
    ) throws(SeriesStoreError) -> Int? {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard BlockName.start(name) != nil else { return nil }
        let reader = try BlockReader(files, path: path, cache: IndexCache(bytesMax: 0))
        defer { reader.close() }
        var count = 0
        for number in 0..<reader.index.seriesCount {
            for label in try reader.entry(of: number).labels
            where label.value.utf8.contains(text.utf8) || label.name.utf8.contains(text.utf8) {
                count += 1
            }
        }
        return count
    }
}
