internal import CKernels

/// Gives each distinct value a code, from 1, in the order in which they are first met.
///
/// Open addressing, linear probing, at most half full; a slot holds the upper half of the value's
/// hash and its code, so most probes touch no entry. Not thread-safe.
public final class DictionaryBuilder {
    private var kinds: GrowingBuffer<UInt8>
    private var payloads: GrowingBuffer<UInt64>
    private var text: GrowingBuffer<UInt8>
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotCount: Int

    public init(expected: Int = 16) {
        kinds = GrowingBuffer(capacity: expected)
        payloads = GrowingBuffer(capacity: expected)
        text = GrowingBuffer(capacity: expected * 8)
        slotCount = 32
        while slotCount < expected * 2 { slotCount *= 2 }
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
    }

    deinit { slots.deallocate() }

    public var count: Int { kinds.count }
    public var textByteCount: Int { text.count }

    /// The code of a string; the bytes must be UTF-8 and at most `EventLimits.stringBytes`.
    public func code(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = hash(bytes)
        let (found, slot) = find(bytes, hash: hash)
        if found != 0 { return found }
        let payload = UInt64(text.count) << 32 | UInt64(bytes.count)
        if let base = bytes.baseAddress { text.append(base, count: bytes.count) }
        return insert(.string, payload, hash: hash, slot: slot)
    }

    /// The code of a string that is there already; nil when it is not.
    public func existingCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let found = find(bytes, hash: hash(bytes)).code
        return found == 0 ? nil : found
    }

    @inline(__always)
    private func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return wf_hash64(0) }
        return wf_hash(base, bytes.count, 0)
    }

    /// The string's code, 0 when it is new, and the slot where it is or would go.
    @inline(__always)
    private func find(
        _ bytes: UnsafeBufferPointer<UInt8>, hash: UInt64
    ) -> (code: UInt32, slot: Int) {
        var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
        while true {
            let entry = slots[slot]
            if entry == 0 { return (0, slot) }
            if entry >> 32 == hash >> 32 {
                let index = Int(entry & 0xFFFF_FFFF) - 1
                if holds(bytes, at: index) { return (UInt32(index + 1), slot) }
            }
            slot = (slot + 1) & (slotCount - 1)
        }
    }

    public func code(of value: Bool) -> UInt32 { code(of: .bool, payload: value ? 1 : 0) }

    public func code(of value: Int64) -> UInt32 {
        code(of: .int, payload: UInt64(bitPattern: value))
    }

    /// The code of a finite float.
    ///
    /// A whole one that an integer can hold is that integer.
    public func code(of value: Double) -> UInt32 {
        if let whole = Int64(exactly: value) { return code(of: whole) }
        return code(of: .float, payload: value.bitPattern)
    }

    /// The code of any value; 0 for `missing`.
    public func code(of value: FieldValue) -> UInt32 {
        switch value {
        case .missing: return 0
        case .bool(let value): return code(of: value)
        case .int(let value): return code(of: value)
        case .float(let value): return code(of: value)
        case .string(var value): return value.withUTF8 { code(of: $0) }
        }
    }

    /// The code of entry `index` of another dictionary.
    public func code(ofEntry index: Int, in other: ValueDictionary) -> UInt32 {
        switch other.kind(at: index) {
        case .string:
            return other.withString(at: index) { code(of: $0) } ?? 0
        case let kind:
            return code(of: kind, payload: other.payloads[index])
        }
    }

    private func code(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32 {
        let hash = wf_hash64(payload &+ UInt64(kind.rawValue) << 56)
        var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
        while true {
            let entry = slots[slot]
            if entry == 0 { break }
            if entry >> 32 == hash >> 32 {
                let index = Int(entry & 0xFFFF_FFFF) - 1
                if payloads[index] == payload, kinds[index] == kind.rawValue {
                    return UInt32(index + 1)
                }
            }
            slot = (slot + 1) & (slotCount - 1)
        }
        return insert(kind, payload, hash: hash, slot: slot)
    }

    private func holds(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        let payload = payloads[index]
        guard Int(payload & 0xFFFF_FFFF) == bytes.count, kinds[index] == 4 else { return false }
        guard let base = bytes.baseAddress else { return true }
        return wf_equal(base, text.base + Int(payload >> 32), bytes.count)
    }

    private func insert(
        _ kind: ValueDictionary.Kind, _ payload: UInt64, hash: UInt64, slot: Int
    ) -> UInt32 {
        kinds.append(kind.rawValue)
        payloads.append(payload)
        let code = UInt64(kinds.count)
        slots[slot] = (hash >> 32) << 32 | code
        if kinds.count * 2 > slotCount { growSlots() }
        return UInt32(code)
    }

    /// Doubles the table.
    ///
    /// A slot keeps half a hash only, so entries are hashed again.
    private func growSlots() {
        slots.deallocate()
        slotCount *= 2
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
        for index in 0..<kinds.count {
            let payload = payloads[index]
            let hash: UInt64
            if kinds[index] == ValueDictionary.Kind.string.rawValue {
                let length = Int(payload & 0xFFFF_FFFF)
                hash =
                    length == 0
                    ? wf_hash64(0) : wf_hash(text.base + Int(payload >> 32), length, 0)
            } else {
                hash = wf_hash64(payload &+ UInt64(kinds[index]) << 56)
            }
            var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = (hash >> 32) << 32 | UInt64(index + 1)
        }
    }

    /// The entries so far, in code order.
    public func dictionary() -> ValueDictionary {
        ValueDictionary(
            kinds: kinds.array(), payloads: payloads.array(), text: text.array(),
            isSorted: kinds.count == 0)
    }

    /// Forgets all entries and keeps the memory.
    public func removeAll() {
        kinds.removeAll()
        payloads.removeAll()
        text.removeAll()
        if slotCount > 1 << 14 {
            slots.deallocate()
            slotCount = 32
            slots = .allocate(capacity: slotCount)
        }
        slots.initialize(repeating: 0, count: slotCount)
    }
}
