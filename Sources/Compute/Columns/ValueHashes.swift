public import Bytes
internal import CKernels
public import Events

/// Hashes of a column's values as texts, wide enough to stand for them: 128 bits.
public struct ValueHashes {
    public struct Hash: Hashable, Sendable {
        public let low: UInt64
        public let high: UInt64

        /// The hash of two values together.
        public func combined(with other: Hash) -> Hash {
            Hash(
                low: (low &* 0x9E37_79B9_7F4A_7C15) ^ other.low,
                high: (high &* 0xC2B2_AE3D_27D4_EB4F) ^ other.high)
        }
    }

    /// Which rows have a value.
    public let present: Bitmap
    /// One a row; without meaning for rows without a value.
    private let codes: CodeArray?
    private let hashes: [Hash]

    /// A column of codes is hashed once an entry.
    public init(_ column: Column?, rows: Int) {
        guard let column else {
            present = Bitmap(count: rows)
            codes = nil
            hashes = []
            return
        }
        present = column.presence()
        if let lane = column.coded, column.ints == nil, column.floats == nil, column.texts == nil {
            codes = lane.codes
            let nothing = Hash(low: 0, high: 0)
            hashes =
                [nothing]
                + (0..<lane.dictionary.count).map { ValueHashes.hash(lane.dictionary[$0]) }
            return
        }
        codes = nil
        guard let lane = column.texts, column.coded == nil, column.ints == nil, column.floats == nil
        else {
            hashes = (0..<rows).map { ValueHashes.hash(column.value(at: $0)) }
            return
        }
        // Fast path: ids lie one after another, and no strings need to be made of them.
        hashes = lane.text.withUnsafeBufferPointer { text in
            lane.offsets.withUnsafeBufferPointer { offsets in
                (0..<rows).map { row in
                    let range = Int(offsets[row])..<Int(offsets[row + 1])
                    return ValueHashes.hash(UnsafeBufferPointer(rebasing: text[range]))
                }
            }
        }
    }

    public subscript(row: Int) -> Hash { codes.map { hashes[Int($0[row])] } ?? hashes[row] }

    private static func hash(_ value: FieldValue) -> Hash {
        var text = ExpressionEvaluator.text(value)
        return text.withUTF8 { hash($0) }
    }

    @inline(__always)
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Hash {
        guard let base = text.baseAddress else { return Hash(low: 1, high: 1) }
        return Hash(low: wf_hash(base, text.count, 1), high: wf_hash(base, text.count, 2))
    }
}
