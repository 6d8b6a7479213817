internal import CKernels

/// The hash table behind `DictionaryBuilder` and each column under way.
///
/// Open addressing, linear probing, at most half full. A slot of 32 bits holds a value's code in as
/// many low bits as the table's size has, and bits of its hash above them, so most probes touch no
/// entry. A struct without reference counts and without checks of exclusive access: both cost more
/// than the table itself.
struct DictionaryTable: ~Copyable {
    /// As `SoughtValue` has them: all of the value, unless it is a long string.
    private struct Ends: BitwiseCopyable {
        var first: UInt64
        var last: UInt64
    }

    // What the look-up of a value touches comes first.
    private var slots: UnsafeMutablePointer<UInt32>
    private var slotMask: Int
    private var ends: GrowingBuffer<Ends>
    /// As `ValueDictionary.payloads` has them.
    private var payloads: GrowingBuffer<UInt64>
    private var text: GrowingBuffer<UInt8>

    /// Slots above which an emptied table begins small again.
    private static var slotsKept: Int { 1 << 14 }
    private static var inUse: UInt32 { 1 << 31 }

    init(expected: Int) {
        ends = GrowingBuffer(capacity: expected)
        payloads = GrowingBuffer(capacity: expected)
        text = GrowingBuffer(capacity: expected * 8)
        var slotCount = 32
        while slotCount < expected * 2 { slotCount *= 2 }
        slotMask = slotCount - 1
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
    }

    deinit { slots.deallocate() }

    var count: Int { payloads.count }
    var textByteCount: Int { text.count }

    // MARK: - Values

    @inline(__always)
    mutating func code(of sought: SoughtValue) -> UInt32 {
        let hash = sought.hash
        // Fast path: a value in its first slot.
        let code = code(in: slots[firstPlace(hash)], hash)
        if code != 0 && holds(sought, code) { return code }
        return searchedCode(of: sought)
    }

    @inline(__always)
    mutating func code(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        code(of: SoughtValue(bytes))
    }

    mutating func code(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32 {
        code(of: SoughtValue(kind, payload: payload))
    }

    func existingCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        existingCode(of: SoughtValue(bytes))
    }

    func existingCode(of kind: ValueDictionary.Kind, payload: UInt64) -> UInt32? {
        existingCode(of: SoughtValue(kind, payload: payload))
    }

    private func existingCode(of sought: SoughtValue) -> UInt32? {
        let found = find(sought, sought.hash).code
        return found == 0 ? nil : found
    }

    @inline(never)
    private mutating func searchedCode(of sought: SoughtValue) -> UInt32 {
        let hash = sought.hash
        let (found, place) = find(sought, hash)
        if found != 0 { return found }
        ends.append(Ends(first: sought.first, last: sought.last))
        if SoughtValue.kind(ofLast: sought.last) == ValueDictionary.Kind.string.rawValue {
            payloads.append(UInt64(text.count) << 32 | UInt64(sought.count))
            if let base = sought.base { text.append(base, count: sought.count) }
        } else {
            payloads.append(sought.first)
        }
        slots[place] = slot(hash, UInt32(count))
        if count * 2 > slotMask { growSlots() }
        return UInt32(count)
    }

    /// The value's code, 0 when it is new, and the place of the slot where it is or would go.
    @inline(__always)
    private func find(_ sought: SoughtValue, _ hash: UInt64) -> (code: UInt32, place: Int) {
        var place = firstPlace(hash)
        while slots[place] != 0 {
            let code = code(in: slots[place], hash)
            if code != 0 && holds(sought, code) { return (code, place) }
            place = (place &+ 1) & slotMask
        }
        return (0, place)
    }

    @inline(__always)
    private func holds(_ sought: SoughtValue, _ code: UInt32) -> Bool {
        let index = Int(code) &- 1
        let ends = ends[index]
        guard (sought.first ^ ends.first) | (sought.last ^ ends.last) == 0 else { return false }
        if sought.isShort { return true }
        let payload = payloads[index]
        return Int(payload & 0xFFFF_FFFF) == sought.count
            && wf_equal(sought.base, text.base + Int(payload >> 32), sought.count)
    }

    // MARK: - Slots

    @inline(__always)
    private func firstPlace(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> 32) & slotMask
    }

    @inline(__always)
    private func slot(_ hash: UInt64, _ code: UInt32) -> UInt32 {
        let codeMask = UInt32(truncatingIfNeeded: slotMask)
        return (UInt32(truncatingIfNeeded: hash) | DictionaryTable.inUse) & ~codeMask | code
    }

    /// The code in a slot whose value may have the hash; 0 in others.
    @inline(__always)
    private func code(in slot: UInt32, _ hash: UInt64) -> UInt32 {
        let code = slot ^ self.slot(hash, 0)
        return code <= UInt32(truncatingIfNeeded: slotMask) ? code : 0
    }

    /// Doubles the table.
    ///
    /// A slot keeps a part of the hash only, so values are hashed again.
    private mutating func growSlots() {
        slots.deallocate()
        slotMask = slotMask * 2 + 1
        slots = .allocate(capacity: slotMask + 1)
        slots.initialize(repeating: 0, count: slotMask + 1)
        for index in 0..<count {
            let (first, last) = (ends[index].first, ends[index].last)
            let payload = payloads[index]
            let hash =
                SoughtValue.kind(ofLast: last) == ValueDictionary.Kind.string.rawValue
                ? SoughtValue(
                    text.base + Int(payload >> 32), count: Int(payload & 0xFFFF_FFFF),
                    first: first, last: last
                ).hash
                : wf_hash_with_ends(nil, 0, first, last)
            var place = firstPlace(hash)
            while slots[place] != 0 { place = (place &+ 1) & slotMask }
            slots[place] = slot(hash, UInt32(index + 1))
        }
    }

    // MARK: - Entries

    @inline(__always)
    func kind(ofCode code: UInt32) -> UInt8 {
        SoughtValue.kind(ofLast: ends[Int(code) &- 1].last)
    }

    var holdsStringsOnly: Bool {
        (0..<count).allSatisfy {
            SoughtValue.kind(ofLast: ends[$0].last) == ValueDictionary.Kind.string.rawValue
        }
    }

    /// The bits of an entry that is no string.
    @inline(__always)
    func payload(ofCode code: UInt32) -> UInt64 { payloads[Int(code) &- 1] }

    /// The bytes of a string entry, valid until another is added.
    @inline(__always)
    func string(ofCode code: UInt32) -> UnsafeBufferPointer<UInt8> {
        let payload = payloads[Int(code) &- 1]
        return UnsafeBufferPointer(
            start: text.base + Int(payload >> 32), count: Int(payload & 0xFFFF_FFFF))
    }

    /// Writes the bytes of string entries one behind the other.
    @inline(__always)
    func copyStrings(ofCodes codes: UnsafeBufferPointer<UInt32>, to writer: inout BatchWriter) {
        for code in codes {
            let string = string(ofCode: code)
            if string.count <= Int(WF_ENDS_WHOLE) {
                let ends = ends[Int(code) &- 1]
                writer.copyShort(ends.first, ends.last, count: string.count)
            } else {
                writer.copy(string)
            }
        }
    }

    func dictionary() -> ValueDictionary {
        let kinds = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            for index in 0..<count { target[index] = SoughtValue.kind(ofLast: ends[index].last) }
            initialized = count
        }
        return ValueDictionary(
            kinds: kinds, payloads: payloads.array(), text: text.array(), isSorted: count == 0)
    }

    /// Forgets all entries and keeps the memory, unless it is much.
    mutating func removeAll() {
        if count == 0 { return }
        ends.removeAll()
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
