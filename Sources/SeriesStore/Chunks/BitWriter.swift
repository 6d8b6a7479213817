/// Appends bits to bytes, the first bit the highest of the first byte.
///
/// Zeros at the end are not kept: `BitReader` gives zeros after the last byte. So a series that does
/// not change, whose codes are zeros, takes no room.
struct BitWriter: Sendable {
    private var bytes: [UInt8] = []
    /// Bits that do not fill eight bytes yet, the first of them the highest.
    private var pending: UInt64 = 0
    private var pendingBits: UInt8 = 0
    /// Zeros that come next, written only when a one follows.
    private var zeros: UInt32 = 0

    /// Bytes held, with those not full.
    var byteCount: Int { bytes.count + (Int(pendingBits) + 7) / 8 }
    /// Bytes that are allocated.
    var capacity: Int { bytes.capacity }

    mutating func writeZero() { zeros += 1 }

    /// Writes the lowest `count` bits of `value`, 1 to 64 of them; those above must be zero.
    mutating func write(_ value: UInt64, _ count: Int) {
        if zeros > 0 { flushZeros() }
        let room = 64 - Int(pendingBits)
        if count < room {
            pending |= value << UInt64(room - count)
            pendingBits += UInt8(count)
            return
        }
        let rest = count - room
        appendWord(pending | value >> UInt64(rest))
        pending = rest == 0 ? 0 : value << UInt64(64 - rest)
        pendingBits = UInt8(rest)
    }

    /// All that was written, without zeros at the end.
    func finished() -> [UInt8] {
        var result = bytes
        var rest = pending
        while rest != 0 {
            result.append(UInt8(truncatingIfNeeded: rest >> 56))
            rest <<= 8
        }
        while result.last == 0 { result.removeLast() }
        return result
    }

    private mutating func flushZeros() {
        var owed = Int(zeros)
        zeros = 0
        while owed > 0 {
            let count = min(owed, 64)
            write(0, count)
            owed -= count
        }
    }

    private mutating func appendWord(_ word: UInt64) {
        // A sixteenth at a time: doubling would leave a third of a million open chunks unused.
        if bytes.count + 8 > bytes.capacity {
            bytes.reserveCapacity(bytes.count + bytes.count / 16 + 16)
        }
        withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
