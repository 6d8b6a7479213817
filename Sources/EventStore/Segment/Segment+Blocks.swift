internal import Bytes

/// Blocks are read, and their checksums checked, before anything is made of them.
extension Segment {
    func decoding<Value>(
        _ block: BlockReference, _ decode: (ArraySlice<UInt8>) throws(DecodeError) -> Value
    ) throws -> Value {
        try self.decode(
            file.read(at: block.offset, count: block.length)[...], of: block, decode)
    }

    func decode<Value>(
        _ bytes: ArraySlice<UInt8>, of block: BlockReference,
        _ decode: (ArraySlice<UInt8>) throws(DecodeError) -> Value
    ) throws -> Value {
        guard Checksum.crc32c(bytes) == block.checksum else {
            throw SegmentError(message: "block does not match its checksum", offset: block.offset)
        }
        do throws(DecodeError) {
            return try decode(bytes)
        } catch {
            throw SegmentError(message: error.message, offset: block.offset + error.offset)
        }
    }
}
