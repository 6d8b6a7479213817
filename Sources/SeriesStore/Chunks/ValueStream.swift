internal import Bytes

/// Floats as the bits in which each differs from the one before, a bit for each that does not.
///
/// XOR as in Pelkonen et al., VLDB 2015, §4.1.2; differs: a new window is opened also when it is
/// shorter than the bits that the old one would waste, and the first value follows a zero.
///
/// Layout, for each value:
///
/// ```
/// 0                                the value before
/// 10  bits                         the difference, in the window of the one before
/// 11  5 bits  6 bits  bits         zeros above the window, its bits less one, the difference in it
/// ```
struct ValueEncoder: Sendable {
    private var bits: UInt64 = 0
    /// Zeros above the window, and below it.
    private var leading: UInt8 = 0
    private var trailing: UInt8 = 0
    private var hasWindow = false
    private(set) var stream = BitWriter()

    /// Bits that opening a window costs more than keeping one.
    private static let windowCost = 11

    mutating func append(_ value: Double) {
        let difference = value.bitPattern ^ bits
        bits = value.bitPattern
        guard difference != 0 else {
            stream.writeZero()
            return
        }
        let leading = min(difference.leadingZeroBitCount, 31)
        let trailing = difference.trailingZeroBitCount
        let length = 64 - leading - trailing
        let oldLength = 64 - Int(self.leading) - Int(self.trailing)
        if hasWindow, leading >= self.leading, trailing >= self.trailing,
            oldLength <= length + ValueEncoder.windowCost
        {
            stream.write(0b10, 2)
            stream.write(difference >> UInt64(self.trailing), oldLength)
            return
        }
        (self.leading, self.trailing, hasWindow) = (UInt8(leading), UInt8(trailing), true)
        stream.write(0b11 << 11 | UInt64(leading) << 6 | UInt64(length - 1), 13)
        stream.write(difference >> UInt64(trailing), length)
    }
}

/// Reads the floats of a chunk.
enum ValueDecoder {
    /// Fills `target` with bits of floats.
    ///
    /// - Throws: `DecodeError` for a window that is none.
    static func decode(
        _ stream: UnsafeBufferPointer<UInt8>, into target: UnsafeMutableBufferPointer<UInt64>
    ) throws(DecodeError) {
        var reader = BitReader(stream)
        var bits: UInt64 = 0
        var (length, trailing) = (0, 0)
        var place = 0
        while place < target.count {
            let window = reader.window
            if window &>> 63 == 0 {
                // A run of values that do not change is filled at once.
                let zeros =
                    reader.isAtEnd
                    ? target.count : min(window.leadingZeroBitCount, BitReader.windowBits)
                let run = min(zeros, target.count &- place)
                for _ in 0..<run {
                    target[place] = bits
                    place &+= 1
                }
                reader.skip(run)
                continue
            }
            var header = 2
            if window &>> 62 == 0b11 {
                length = Int(window &>> 51 & 63) &+ 1
                trailing = 64 &- Int(window &>> 57 & 31) &- length
                header = 13
            }
            guard length > 0, trailing >= 0 else {
                throw DecodeError("a difference without a window", at: reader.position / 8)
            }
            let difference: UInt64
            if header &+ length <= BitReader.windowBits {
                difference = (window &<< UInt64(header)) &>> UInt64(64 &- length)
                reader.skip(header &+ length)
            } else {
                reader.skip(header)
                difference = reader.read(length)
            }
            bits ^= difference &<< UInt64(trailing)
            target[place] = bits
            place &+= 1
        }
    }
}
