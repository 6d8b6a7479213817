internal import Bytes
internal import CKernels
internal import Events

/// Strings that hardly repeat, in the order of the segment; they get no dictionary.
struct GatheredTexts {
    /// One a row: its entry, counted from 1; 0 for none.
    private let rows: [UInt32]
    private let entries: SourceEntries
    /// One an entry.
    private let hashes: [UInt64]

    init(_ entries: SourceEntries, hashes: [UInt64], _ order: SegmentOrder) {
        self.entries = entries
        self.hashes = hashes
        rows = entries.gather(
            (0..<entries.count).map { entries.isString($0) ? UInt32($0 + 1) : 0 }, order)
    }

    /// The hashes of all strings when there are too many different ones for a dictionary.
    static func hashesIfText(_ entries: SourceEntries, rows: Int) -> [UInt64]? {
        let strings = (0..<entries.count).count { entries.isUsed[$0] != 0 && entries.isString($0) }
        let most = rows / SegmentFormat.rowsPerDictionaryEntry
        guard strings > 256, strings > most else { return nil }
        let hashes = entries.stringHashes()
        return distinctHashes(hashes, atMost: strings) > most ? hashes : nil
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

    /// The strings of a row group, each once in the order of first appearance, and for each row that
    /// has one how many first appearances ago it was met, 0 for a first.
    struct Group {
        var strings = StringListCodec.List()
        var distances: [UInt32] = []
        /// Which rows have one; nil when all have.
        var present: Bitmap?
    }

    /// - Parameter slots: scratch that is used again.
    func group(_ range: Range<Int>, _ slots: inout [UInt64]) -> Group {
        let slotCount = 2 * SegmentFormat.rowsPerGroup
        if slots.count < slotCount { slots = [UInt64](repeating: 0, count: slotCount) }
        var group = Group()
        group.distances.reserveCapacity(range.count)
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(range.count))
        let mask = slots.count - 1
        slots.withUnsafeMutableBufferPointer { slots in
            slots.update(repeating: 0)
            for row in range where rows[row] != 0 {
                let entry = Int(rows[row]) - 1
                let offset = row - range.lowerBound
                words[offset >> 6] |= 1 << UInt64(offset & 63)
                entries.withString(entry) { bytes in
                    let met = GatheredTexts.find(
                        bytes, hashes[entry], slots, mask, in: &group.strings)
                    group.distances.append(met)
                }
            }
        }
        if group.distances.count < range.count {
            group.present = Bitmap(count: range.count, words: words)
        }
        return group
    }

    /// How many first appearances ago a string was met; it joins the list when it was not.
    private static func find(
        _ bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64,
        _ slots: UnsafeMutableBufferPointer<UInt64>, _ mask: Int,
        in strings: inout StringListCodec.List
    ) -> UInt32 {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot] & 0xFFFF_FFFF) - 1
            if (slots[slot] ^ hash) >> 32 == 0, strings.holds(bytes, at: place) {
                return UInt32(strings.count - place)
            }
            slot = (slot + 1) & mask
        }
        strings.append(bytes)
        slots[slot] = (hash >> 32) << 32 | UInt64(strings.count)
        return 0
    }
}
