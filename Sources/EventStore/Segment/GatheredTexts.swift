internal import Bytes
internal import CKernels
internal import Events

/// Strings that hardly repeat, in the order of the segment; they get no dictionary.
struct GatheredTexts {
    /// One a row: its entry, counted from 1; 0 for none.
    private let rows: [UInt32]
    private let entries: SourceEntries
    private let hashes: Hashes

    /// The hashes of all strings.
    struct Hashes {
        /// One an entry, 0 for what is no string in use.
        fileprivate let values: [UInt64]
        /// Whether so few are met twice that it is not worth looking for them.
        fileprivate let areDistinct: Bool
    }

    init(_ entries: SourceEntries, _ hashes: Hashes, _ order: SegmentOrder) {
        self.entries = entries
        self.hashes = hashes
        rows = entries.gather(
            (0..<entries.count).map { entries.isString($0) ? UInt32($0 + 1) : 0 }, order)
    }

    /// The hashes of all strings when there are too many different ones for a dictionary.
    static func hashesIfText(_ entries: SourceEntries, rows: Int) -> Hashes? {
        let strings = (0..<entries.count).count { entries.isUsed[$0] != 0 && entries.isString($0) }
        let most = rows / SegmentFormat.rowsPerDictionaryEntry
        guard strings > 256, strings > most else { return nil }
        let hashes = entries.stringHashes()
        let distinct = distinctHashes(hashes, atMost: strings)
        guard distinct > most else { return nil }
        // Entries of a dictionary are distinct however often rows repeat them.
        return Hashes(
            values: hashes, areDistinct: entries.areOfRows && distinct * 100 > strings * 98)
    }

    /// About how many different hashes there are, by linear counting (Whang et al., TODS 1990): a bit
    /// for each of four times as many values as there can be; within 1 %, at a tenth of a table's cost.
    private static func distinctHashes(_ hashes: [UInt64], atMost most: Int) -> Int {
        var bits = 1024
        while bits < most * 4 { bits *= 2 }
        var words = [UInt64](repeating: 0, count: bits / 64)
        let mask = UInt64(bits - 1)
        words.withUnsafeMutableBufferPointer { words in
            for hash in hashes where hash != 0 {
                let bit = Int(truncatingIfNeeded: hash & mask)
                words[bit >> 6] |= 1 << UInt64(bit & 63)
            }
        }
        let unset = bits - words.reduce(0) { $0 + $1.nonzeroBitCount }
        return Int(Double(bits) * -wf_log10(Double(unset) / Double(bits)) * 2.302585)
    }

    /// The strings of a row group in the order of first appearance, and for each row that has one how
    /// many first appearances ago it was met, 0 for a first.
    ///
    /// Each is there once, or all rows have their own.
    struct Group {
        let strings: StringListCodec.List
        let distances: [UInt32]
        /// Which rows have one; nil when all have.
        let present: Bitmap?
    }

    /// - Parameter slots: scratch that is used again.
    func group(_ range: Range<Int>, _ slots: inout [UInt32]) -> Group {
        let slotCount = hashes.areDistinct ? 0 : 2 * SegmentFormat.rowsPerGroup
        if slots.count < slotCount { slots = [UInt32](repeating: 0, count: slotCount) }
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(range.count))
        var strings = FreshStrings()
        let distances = [UInt32](unsafeUninitializedCapacity: range.count) { distances, count in
            slots.withUnsafeMutableBufferPointer { slots in
                if !hashes.areDistinct { slots.update(repeating: 0) }
                for row in range where rows[row] != 0 {
                    let entry = Int(rows[row]) - 1
                    let offset = row - range.lowerBound
                    words[offset >> 6] |= 1 << UInt64(offset & 63)
                    distances[count] = entries.withString(entry) { bytes in
                        // Span ids: the table would be most of the work, and find nothing.
                        if hashes.areDistinct { return strings.append(bytes) }
                        return strings.distance(to: bytes, hashes.values[entry], slots)
                    }
                    count += 1
                }
            }
        }
        let present =
            distances.count < range.count ? Bitmap(count: range.count, words: words) : nil
        return Group(strings: strings.list(), distances: distances, present: present)
    }
}

/// The strings of a row group, found by their hashes while it is gone through.
private struct FreshStrings: ~Copyable {
    private var text = GrowingBuffer<UInt8>(capacity: SegmentFormat.rowsPerGroup)
    private var offsets = GrowingBuffer<UInt32>(capacity: 1024)

    init() { offsets.append(0) }

    private var count: Int { offsets.count - 1 }

    func list() -> StringListCodec.List {
        StringListCodec.List(text: text.array(), offsets: offsets.array())
    }

    /// How many first appearances ago a string was met; 0 for one that was not, which joins them.
    ///
    /// A slot has the upper 15 bits of a hash and the string's place, from 1, in the other 17.
    @inline(__always)
    mutating func distance(
        to bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64,
        _ slots: UnsafeMutableBufferPointer<UInt32>
    ) -> UInt32 {
        let mask = slots.count - 1
        let mark = UInt32(truncatingIfNeeded: hash >> 49)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot] & 0x1_FFFF) - 1
            if slots[slot] >> 17 == mark, holds(bytes, at: place) {
                return UInt32(count - place)
            }
            slot = (slot + 1) & mask
        }
        let distance = append(bytes)
        slots[slot] = mark << 17 | UInt32(count)
        return distance
    }

    /// Adds a string as one that was not met, at distance 0.
    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        if let base = bytes.baseAddress { text.append(base, count: bytes.count) }
        offsets.append(UInt32(text.count))
        return 0
    }

    private func holds(_ bytes: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        let start = Int(offsets[place])
        guard Int(offsets[place + 1]) - start == bytes.count else { return false }
        guard let wanted = bytes.baseAddress else { return true }
        return wf_equal(text.base + start, wanted, bytes.count)
    }
}
