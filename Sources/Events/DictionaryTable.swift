internal import CKernels

/// The hash table behind `DictionaryBuilder` and each column under way.
///
/// Open addressing, linear probing, at most half full. A slot holds the upper half of the value's
/// hash and its code, so most probes touch no entry; that half's highest bit is set for strings, so
/// that a string is only compared with strings. A struct without reference counts and without
/// checks of exclusive access: both cost more than the table itself.
struct DictionaryTable: ~Copyable {
    /// What is compared of a value: all of it, unless it is a string of more than 16 bytes.
    ///
    /// With its ends in the entry, a short string that is there already is found in two cache lines
    /// rather than in three; decoding wide events takes a twentieth less time.
    private struct Entry: BitwiseCopyable {
        var payload: UInt64
        /// As `wf_ends` has them of a string; 0 of other values.
        var first: UInt64
        var last: UInt64
    }

    // What the look-up of a value touches comes first.
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotMask: Int
    private var entries: GrowingBuffer<Entry>
    private var text: GrowingBuffer<UInt8>
    private var kinds: GrowingBuffer<UInt8>

    /// Slots above which an emptied table begins small again.
    private static var slotsKept: Int { 1 << 14 }
    private static var stringBit: UInt64 { 1 << 63 }

    init(expected: Int) {
        kinds = GrowingBuffer(capacity: expected)
        entries = GrowingBuffer(capacity: expected)
        text = GrowingBuffer(capacity: expected * 8)
        var slotCount = 32
        while slotCount < expected * 2 { slotCount *= 2 }
        slotMask = slotCount - 1
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
    }

    deinit { slots.deallocate() }

    var count: Int { kinds.count }
    var textByteCount: Int { text.count }

    // MARK: - Strings

    @inline(__always)
    mutating func code(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let sought = Text(bytes)
        // Fast path: a string in its first slot.
        let slot = slots[Int(truncatingIfNeeded: sought.hash) & slotMask]
        if (slot ^ sought.hash) >> 32 == 0 {
            let code = UInt32(truncatingIfNeeded: slot)
            if holds(sought, at: Int(code) &- 1) { return code }
        }
        // Not with what is known of it, which the fast path would have to put in memory.
        return searchedCode(of: bytes)
    }

