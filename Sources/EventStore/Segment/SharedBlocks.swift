internal import Bytes
internal import CKernels

/// The blocks written for one row group, found by what is in them.
///
/// Columns that are present together have equal presence, columns that follow one another equal codes.
struct SharedBlocks {
    private var blocks: [UInt64: (bytes: [UInt8], reference: BlockReference)] = [:]
    private var presences: [UInt64: (rows: Bitmap, reference: BlockReference)] = [:]

    /// The block that has these bytes, if there is one.
    func reference(to bytes: [UInt8]) -> BlockReference? {
        guard let found = blocks[SharedBlocks.hash(bytes)], found.bytes == bytes else { return nil }
        return found.reference
    }

    mutating func insert(_ bytes: [UInt8], _ reference: BlockReference) {
        blocks[SharedBlocks.hash(bytes)] = (bytes, reference)
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 { wf_hash(bytes, bytes.count, 0) }

    // MARK: - Presence

    /// The block that says that these rows are present, if there is one: it need not be encoded.
    func reference(to present: Bitmap) -> BlockReference? {
        guard let found = presences[SharedBlocks.hash(present)], found.rows == present else {
            return nil
        }
        return found.reference
    }

    mutating func insert(_ present: Bitmap, _ reference: BlockReference) {
        presences[SharedBlocks.hash(present)] = (present, reference)
    }

    private static func hash(_ present: Bitmap) -> UInt64 {
        present.words.withUnsafeBytes { bytes in
            wf_hash(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, 0)
        }
    }
}
