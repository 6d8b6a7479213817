internal import CKernels
internal import Events

/// How many different values each group has: exact, not weighted.
///
/// While all rows share the argument's dictionary, a group's values are a bitmap of codes, or, where
/// groups times values are many, entries of one hash set. States of different dictionaries are
/// merged into a dictionary of both, each value looked up once.
public final class DistinctState: AggregateState {
    /// Bits of all bitmaps together: 32 MiB.
    private static let bitsMax = 1 << 28

    private var dictionary: ValueDictionary?
    /// The merged dictionary, when values came from several.
    private var merged: DictionaryBuilder?
    /// Dictionaries that are part of this one's, and where their codes are in it.
    private var prepared: [(dictionary: ValueDictionary, codes: [UInt32])] = []
    private var cells = 0
    /// One bitmap a cell; nil until the cell has a value.
    ///
    /// The whole is nil when pairs took over.
    private var bitmaps: [ZeroedTable?]? = []
    /// Words of all bitmaps together.
    private var bitmapWords = 0
    private var pairs = PairSet()

    public init() {}

    public func makeEmpty() -> any AggregateState { DistinctState() }
    public var ignored: Int { 0 }

    public var byteCount: Int {
        // A sorted dictionary is a segment's.
        let own = dictionary.map { $0.isSorted ? 0 : $0.byteCount } ?? 0
        return bitmapWords * 8 + (bitmaps?.count ?? 0) * 40 + pairs.byteCount + own
            + (merged?.textByteCount ?? 0) + (merged?.count ?? 0) * 25
    }

    /// Bytes held when nobody else holds the dictionary, about.
    public var byteCountAlone: Int {
        byteCount + (dictionary.map { $0.isSorted ? $0.byteCount : 0 } ?? 0)
    }

    public func grow(toCells count: Int) {
        if count <= cells { return }
        bitmaps?.append(contentsOf: repeatElement(nil, count: count - cells))
        cells = count
        usePairsIfMany()
    }

    private var valueCount: Int { merged?.count ?? dictionary?.count ?? 0 }
    private var wordCount: Int { (valueCount + 64) / 64 }

    /// Gives up bitmaps when all of them full would be too much.
    private func usePairsIfMany() {
        guard let old = bitmaps, cells * (valueCount + 1) > DistinctState.bitsMax else { return }
        bitmaps = nil
        bitmapWords = 0
        for (cell, words) in old.enumerated() {
            forEachBit(words) { pairs.insert(UInt32(cell), UInt32($0)) }
        }
    }

    private func forEachBit(_ words: ZeroedTable?, _ body: (Int) -> Void) {
        guard let words else { return }
        for index in 0..<words.count {
            var rest = words[index]
            while rest != 0 {
                body(index << 6 + rest.trailingZeroBitCount)
                rest &= rest &- 1
            }
        }
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        guard input.column != nil else { return }
        let codes = input.codes
        var map: [UInt32]?
        if dictionary == nil && merged == nil {
            dictionary = codes.dictionary
            usePairsIfMany()
        } else if dictionary !== codes.dictionary {
            map = join(codes.dictionary)
        }
        let mask = RowMask(rows)
        if bitmaps == nil {
            mask.forEach { row in
                let code = codes.codes[row]
                if code != 0 { pairs.insert(rows.cells[row], map?[Int(code)] ?? code) }
            }
            return
        }
        // Codes of another dictionary are put through the map first.
        let joined = map.map { map in codes.codes.widened().map { map[Int($0)] } }
        switch (joined.map { .longs($0) } ?? codes.codes, rows.cells) {
        case (.bytes(let codes), .bytes(let cells)): setBits(codes, cells, mask)
        case (.words(let codes), .bytes(let cells)): setBits(codes, cells, mask)
        case (.longs(let codes), .bytes(let cells)): setBits(codes, cells, mask)
        case (.longs(let codes), .words(let cells)): setBits(codes, cells, mask)
        case (let codes, let cells): setBits(codes.widened(), cells.widened(), mask)
        }
    }

    /// Sets the bits of all rows: two loads and a store a row.
    ///
    /// Missing values set bit 0 as others theirs, and it is cleared at the end: a branch on them
    /// would be guessed wrong too often.
    private func setBits<
        Code: FixedWidthInteger & UnsignedInteger, Cell: FixedWidthInteger & UnsignedInteger
    >(_ codes: [Code], _ cells: [Cell], _ mask: RowMask) {
        let width = wordCount
        var bases = [UnsafeMutablePointer<UInt64>?](repeating: nil, count: self.cells)
        bases.withUnsafeMutableBufferPointer { bases in
            codes.withUnsafeBufferPointer { codes in
                cells.withUnsafeBufferPointer { cells in
                    mask.forEach { row in
                        let (cell, code) = (Int(cells[row]), Int(codes[row]))
                        let words: UnsafeMutablePointer<UInt64>
                        if let known = bases[cell] {
                            words = known
                        } else {
                            words = bitmap(ofCell: cell, width).base
                            bases[cell] = words
                        }
                        words[code >> 6] |= 1 << UInt64(code & 63)
                    }
                }
            }
            for case let words? in bases { words[0] &= ~1 }
        }
    }

