internal import CKernels

/// Numbers for byte strings, counted from 0 in the order they came.
struct ByteStringTable: Sendable {
    /// The strings, one after the other.
    private(set) var text: [UInt8] = []
    /// Where each string ends.
    private var ends: [Int] = []
    /// A number plus one at the place its hash leads to, 0 where none is; twice as many as strings.
    private var slots = [UInt32](repeating: 0, count: 16)

    var count: Int { ends.count }
    /// Bytes allocated.
    var capacity: Int { text.capacity + 8 * ends.capacity + 4 * slots.capacity }

    /// Where string `number` lies in `text`.
    func range(of number: Int) -> Range<Int> {
        (number == 0 ? 0 : ends[number - 1])..<ends[number]
    }

    private subscript(number: Int) -> ArraySlice<UInt8> { text[range(of: number)] }

    /// The number of a string that was added.
    func find(_ string: ArraySlice<UInt8>) -> Int? {
        let slot = slot(of: string)
        return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
    }

    /// The number of a string, a new one when it was not added before.
    mutating func insert(_ string: ArraySlice<UInt8>) -> Int {
        let slot = slot(of: string)
        if slots[slot] != 0 { return Int(slots[slot]) - 1 }
        text += string
        ends.append(text.count)
        slots[slot] = UInt32(ends.count)
        if ends.count * 2 > slots.count { grow() }
        return ends.count - 1
    }

    /// Where a string is, or where it would be put.
    private func slot(of string: ArraySlice<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: ByteStringTable.hash(string)) & mask
        while slots[slot] != 0, self[Int(slots[slot]) - 1] != string { slot = (slot + 1) & mask }
        return slot
    }

    private static func hash(_ string: ArraySlice<UInt8>) -> UInt64 {
        string.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { wf_hash($0, bytes.count, 0) } ?? 0
        }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in ends.indices { slots[slot(of: self[number])] = UInt32(number) + 1 }
    }
}
