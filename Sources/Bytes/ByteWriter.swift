/// Appends fixed-width little-endian numbers, varints and byte strings to a buffer.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8]

    public init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public var count: Int { bytes.count }

    public mutating func write<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func write(_ value: Double) { write(value.bitPattern) }

    public mutating func write(contentsOf other: [UInt8]) { bytes.append(contentsOf: other) }

    public mutating func write(contentsOf other: ArraySlice<UInt8>) {
        bytes.append(contentsOf: other)
    }

    public mutating func write(raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

    /// Little-endian base 128: seven bits a byte, the high bit says another follows; at most 10 bytes.
    public mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    public mutating func writeVarint(_ value: Int) {
        precondition(value >= 0, "BUG: a negative count: \(value)")
        writeVarint(UInt64(value))
    }

    /// Zigzag: small magnitudes of either sign take few bytes.
    public mutating func writeSignedVarint(_ value: Int64) {
        writeVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// A varint length, then the bytes.
    public mutating func writeString(_ value: String) {
        var copy = value
        copy.withUTF8 { text in
            writeVarint(text.count)
            bytes.append(contentsOf: text)
        }
    }

    /// A varint length, then the bytes.
    public mutating func writeBlob(_ value: [UInt8]) {
        writeVarint(value.count)
        bytes.append(contentsOf: value)
    }

    /// The elements as they lie in memory, little-endian, without a length.
    public mutating func writeArray<T: FixedWidthInteger>(_ values: [T]) {
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// The bit patterns of the elements, little-endian, without a length.
    public mutating func writeArray(_ values: [Double]) {
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Overwrites four bytes written earlier, as for a length known only afterwards.
    public mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count, "BUG: patch outside the buffer")
        for index in 0..<4 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))
        }
    }
}
