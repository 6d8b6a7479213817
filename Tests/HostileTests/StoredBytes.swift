import Bytes
import Events

@testable import EventStore

/// Readers of files, behind their checksums too: those are no defence against who can compute them.
enum StoredBytes {
    static func readLog(_ bytes: [UInt8]) {
        if let scan = try? LogScan(bytes) {
            for entry in scan.entries { _ = try? LogRecord.decode(bytes[entry.payload]) }
        }
        _ = try? LogRecord.decode(bytes[...])
        _ = try? ManifestEdit(decoding: bytes[...])
    }

    static func readBatch(_ bytes: [UInt8]) {
        guard let batch = try? EventBatch(decoding: bytes[...]) else { return }
        let again = try? EventBatch(decoding: batch.encoded()[...])
        precondition(again?.rows == batch.rows, "BUG: a batch cannot be read again")
    }

    static func readSegment(_ bytes: [UInt8]) {
        let cache = DecodedColumnCache(bytesMax: 1 << 20)
        if let segment = try? Segment(HeldSegment(bytes), cache: cache) { try? segment.verify() }
        _ = try? SegmentFooter(decoding: bytes[...], blocksEnd: 1 << 20)
    }
}

/// A segment's bytes in memory.
private final class HeldSegment: SegmentFile {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var byteCount: Int { bytes.count }

    func read(at offset: Int, count: Int) throws -> [UInt8] {
        guard offset >= 0, count >= 0, count <= bytes.count, offset <= bytes.count - count else {
            throw SegmentError(message: "beyond the end", offset: offset)
        }
        return Array(bytes[offset..<offset + count])
    }
}
