internal import Bytes
internal import Host

/// A block on disk, as its footer tells of it.
struct ClosedBlock: Sendable {
    let path: String
    let footer: BlockFooter
    /// The blocks it was made of, when it is a rollup's.
    let sources: [BlockSource]
    let byteCount: Int

    var start: Int64 { footer.start }
    var end: Int64 { footer.end }
    var identity: UInt64 { footer.identity }

    init(path: String, footer: BlockFooter, sources: [BlockSource], byteCount: Int) {
        self.path = path
        self.footer = footer
        self.sources = sources
        self.byteCount = byteCount
    }

    /// Reads the footer of a file.
    init(reading file: any File) throws(SeriesStoreError) {
        path = file.path
        let size = try callMachine { () throws(HostError) in Int(try file.size()) }
        guard size >= BlockFooter.headerBytes + BlockFooter.byteCount else {
            throw SeriesStoreError(.damaged, "a block of \(size) bytes", file.path)
        }
        func read(_ count: Int, at offset: Int) throws(SeriesStoreError) -> [UInt8] {
            try callMachine { () throws(HostError) in try file.read(count, at: UInt64(offset)) }
        }
        let place = size - BlockFooter.byteCount
        let bytes = try read(BlockFooter.byteCount, at: place)
        let footer = try decoding(path, at: place) { () throws(DecodeError) in
            try BlockFooter(decoding: bytes, fileBytes: size)
        }
        let sourceBytes = footer.sourceCount * BlockSource.byteCount
        let sources = try read(sourceBytes, at: place - sourceBytes)
        guard Checksum.crc32c(sources) == footer.sourceChecksum else {
            throw SeriesStoreError(
                .damaged, "the checksum of a block's sources is wrong", path,
                at: place - sourceBytes)
        }
        self.footer = footer
        self.sources = try decoding(path) { () throws(DecodeError) in
            try BlockSource.decode(sources)
        }
        byteCount = size
    }
}
