/// Writes protobuf messages field by field.
///
/// A message within a message is begun and ended; its length is written between the two, in four
/// bytes whatever it is, so that nothing has to be moved when it is known.
package struct ProtobufWriter: Sendable {
    @usableFromInline package private(set) var bytes: [UInt8] = []

    package init() {}

    package var count: Int { bytes.count }

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Forgets what was written after the first `count` bytes.
    package mutating func truncate(to count: Int) { bytes.removeLast(bytes.count - count) }

    @inlinable @inline(__always)
    package mutating func varint(_ field: UInt32, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    @inlinable @inline(__always)
    package mutating func fixed64(_ field: UInt32, _ value: UInt64) {
        varint(UInt64(field) << 3 | 1)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    @inlinable @inline(__always)
    package mutating func fixed32(_ field: UInt32, _ value: UInt32) {
        varint(UInt64(field) << 3 | 5)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func double(_ field: UInt32, _ value: Double) {
        fixed64(field, value.bitPattern)
    }

    package mutating func string(_ field: UInt32, _ value: String) {
        var value = value
        value.withUTF8 { blob(field, $0) }
    }

    @inlinable @inline(__always)
    package mutating func blob(_ field: UInt32, _ value: UnsafeBufferPointer<UInt8>) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Adds a number to a packed field that was begun.
    package mutating func append(_ value: Double) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Begins a message within this one; gives what `end` needs.
    @inlinable @inline(__always)
    package mutating func begin(_ field: UInt32) -> Int {
        varint(UInt64(field) << 3 | 2)
        bytes.append(contentsOf: [0, 0, 0, 0])
        return bytes.count
    }

    /// Ends the message begun last, of at most 2^28 bytes.
    @inlinable @inline(__always)
    package mutating func end(_ start: Int) {
        let length = bytes.count - start
        precondition(length < 1 << 28, "BUG: a message whose length takes more than four bytes")
        for index in 0..<4 {
            let more: UInt8 = index < 3 ? 0x80 : 0
            bytes[start - 4 + index] =
                UInt8(truncatingIfNeeded: length >> (7 * index)) & 0x7F | more
        }
    }

    /// Writes a message within this one.
    @inlinable @inline(__always)
    package mutating func message(_ field: UInt32, _ body: (inout ProtobufWriter) -> Void) {
        let start = begin(field)
        body(&self)
        end(start)
    }

    @inlinable @inline(__always)
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
