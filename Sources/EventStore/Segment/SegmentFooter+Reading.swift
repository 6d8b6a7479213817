internal import Bytes

extension SegmentFooter {
    /// Reads the end of a file: what lies where, once lengths, version and checksum are right.
    ///
    /// Throws `SegmentError`, or what `file` throws.
    init(reading file: any SegmentFile) throws {
        let size = file.byteCount
        guard size >= SegmentFormat.headerBytes + SegmentFormat.trailerBytes else {
            throw SegmentError(message: "file is too short: \(size) bytes", offset: 0)
        }
        let trailerOffset = size - SegmentFormat.trailerBytes
        var trailer = ByteReader(
            try file.read(at: trailerOffset, count: SegmentFormat.trailerBytes))
        let length = Int(try trailer.read(UInt32.self))
        let checksum = try trailer.read(UInt32.self)
        let version = try trailer.read(UInt32.self)
        guard try trailer.read(UInt64.self) == SegmentFormat.magic else {
            throw SegmentError(message: "file does not end as a segment", offset: trailerOffset)
        }
        guard version == SegmentFormat.version else {
            throw SegmentError(message: "unknown version \(version)", offset: trailerOffset + 8)
        }
        guard length <= SegmentFormat.footerBytesMax,
            length <= trailerOffset - SegmentFormat.headerBytes
        else {
            throw SegmentError(message: "footer exceeds the file: \(length)", offset: trailerOffset)
        }
        let offset = trailerOffset - length
        let bytes = try file.read(at: offset, count: length)
        guard Checksum.crc32c(bytes) == checksum else {
            throw SegmentError(message: "footer does not match its checksum", offset: offset)
        }
        do throws(DecodeError) {
            try self.init(decoding: bytes[...], blocksEnd: offset)
        } catch {
            throw SegmentError(message: "footer: \(error.message)", offset: offset)
        }
    }
}
