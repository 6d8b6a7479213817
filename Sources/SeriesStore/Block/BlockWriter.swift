internal import Bytes
internal import Host

/// Writes a block's file: under another name, synced, then renamed, so that it is there whole or not.
struct BlockWriter {
    private let files: any FileSystem
    private let directory: String
    private let name: String
    private var footer: BlockFooter
    private var index: MemoryIndex
    private var series: [Labels] = []
    /// What the index says of the chunks of each series.
    private var chunks = ChunkEntries()
    /// Bytes not written yet, and where they go.
    private var buffer = ByteWriter(capacity: BlockWriter.bufferBytes)
    private var offset = 0
    private var file: any File

    private static let bufferBytes = 1 << 20

    /// Begins a file, in a directory that exists.
    ///
    /// `index` is that of the series that will be added, all of them in its order, or an empty one.
    init(
        _ files: any FileSystem, directory: String, footer: BlockFooter, index: MemoryIndex
    ) throws(SeriesStoreError) {
        self.index = index
        self.files = files
        self.directory = directory
        self.footer = footer
        name = BlockName.file(start: footer.start)
        let path = directory + "/" + name + BlockName.temporarySuffix
        file = try callMachine { () throws(HostError) in
            if try files.status(path) != nil { try files.remove(path) }
            return try files.open(path, .create)
        }
        buffer.write(contentsOf: BlockFooter.headerMagic)
        buffer.write(BlockFooter.version)
    }

    /// Adds a series; one without chunks is left out.
    mutating func append(_ added: StoredSeries) throws(SeriesStoreError) {
        if added.chunks.isEmpty { return }
        // Of a block that was open all series are in the index already, in this order.
        if series.count == index.seriesCount { index.append(added.labels) }
        series.append(added.labels)
        var places: [ChunkPlace] = []
        for chunk in added.chunks {
            places.append(ChunkPlace(chunk, at: offset + buffer.count))
            buffer.write(contentsOf: chunk.bytes)
        }
        chunks.append(places)
        if buffer.count >= BlockWriter.bufferBytes { try flush() }
    }

    /// Writes the index and gives the file its name.
    mutating func finish(_ sources: [BlockSource]) throws(SeriesStoreError) -> ClosedBlock {
        defer { file.close() }
        let bytes = BlockIndexWriter(index).encode(series, chunks)
        guard bytes.count <= BlockLimits.indexBytes, sources.count <= BlockLimits.sources else {
            throw SeriesStoreError(.tooLarge, "a block's index is too large", name)
        }
        let packed = Zstd.compress(bytes)
        let sourceBytes = BlockSource.encode(sources)
        footer.indexOffset = offset + buffer.count
        footer.indexBytes = packed.count
        footer.indexSize = bytes.count
        footer.indexChecksum = Checksum.crc32c(packed)
        footer.sourceCount = sources.count
        footer.sourceChecksum = Checksum.crc32c(sourceBytes)
        try flush()
        for part in [packed, sourceBytes, footer.encoded()] { try write(part) }
        let (file, path) = (file, directory + "/" + name)
        try callMachine { () throws(HostError) in
            try file.synchronize()
            try files.rename(path + BlockName.temporarySuffix, to: path)
            try files.synchronizeDirectory(directory)
        }
        return ClosedBlock(path: path, footer: footer, sources: sources, byteCount: offset)
    }

    /// Takes the unfinished file away after a failure, as far as that works.
    func abandon() {
        file.close()
        try? files.remove(directory + "/" + name + BlockName.temporarySuffix)
    }

    private mutating func flush() throws(SeriesStoreError) {
        try write(buffer.bytes)
        buffer = ByteWriter(capacity: BlockWriter.bufferBytes)
    }

    private mutating func write(_ bytes: [UInt8]) throws(SeriesStoreError) {
        let (file, place) = (file, UInt64(offset))
        try callMachine { () throws(HostError) in try file.write(bytes, at: place) }
        offset += bytes.count
    }
}
