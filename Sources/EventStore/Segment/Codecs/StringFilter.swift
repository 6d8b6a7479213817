internal import Bytes

/// Which strings a row group may hold: a split-block Bloom filter.
///
/// A proof of absence at ten bits a string, where the strings themselves take 64 and more; one in
/// about a hundred absent strings passes. (As in Parquet, after Putze, Sanders and Singler 2007;
/// differs: the hash.)
///
/// Layout: varint number of blocks, then 32 bytes each. A string's hash h is MurmurHash3's 64-bit
/// finalizer of CRC-32C | length in bytes << 32. It belongs to block ((h >> 32) × blocks) >> 32, and
/// sets one bit in each of the block's eight 32-bit words: bit (h mod 2³² × salt mod 2³²) >> 27.
struct StringFilter: Sendable {
    private static let salts: [UInt32] = [
        0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947,
        0x5c6b_fb31,
    ]
    private static let bitsPerString = 10
    private static let bitsPerBlock = 256
    private static let wordsPerBlock = 8

    /// Eight a block.
    private var words: [UInt32]

    /// Bytes held.
    var byteCount: Int { words.count * 4 }

    /// A filter of all strings of a list.
    init(_ list: StringListCodec.List) {
        let bits = list.count * StringFilter.bitsPerString
        let blocks = max(1, (bits + StringFilter.bitsPerBlock - 1) / StringFilter.bitsPerBlock)
        words = [UInt32](repeating: 0, count: blocks * StringFilter.wordsPerBlock)
        let salts = StringFilter.salts
        // Behind pointers: checks of bounds would take four times as long as the bits.
        words.withUnsafeMutableBufferPointer { words in
            salts.withUnsafeBufferPointer { salts in
                list.forEach { string in
                    let hash = StringFilter.hash(UnsafeRawBufferPointer(string))
                    let start = StringFilter.block(of: hash, among: UInt64(blocks))
                    for word in 0..<StringFilter.wordsPerBlock {
                        words[start + word] |= StringFilter.bit(hash, salts[word])
                    }
                }
            }
        }
    }

    /// Whether a string may be there; false is a proof that it is not.
    func mayHold(_ string: [UInt8]) -> Bool {
        let hash = string.withUnsafeBytes { StringFilter.hash($0) }
        let start = block(of: hash)
        return StringFilter.salts.enumerated().allSatisfy { word, salt in
            words[start + word] & StringFilter.bit(hash, salt) != 0
        }
    }

    private func block(of hash: UInt64) -> Int {
        StringFilter.block(of: hash, among: UInt64(words.count / StringFilter.wordsPerBlock))
    }

    /// The first word of the block that a hash belongs to.
    private static func block(of hash: UInt64, among blocks: UInt64) -> Int {
        Int(((hash >> 32) &* blocks) >> 32) &* wordsPerBlock
    }

    private static func bit(_ hash: UInt64, _ salt: UInt32) -> UInt32 {
        1 << ((UInt32(truncatingIfNeeded: hash) &* salt) >> 27)
    }

    private static func hash(_ string: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(Checksum.crc32c(string)) | UInt64(string.count) << 32
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }

    // MARK: - Encode

    func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: words.count * 4 + 4)
        writer.writeVarint(words.count / StringFilter.wordsPerBlock)
        writer.writeArray(words)
        return writer.bytes
    }

    // MARK: - Decode

    init(decoding bytes: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let blocks = try reader.readCount(limit: reader.remaining, "blocks of a filter")
        guard blocks > 0 else { throw DecodeError("filter of no blocks", at: 0) }
        words = try reader.readArray(UInt32.self, count: blocks * StringFilter.wordsPerBlock)
        guard reader.isAtEnd else { throw DecodeError("bytes after a filter", at: reader.offset) }
    }
}