    /// The cell's bitmap, of at least `width` words.
    private func bitmap(ofCell cell: Int, _ width: Int) -> ZeroedTable {
        let known = bitmaps?[cell]
        if let known, known.count >= width { return known }
        let wider = ZeroedTable(count: width)
        if let known { wider.base.update(from: known.base, count: known.count) }
        bitmaps?[cell] = wider
        bitmapWords += width - (known?.count ?? 0)
        return wider
    }

    /// Sets in `target` the bits of `words`, bit i at `codes[i]`, or at i where there are no codes.
    ///
    /// One loop over bare memory: with a call for each bit, merging six segments of a million rows
    /// took four times as long.
    private func unite(_ target: ZeroedTable, _ words: ZeroedTable, _ codes: [UInt32]?) {
        let to = target.base
        guard let codes else {
            for index in 0..<words.count { to[index] |= words[index] }
            return
        }
        codes.withUnsafeBufferPointer { codes in
            for index in 0..<words.count {
                var rest = words[index]
                while rest != 0 {
                    let code = Int(codes[index << 6 + rest.trailingZeroBitCount])
                    to[code >> 6] |= 1 << UInt64(code & 63)
                    rest &= rest &- 1
                }
            }
        }
    }

    private func insert(_ code: UInt32, _ cell: Int) {
        if bitmaps == nil {
            pairs.insert(UInt32(cell), code)
        } else {
            bitmap(ofCell: cell, wordCount)[Int(code >> 6)] |= 1 << UInt64(code & 63)
        }
    }

    /// Goes on with a dictionary of all values met, and answers where those of `other` are in it.
    private func join(_ other: ValueDictionary) -> [UInt32] {
        let builder: DictionaryBuilder
        if let merged {
            builder = merged
        } else {
            // The first dictionary's codes stay what they are: its values come first.
            builder = DictionaryBuilder(expected: dictionary?.count ?? 16)
            if let dictionary { builder.insert(entriesOf: dictionary) }
            merged = builder
            dictionary = nil
        }
        let map = builder.codes(ofEntriesIn: other)
        usePairsIfMany()
        return map
    }

    /// Unites the dictionaries of all at once: those of segments are lists to be merged, and what comes
    /// of it is remembered.
    public func prepare(toMerge others: [any AggregateState]) {
        var dictionaries: [ValueDictionary] = []
        for case let other as DistinctState in others {
            guard let theirs = other.dictionary, theirs.isSorted else { continue }
            if !dictionaries.contains(where: { $0 === theirs }) { dictionaries.append(theirs) }
        }
        if dictionaries.count < 2 { return }
        let (union, maps) = ValueDictionary.union(dictionaries)
        dictionary = union
        prepared = Array(zip(dictionaries, maps))
        usePairsIfMany()
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? DistinctState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        guard let theirs = other.merged?.dictionary() ?? other.dictionary else { return }
        var codes: [UInt32]?
        if let known = prepared.first(where: { $0.dictionary === theirs }) {
            codes = known.codes
        } else if dictionary == nil && merged == nil {
            dictionary = theirs
            usePairsIfMany()
        } else if dictionary !== theirs {
            codes = join(theirs)
        }
        for (cell, words) in (other.bitmaps ?? []).enumerated() where map[cell] >= 0 {
            guard let words else { continue }
            if bitmaps == nil {
                forEachBit(words) { pairs.insert(UInt32(map[cell]), codes?[$0] ?? UInt32($0)) }
            } else {
                unite(bitmap(ofCell: map[cell], wordCount), words, codes)
            }
        }
        other.pairs.forEach { cell, code in
            let target = map[Int(cell)]
            if target >= 0 { insert(codes?[Int(code)] ?? code, target) }
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        if let bitmaps {
            guard let words = bitmaps[cell] else { return .value(.int(0)) }
            let count = (0..<words.count).reduce(0) { $0 + words[$1].nonzeroBitCount }
            return .value(.int(Int64(count)))
        }
        return .value(.int(Int64(pairs.count(of: UInt32(cell)))))
    }
}

/// Different pairs of a cell and a code: a flat hash set, with the number of pairs of each cell.
private struct PairSet {
    private var slots: [UInt64] = []
    private var count = 0
    private var countOfCell: [UInt32: Int] = [:]

    var byteCount: Int { slots.count * 8 + countOfCell.count * 24 }

    mutating func insert(_ cell: UInt32, _ code: UInt32) {
        if count * 2 >= slots.count { grow() }
        // Codes begin at 1, so no pair is 0.
        let pair = UInt64(cell) << 32 | UInt64(code)
        var slot = Int(truncatingIfNeeded: wf_hash64(pair)) & (slots.count - 1)
        while slots[slot] != 0 {
            if slots[slot] == pair { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = pair
        count += 1
        countOfCell[cell, default: 0] += 1
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: max(1024, old.count * 2))
        for pair in old where pair != 0 {
            var slot = Int(truncatingIfNeeded: wf_hash64(pair)) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = pair
        }
    }

    func count(of cell: UInt32) -> Int { countOfCell[cell] ?? 0 }

    func forEach(_ body: (UInt32, UInt32) -> Void) {
        for pair in slots where pair != 0 {
            body(UInt32(truncatingIfNeeded: pair >> 32), UInt32(truncatingIfNeeded: pair))
        }
    }
}
