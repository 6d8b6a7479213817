/// Reads what `ByteWriter` wrote; every length is checked before it is used.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    /// Bytes read so far.
    public private(set) var offset = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes[...] }
    public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    public var remaining: Int { bytes.count - offset }
    public var isAtEnd: Bool { remaining == 0 }

    /// An integer of up to 64 bits, little-endian.
    ///
    /// Inlined, for generic code of another target is worked out at run time: it took a seventh of a
    /// server's start with one segment of 2,000 columns.
    @inlinable
    public mutating func read<T: FixedWidthInteger>(_ type: T.Type) throws(DecodeError) -> T {
        T(truncatingIfNeeded: try readBits(MemoryLayout<T>.size))
    }

    /// - Parameter size: bytes: 1, 2, 4 or 8.
    @usableFromInline @inline(__always)
    mutating func readBits(_ size: Int) throws(DecodeError) -> UInt64 {
        try need(size)
        let start = offset
        offset += size
        return bytes.withUnsafeBytes { raw in
            switch size {
            case 1: UInt64(raw[start])
            case 2:
                UInt64(
                    UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt16.self)))
            case 4:
                UInt64(
                    UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
            case 8: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            default: preconditionFailure("BUG: no integer has \(size) bytes")
            }
        }
    }

    public mutating func readDouble() throws(DecodeError) -> Double {
        Double(bitPattern: try read(UInt64.self))
    }

    public mutating func readVarint() throws(DecodeError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        let start = offset
        while true {
            let byte = try read(UInt8.self)
            if shift == 63 && byte > 1 {
                throw DecodeError("varint exceeds 64 bits", at: start)
            }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw DecodeError("varint exceeds 10 bytes", at: start) }
        }
    }

    /// A varint that counts something, refused above `limit`.
    public mutating func readCount(
        limit: Int, _ what: StaticString
    ) throws(DecodeError) -> Int {
        let start = offset
        let value = try readVarint()
        guard value <= UInt64(limit) else {
            throw DecodeError("\(what) exceeds \(limit): \(value)", at: start)
        }
        return Int(value)
    }

    public mutating func readSignedVarint() throws(DecodeError) -> Int64 {
        let value = try readVarint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    public mutating func readBytes(_ count: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        try need(count)
        let start = bytes.startIndex + offset
        offset += count
        return bytes[start..<start + count]
    }

    public mutating func readBlob(limit: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        try readBytes(try readCount(limit: limit, "byte string length"))
    }

    public mutating func readString(limit: Int) throws(DecodeError) -> String {
        let start = offset
        let slice = try readBlob(limit: limit)
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw DecodeError("string is not UTF-8", at: start)
        }
        return text
    }

    /// `count` little-endian elements without a length.
    public mutating func readArray<T: FixedWidthInteger>(
        _ type: T.Type, count: Int
    ) throws(DecodeError) -> [T] {
        let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.size)
        guard !overflow, count >= 0 else { throw DecodeError("count is out of range", at: offset) }
        let slice = try readBytes(size)
        return [T](unsafeUninitializedCapacity: count) { target, initialized in
            slice.withUnsafeBytes { raw in
                _ = UnsafeMutableRawBufferPointer(target).copyMemoryReturningCount(raw)
            }
            initialized = count
        }
    }

    public mutating func readDoubles(count: Int) throws(DecodeError) -> [Double] {
        let bits = try readArray(UInt64.self, count: count)
        return bits.map { Double(bitPattern: $0) }
    }

    private func need(_ count: Int) throws(DecodeError) {
        guard count >= 0, count <= remaining else {
            throw DecodeError("\(count) bytes expected, \(remaining) left", at: offset)
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func copyMemoryReturningCount(_ source: UnsafeRawBufferPointer) -> Int {
        if source.count > 0 { copyMemory(from: source) }
        return source.count
    }
}
