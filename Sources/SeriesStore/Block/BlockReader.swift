internal import Bytes
internal import Host

/// A block's file, open, with its index: it reads what was there when it was opened, also when the
/// file is replaced meanwhile.
struct BlockReader {
    private let file: any File
    let block: ClosedBlock
    let index: BlockIndex

    /// Opens the file; an index in `cache` is not read again.
    init(_ files: any FileSystem, path: String, cache: IndexCache) throws(SeriesStoreError) {
        let file = try callMachine { () throws(HostError) in try files.open(path, .read) }
        self.file = file
        block = try ClosedBlock(reading: file)
        if let known = cache.find(block.identity) {
            index = known
            return
        }
        index = try BlockReader.readIndex(file, block)
        cache.insert(index, block.identity)
    }

    private static func readIndex(
        _ file: any File, _ block: ClosedBlock
    ) throws(SeriesStoreError) -> BlockIndex {
        let footer = block.footer
        let packed = try callMachine { () throws(HostError) in
            try file.read(footer.indexBytes, at: UInt64(footer.indexOffset))
        }
        guard Checksum.crc32c(packed) == footer.indexChecksum else {
            throw SeriesStoreError(
                .damaged, "the checksum of a block's index is wrong", block.path,
                at: footer.indexOffset)
        }
        let bytes: [UInt8]
        do throws(CompressionError) {
            bytes = try Zstd.decompress(packed[...], size: footer.indexSize)
        } catch {
            throw SeriesStoreError(
                .damaged, "a block's index does not open", block.path, at: footer.indexOffset)
        }
        return try decoding(block.path, at: footer.indexOffset) { () throws(DecodeError) in
            try BlockIndex(bytes)
        }
    }

    func close() { file.close() }

    /// The series let through, as their numbers ascending.
    func series(matching matchers: [LabelMatcher]) throws(SeriesStoreError) -> [Int] {
        try decoding(block.path, at: block.footer.indexOffset) { () throws(DecodeError) in
            let set = try index.series(matching: matchers)
            var numbers: [Int] = []
            set.forEachRow { numbers.append($0) }
            return numbers
        }
    }

    /// A series with where its chunks lie.
    func entry(
        of number: Int
    ) throws(SeriesStoreError) -> (labels: Labels, chunks: [ChunkPlace]) {
        try decoding(block.path, at: block.footer.indexOffset) { () throws(DecodeError) in
            try index.entry(of: number)
        }
    }

    /// Samples of chunks of one series that follow each other in time; a chunk is read by `pieces`.
    func samples(
        _ chunks: some Sequence<ChunkPlace>, _ pieces: inout FilePieces
    ) throws(SeriesStoreError) -> Samples {
        var samples = Samples()
        for chunk in chunks {
            let bytes = try pieces.read(chunk.offset, chunk.count, from: file)
            guard Checksum.crc32c(bytes) == chunk.checksum else {
                throw SeriesStoreError(
                    .damaged, "the checksum of a chunk is wrong", block.path, at: chunk.offset)
            }
            try decoding(block.path, at: chunk.offset) { () throws(DecodeError) in
                try Chunk.decode(bytes, into: &samples)
            }
        }
        return samples
    }
}

/// Reads pieces that ascend in a file, many with one call.
struct FilePieces {
    private var bytes: [UInt8] = []
    private var start = 0
    private let ahead: Int

    /// Reads `ahead` bytes with the first piece that is not there.
    init(ahead: Int) { self.ahead = ahead }

    mutating func read(
        _ offset: Int, _ count: Int, from file: any File
    ) throws(SeriesStoreError) -> ArraySlice<UInt8> {
        if offset < start || offset + count > start + bytes.count {
            let wanted = max(count, ahead)
            bytes = try callMachine { () throws(HostError) in
                try file.read(wanted, at: UInt64(offset))
            }
            start = offset
        }
        guard offset - start + count <= bytes.count else {
            throw SeriesStoreError(.damaged, "a chunk ends beyond the file", file.path, at: offset)
        }
        return bytes[(offset - start)..<(offset - start + count)]
    }
}