    @inline(never)
    private mutating func searchedCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let sought = Text(bytes)
        let (found, slot) = find(sought)
        if found != 0 { return found }
        let payload = UInt64(text.count) << 32 | UInt64(sought.count)
        if let base = sought.base { text.append(base, count: sought.count) }
        return insert(
            .string, Entry(payload: payload, first: sought.first, last: sought.last),
            hash: sought.hash, slot: slot)
    }

    func existingCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let found = find(Text(bytes)).code
        return found == 0 ? nil : found
    }

    /// A string that is looked up.
    private struct Text: BitwiseCopyable {
        /// May be nil when the string is empty, and is not read then.
        let base: UnsafePointer<UInt8>?
        let count: Int
        let first: UInt64
        let last: UInt64
        let hash: UInt64

        @inline(__always)
        init(_ bytes: UnsafeBufferPointer<UInt8>) {
            self.init(bytes.baseAddress, bytes.count)
        }

        @inline(__always)
        init(_ base: UnsafePointer<UInt8>?, _ count: Int) {
            self.base = base
            self.count = count
            let ends = wf_ends_of(base, count)
            first = ends.first
            last = ends.last
            hash = wf_hash_with_ends(base, count, first, last) | stringBit
        }

        @inline(__always)
        func hasEnds(of entry: Entry) -> Bool {
            (first ^ entry.first) | (last ^ entry.last)
                | (UInt64(truncatingIfNeeded: count) ^ (entry.payload & 0xFFFF_FFFF)) == 0
        }
    }

    /// The string's code, 0 when it is new, and the slot where it is or would go.
    @inline(__always)
    private func find(_ sought: Text) -> (code: UInt32, slot: Int) {
        var slot = Int(truncatingIfNeeded: sought.hash) & slotMask
        while true {
            let entry = slots[slot]
            if entry == 0 { return (0, slot) }
            if (entry ^ sought.hash) >> 32 == 0 {
                let code = UInt32(truncatingIfNeeded: entry)
                if holds(sought, at: Int(code) &- 1) { return (code, slot) }
            }
            slot = (slot &+ 1) & slotMask
        }
    }

    @inline(__always)
    private func holds(_ sought: Text, at index: Int) -> Bool {
        let entry = entries[index]
        guard sought.hasEnds(of: entry) else { return false }
        return sought.count <= 16
            || wf_equal(sought.base, text.base + Int(entry.payload >> 32), sought.count)
    }

    // MARK: - Other values

    mutating func code(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32 {
        let hash = DictionaryTable.hash(payload, kind.rawValue)
        let (found, slot) = find(payload, kind.rawValue, hash: hash)
        if found != 0 { return found }
        return insert(
            kind, Entry(payload: payload, first: 0, last: 0), hash: hash, slot: slot)
    }

    func existingCode(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32? {
        let hash = DictionaryTable.hash(payload, kind.rawValue)
        let found = find(payload, kind.rawValue, hash: hash).code
        return found == 0 ? nil : found
    }

    /// The value's code, 0 when it is new, and the slot where it is or would go.
    @inline(__always)
    private func find(
        _ payload: UInt64, _ kind: UInt8, hash: UInt64
    ) -> (code: UInt32, slot: Int) {
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while true {
            let entry = slots[slot]
            if entry == 0 { return (0, slot) }
            if (entry ^ hash) >> 32 == 0 {
                let index = Int(entry & 0xFFFF_FFFF) - 1
                if entries[index].payload == payload, kinds[index] == kind {
                    return (UInt32(index + 1), slot)
                }
            }
            slot = (slot + 1) & slotMask
        }
    }

    @inline(__always)
    private static func hash(_ payload: UInt64, _ kind: UInt8) -> UInt64 {
        wf_hash64(payload &+ UInt64(kind) << 56) & ~stringBit
    }

    // MARK: - The table

    private mutating func insert(
        _ kind: ValueDictionary.Kind, _ entry: Entry, hash: UInt64, slot: Int
    ) -> UInt32 {
        kinds.append(kind.rawValue)
        entries.append(entry)
        let code = UInt64(kinds.count)
        slots[slot] = (hash >> 32) << 32 | code
        if kinds.count * 2 > slotMask { growSlots() }
        return UInt32(code)
    }

    /// Doubles the table.
    ///
    /// A slot keeps half a hash only, so entries are hashed again.
    private mutating func growSlots() {
        slots.deallocate()
        slotMask = slotMask * 2 + 1
        slots = .allocate(capacity: slotMask + 1)
        slots.initialize(repeating: 0, count: slotMask + 1)
        for index in 0..<kinds.count {
            let payload = entries[index].payload
            let hash =
                kinds[index] == ValueDictionary.Kind.string.rawValue
                ? Text(text.base + Int(payload >> 32), Int(payload & 0xFFFF_FFFF)).hash
                : DictionaryTable.hash(payload, kinds[index])
            var slot = Int(truncatingIfNeeded: hash) & slotMask
            while slots[slot] != 0 { slot = (slot + 1) & slotMask }
            slots[slot] = (hash >> 32) << 32 | UInt64(index + 1)
        }
    }

    // MARK: - Entries

    @inline(__always)
    func kind(ofCode code: UInt32) -> UInt8 { kinds[Int(code) &- 1] }

    var holdsStringsOnly: Bool {
        (0..<kinds.count).allSatisfy { kinds[$0] == ValueDictionary.Kind.string.rawValue }
    }

    /// The bits of an entry that is no string.
    @inline(__always)
    func payload(ofCode code: UInt32) -> UInt64 { entries[Int(code) &- 1].payload }

    /// The bytes of a string entry, valid until another is added.
    @inline(__always)
    func string(ofCode code: UInt32) -> UnsafeBufferPointer<UInt8> {
        let payload = entries[Int(code) &- 1].payload
        return UnsafeBufferPointer(
            start: text.base + Int(payload >> 32), count: Int(payload & 0xFFFF_FFFF))
    }

    func dictionary() -> ValueDictionary {
        let (count, source) = (entries.count, entries.base)
        let payloads = [UInt64](unsafeUninitializedCapacity: count) { target, initialized in
            for index in 0..<count { target[index] = source[index].payload }
            initialized = count
        }
        return ValueDictionary(
            kinds: kinds.array(), payloads: payloads, text: text.array(), isSorted: count == 0)
    }

    /// Forgets all entries and keeps the memory, unless it is much.
    mutating func removeAll() {
        if kinds.count == 0 { return }
        kinds.removeAll()
        entries.removeAll()
        text.removeAll()
        if slotMask >= DictionaryTable.slotsKept {
            slots.deallocate()
            slotMask = DictionaryTable.slotsKept - 1
            slots = .allocate(capacity: DictionaryTable.slotsKept)
        }
        slots.initialize(repeating: 0, count: slotMask + 1)
    }
}
