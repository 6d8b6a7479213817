public import Bytes
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
        hashes = (0..<rows).map { ValueHashes.hash(column.value(at: $0)) }
    }

    public subscript(row: Int) -> Hash { codes.map { hashes[Int($0[row])] } ?? hashes[row] }

    private static func hash(_ value: FieldValue) -> Hash {
        var text = ExpressionEvaluator.text(value)
        return text.withUTF8 {
            Hash(low: MetroHash.hash($0, seed: 1), high: MetroHash.hash($0, seed: 2))
        }
    }
}
