/// Reads what `BitWriter` wrote, zeros without end after its last byte.
///
/// It borrows the bytes: they must outlive it.
struct BitReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// Bits read so far.
    private(set) var position = 0

    /// Bits that `window` always has.
    static let windowBits = 57

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count &* 8 }

    /// The next bits from the highest down, at least `windowBits` of them.
    @inline(__always)
    var window: UInt64 {
        let start = position &>> 3
        guard start &+ 8 <= bytes.count, let base = bytes.baseAddress else { return lastWindow }
        let word = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: start, as: UInt64.self)
        return UInt64(bigEndian: word) &<< UInt64(position & 7)
    }

    /// The window where fewer than eight bytes are left.
    private var lastWindow: UInt64 {
        var word: UInt64 = 0
        let start = position >> 3
        for place in 0..<8 where start + place < bytes.count {
            word |= UInt64(bytes[start + place]) << UInt64(56 - 8 * place)
        }
        return word << UInt64(position & 7)
    }

    @inline(__always)
    mutating func skip(_ count: Int) { position &+= count }

    /// The next `count` bits as a number, 1 to 64.
    @inline(__always)
    mutating func read(_ count: Int) -> UInt64 {
        guard count > BitReader.windowBits else {
            let value = window &>> UInt64(64 &- count)
            skip(count)
            return value
        }
        let high = read(32)
        return high &<< UInt64(count &- 32) | read(count &- 32)
    }
}
