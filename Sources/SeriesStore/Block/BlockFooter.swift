internal import Bytes

/// The end of a block's file: what the block is, and where its index lies.
///
/// Layout, 80 bytes, numbers little-endian:
///
/// ```
/// 0    start, 8 bytes: milliseconds since 1970; samples are from here on
/// 8    end, 8 bytes: samples are before
/// 16   step, 8 bytes: milliseconds of a cell; 0 where samples are as they were written
/// 24   identity, 8 bytes: random for each file written
/// 32   index offset, 8 bytes
/// 40   index bytes, 8 bytes
/// 48   index bytes when opened, 8 bytes
/// 56   CRC-32C of the index as it lies in the file
/// 60   number of sources, 4 bytes
/// 64   CRC-32C of the sources
/// 68   version, 4 bytes: 1
/// 72   CRC-32C of bytes 0..<72
/// 76   "WFSE"
/// ```
struct BlockFooter: Hashable, Sendable {
    static let byteCount = 80
    static let version: UInt32 = 1
    static let magic = Array("WFSE".utf8)
    static let headerMagic = Array("WFSB".utf8)
    static let headerBytes = 8

    var start: Int64
    var end: Int64
    var step: Int64
    var identity: UInt64
    var indexOffset = 0
    var indexBytes = 0
    var indexSize = 0
    var indexChecksum: UInt32 = 0
    var sourceCount = 0
    var sourceChecksum: UInt32 = 0

    init(start: Int64, end: Int64, step: Int64, identity: UInt64) {
        (self.start, self.end, self.step, self.identity) = (start, end, step, identity)
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: BlockFooter.byteCount)
        for time in [start, end, step] { writer.write(time) }
        writer.write(identity)
        for size in [indexOffset, indexBytes, indexSize] { writer.write(UInt64(size)) }
        writer.write(indexChecksum)
        writer.write(UInt32(sourceCount))
        writer.write(sourceChecksum)
        writer.write(BlockFooter.version)
        writer.write(Checksum.crc32c(writer.bytes))
        writer.write(contentsOf: BlockFooter.magic)
        return writer.bytes
    }

    /// Reads the last bytes of a file of `fileBytes`.
    init(decoding bytes: [UInt8], fileBytes: Int) throws(DecodeError) {
        guard bytes.count == BlockFooter.byteCount, bytes[76...] == BlockFooter.magic[...] else {
            throw DecodeError("no block ends here", at: 0)
        }
        var reader = ByteReader(bytes)
        start = try reader.read(Int64.self)
        end = try reader.read(Int64.self)
        step = try reader.read(Int64.self)
        identity = try reader.read(UInt64.self)
        let sizes = try reader.readArray(UInt64.self, count: 3)
        indexChecksum = try reader.read(UInt32.self)
        sourceCount = Int(try reader.read(UInt32.self))
        sourceChecksum = try reader.read(UInt32.self)
        let version = try reader.read(UInt32.self)
        guard try reader.read(UInt32.self) == Checksum.crc32c(bytes[..<72]) else {
            throw DecodeError("the checksum of a block's footer is wrong", at: 72)
        }
        guard version == BlockFooter.version else {
            throw DecodeError("a block of version \(version); known is 1", at: 68)
        }
        let limit = UInt64(max(0, fileBytes - BlockFooter.byteCount))
        guard sizes[0] <= limit, sizes[1] <= min(limit, UInt64(BlockLimits.indexBytes)),
            sizes[2] <= UInt64(BlockLimits.indexBytes),
            sourceCount <= BlockLimits.sources,
            sizes[0] + sizes[1] + UInt64(sourceCount * BlockSource.byteCount) == limit
        else { throw DecodeError("a block's parts are not its size", at: 32) }
        (indexOffset, indexBytes, indexSize) = (Int(sizes[0]), Int(sizes[1]), Int(sizes[2]))
    }
}

/// A block that a rollup's block was made of: 16 bytes, its start and its identity.
struct BlockSource: Hashable, Sendable {
    static let byteCount = 16

    /// Milliseconds since 1970.
    let start: Int64
    let identity: UInt64

    static func encode(_ sources: [BlockSource]) -> [UInt8] {
        var writer = ByteWriter(capacity: byteCount * sources.count)
        for source in sources {
            writer.write(source.start)
            writer.write(source.identity)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(DecodeError) -> [BlockSource] {
        var reader = ByteReader(bytes)
        var sources: [BlockSource] = []
        while !reader.isAtEnd {
            sources.append(
                BlockSource(
                    start: try reader.read(Int64.self), identity: try reader.read(UInt64.self)))
        }
        return sources
    }
}
