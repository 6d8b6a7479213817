internal import CKernels

/// The hash table behind `DictionaryBuilder` and each column under way.
///
/// Open addressing, linear probing, at most half full. A slot holds the upper half of the value's
/// hash and its code, so most probes touch no entry; that half's highest bit is set for strings, so
/// that a string is only compared with strings. A struct without reference counts and without
/// checks of exclusive access: both cost more than the table itself.
struct DictionaryTable: ~Copyable {
    private var kinds: GrowingBuffer<UInt8>
    private var payloads: GrowingBuffer<UInt64>
    private var text: GrowingBuffer<UInt8>
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotMask: Int

    /// Slots above which an emptied table begins small again.
    private static var slotsKept: Int { 1 << 12 }
    private static var stringBit: UInt64 { 1 << 63 }

    init(expected: Int) {
        kinds = GrowingBuffer(capacity: expected)
        payloads = GrowingBuffer(capacity: expected)
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

    mutating func code(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = hash(bytes)
        let (found, slot) = find(bytes, hash: hash)
        if found != 0 { return found }
        let payload = UInt64(text.count) << 32 | UInt64(bytes.count)
        if let base = bytes.baseAddress { text.append(base, count: bytes.count) }
        return insert(.string, payload, hash: hash, slot: slot)
    }

    func existingCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let found = find(bytes, hash: hash(bytes)).code
        return found == 0 ? nil : found
    }

    @inline(__always)
    private func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        guard let base = bytes.baseAddress, bytes.count > 0 else {
            return wf_hash64(0) | DictionaryTable.stringBit
        }
        return wf_hash(base, bytes.count, 0) | DictionaryTable.stringBit
    }

    /// The string's code, 0 when it is new, and the slot where it is or would go.
    @inline(__always)
    private func find(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt64
    ) -> (code: UInt32, slot: Int) {
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while true {
            let entry = slots[slot]
            if entry == 0 { return (0, slot) }
            if (entry ^ hash) >> 32 == 0 {
                let code = UInt32(truncatingIfNeeded: entry)
                if holds(bytes, at: Int(code) &- 1) { return (code, slot) }
            }
            slot = (slot &+ 1) & slotMask
        }
    }

    @inline(__always)
    private func holds(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        let payload = payloads[index]
        guard Int(payload & 0xFFFF_FFFF) == bytes.count else { return false }
        guard let base = bytes.baseAddress else { return true }
        return wf_equal(base, text.base + Int(payload >> 32), bytes.count)
    }

    // MARK: - Other values

    mutating func code(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32 {
        let hash = DictionaryTable.hash(payload, kind.rawValue)
        let (found, slot) = find(payload, kind.rawValue, hash: hash)
        return found != 0 ? found : insert(kind, payload, hash: hash, slot: slot)
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
                if payloads[index] == payload, kinds[index] == kind {
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
        _ kind: ValueDictionary.Kind, _ payload: UInt64, hash: UInt64, slot: Int
    ) -> UInt32 {
        kinds.append(kind.rawValue)
        payloads.append(payload)
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
            let payload = payloads[index]
            let hash =
                kinds[index] == ValueDictionary.Kind.string.rawValue
                ? hash(
                    UnsafeBufferPointer(
                        start: text.base + Int(payload >> 32), count: Int(payload & 0xFFFF_FFFF)))
                : DictionaryTable.hash(payload, kinds[index])
            var slot = Int(truncatingIfNeeded: hash) & slotMask
            while slots[slot] != 0 { slot = (slot + 1) & slotMask }
            slots[slot] = (hash >> 32) << 32 | UInt64(index + 1)
        }
    }

    func dictionary() -> ValueDictionary {
        ValueDictionary(
            kinds: kinds.array(), payloads: payloads.array(), text: text.array(),
            isSorted: kinds.count == 0)
    }

    /// Forgets all entries and keeps the memory, unless it is much.
    mutating func removeAll() {
        if kinds.count == 0 { return }
        kinds.removeAll()
        payloads.removeAll()
        text.removeAll()
        if slotMask >= DictionaryTable.slotsKept {
            slots.deallocate()
            slotMask = DictionaryTable.slotsKept - 1
            slots = .allocate(capacity: DictionaryTable.slotsKept)
        }
        slots.initialize(repeating: 0, count: slotMask + 1)
    }
}
