internal import Bytes

/// Appends the parts of an encoded batch to a buffer.
///
/// What is written is the same whether it comes from the lanes of a batch or from the values of one
/// that still grows.
struct BatchWriter: ~Copyable {
    private var buffer: GrowingBuffer<UInt8>

    init(capacity: Int) { buffer = GrowingBuffer(capacity: capacity) }

    func bytes() -> [UInt8] { buffer.array() }

    mutating func write(_ byte: UInt8) { buffer.append(byte) }

    mutating func writeVarint(_ value: Int) {
        var rest = UInt(bitPattern: value)
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func write(_ name: String) {
        var name = name
        name.withUTF8 { text in
            writeVarint(text.count)
            copy(text)
        }
    }

    /// The elements as they lie in memory.
    mutating func copy<Element>(_ source: UnsafeBufferPointer<Element>) {
        let bytes = UnsafeRawBufferPointer(source)
        guard bytes.count > 0 else { return }
        UnsafeMutableRawBufferPointer(start: buffer.extend(by: bytes.count), count: bytes.count)
            .copyMemory(from: bytes)
    }

    /// The first `count` bytes of two words, less than 16.
    ///
    /// All sixteen are stored, and what is too much is written over: that takes no branch and no call.
    @inline(__always)
    mutating func copyShort(_ first: UInt64, _ last: UInt64, count: Int) {
        let target = UnsafeMutableRawPointer(buffer.extend(by: 16))
        target.storeBytes(of: first.littleEndian, as: UInt64.self)
        target.storeBytes(of: last.littleEndian, toByteOffset: 8, as: UInt64.self)
        buffer.truncate(to: buffer.count &- 16 &+ count)
    }

    // MARK: - Numbers

    /// The least of the numbers, and each as its distance from that in as few bytes as the greatest
    /// distance needs.
    mutating func write(_ numbers: UnsafeBufferPointer<Int64>) {
        let (least, most) = numbers.bounds
        let range = UInt64(bitPattern: most &- least)
        let width = (UInt64.bitWidth - range.leadingZeroBitCount + 7) / 8
        withUnsafeBytes(of: least.littleEndian) { copy($0.assumingMemoryBound(to: UInt8.self)) }
        write(UInt8(width))
        switch width {
        case 0: break
        case 1: write(numbers, above: least, as: UInt8.self)
        case 2: write(numbers, above: least, as: UInt16.self)
        case 8: write(numbers, above: least, as: UInt64.self)
        default:
            // Each number is stored with eight bytes and overwrites what the last one's left.
            let target = UnsafeMutableRawPointer(buffer.extend(by: numbers.count * width + 8))
            for index in 0..<numbers.count {
                target.storeBytes(
                    of: UInt64(bitPattern: numbers[index] &- least).littleEndian,
                    toByteOffset: index &* width, as: UInt64.self)
            }
            buffer.truncate(to: buffer.count - 8)
        }
    }

    private mutating func write<Narrow: FixedWidthInteger & UnsignedInteger>(
        _ numbers: UnsafeBufferPointer<Int64>, above least: Int64, as _: Narrow.Type
    ) {
        let size = MemoryLayout<Narrow>.size
        let target = UnsafeMutableRawPointer(buffer.extend(by: numbers.count * size))
        for index in 0..<numbers.count {
            target.storeBytes(
                of: Narrow(truncatingIfNeeded: numbers[index] &- least).littleEndian,
                toByteOffset: index &* size, as: Narrow.self)
        }
    }

    // MARK: - Rows

    /// A bitmap of `rows` rows in which those of `count` numbers are set, ascending from 0.
    @inline(__always)
    mutating func writeBits(of rows: Int, _ count: Int, _ row: (Int) -> Int) {
        let size = Bitmap.wordCount(rows) * 8
        let target = buffer.extend(by: size)
        target.update(repeating: 0, count: size)
        for index in 0..<count {
            let row = row(index)
            target[row >> 3] |= 1 << UInt8(row & 7)
        }
    }

    // MARK: - Strings

    @inline(__always)
    mutating func writeLengths(_ count: Int, _ length: (Int) -> Int) {
        if count == 0 { return }
        let first = length(0)
        if (1..<count).allSatisfy({ length($0) == first }) {
            write(EventBatch.LengthForm.one)
            writeVarint(first)
        } else {
            write(EventBatch.LengthForm.each)
            for index in 0..<count { writeVarint(length(index)) }
        }
    }

    // MARK: - Codes

    /// A code for each row, in as few bits as the number of entries needs.
    mutating func writeDense<Code: FixedWidthInteger & UnsignedInteger>(
        _ codes: UnsafeBufferPointer<Code>, entries: Int
    ) {
        if entries <= 15 {
            write(EventBatch.CodeForm.halfBytes)
            let target = buffer.extend(by: (codes.count + 1) / 2)
            for pair in 0..<codes.count / 2 {
                let (low, high) = (codes[pair &* 2], codes[pair &* 2 &+ 1])
                target[pair] = UInt8(truncatingIfNeeded: low | high << 4)
            }
            if codes.count % 2 == 1 {
                target[codes.count / 2] = UInt8(truncatingIfNeeded: codes[codes.count - 1])
            }
        } else if entries <= Int(UInt8.max) {
            write(EventBatch.CodeForm.bytes)
            write(codes, as: UInt8.self)
        } else if entries <= Int(UInt16.max) {
            write(EventBatch.CodeForm.words)
            write(codes, as: UInt16.self)
        } else {
            write(EventBatch.CodeForm.longs)
            write(codes, as: UInt32.self)
        }
    }

    private mutating func write<
        Code: FixedWidthInteger & UnsignedInteger, Narrow: FixedWidthInteger & UnsignedInteger
    >(
        _ codes: UnsafeBufferPointer<Code>, as _: Narrow.Type
    ) {
        if Code.bitWidth == Narrow.bitWidth { return copy(codes) }
        let size = MemoryLayout<Narrow>.size
        let target = UnsafeMutableRawPointer(buffer.extend(by: codes.count * size))
        for index in 0..<codes.count {
            target.storeBytes(
                of: Narrow(truncatingIfNeeded: codes[index]).littleEndian,
                toByteOffset: index &* size, as: Narrow.self)
        }
    }
}
