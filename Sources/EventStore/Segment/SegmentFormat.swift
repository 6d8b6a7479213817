/// Names and bounds of the segment file; `docs/formats/segment.md` draws it.
enum SegmentFormat {
    /// "WFSEGMT1", the first and the last eight bytes of the file.
    static let magic: UInt64 = 0x3154_4D47_4553_4657
    static let version: UInt32 = 1
    /// Magic before the blocks.
    static let headerBytes = 8
    /// Footer size, footer checksum, version, magic: behind the footer.
    static let trailerBytes = 4 + 4 + 4 + 8

    static let rowsPerGroup = 65_536
    /// Rows a footer may claim: row numbers of a segment fit 32 bits with room.
    static let rowsMax = 1 << 28
    static let groupsMax = rowsMax / rowsPerGroup
    static let columnsMax = 10_016
    static let runsMax = 1 << 20
    static let footerBytesMax = 256 << 20
    static let blockBytesMax = 1 << 30

    /// Distinct numbers up to which they become part of the column's dictionary.
    static let codedNumbersMax = 2_048
    /// Strings get a dictionary of the whole segment unless there are more of them than one for
    /// this many rows: codes make grouping and counting cheap, and a code costs at most 3 bytes.
    static let rowsPerDictionaryEntry = 2
}

/// Where a block lies and what its bytes must sum to.
struct BlockReference: Hashable, Sendable {
    var offset: Int
    var length: Int
    /// CRC-32C of the block's bytes.
    var checksum: UInt32
}
