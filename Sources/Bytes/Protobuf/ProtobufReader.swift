/// Bytes that are no protobuf message, and the place where that shows.
@frozen public struct ProtobufFault: Error {
    public let message: StaticString
    // Read only while the body is at hand, by the thread that reads it.
    public nonisolated(unsafe) let place: UnsafePointer<UInt8>

    @inlinable
    public init(_ message: StaticString, at place: UnsafePointer<UInt8>) {
        self.message = message
        self.place = place
    }
}

/// Reads the fields of one protobuf message where they lie, front to back, copying nothing.
///
/// A field is a tag (number × 8 + wire type, as a varint), then a varint (type 0), 8 bytes (1), a
/// length and as many bytes (2), or 4 bytes (5). Groups (3 and 4), which no message here has, are
/// refused. The message must lie in `PaddedBytes`, for its first byte is read before its end is
/// compared.
///
/// Functions throw `ProtobufFault` where the message ends too early or the bytes are none.
@frozen public struct ProtobufReader: BitwiseCopyable {
    @usableFromInline var cursor: UnsafePointer<UInt8>
    /// The byte after the message.
    public let end: UnsafePointer<UInt8>

    /// A message of the bytes from `place` to `end`, with padding somewhere behind them.
    @inlinable @inline(__always)
    public init(_ place: UnsafePointer<UInt8>, to end: UnsafePointer<UInt8>) {
        cursor = place
        self.end = end
    }

    /// The next byte to be read.
    public var place: UnsafePointer<UInt8> {
        @inlinable @inline(__always) get { cursor }
    }

    /// Bytes not read yet.
    public var count: Int {
        @inlinable @inline(__always) get { end - cursor }
    }

    /// The next field's tag; 0 at the message's end.
    @inlinable @inline(__always)
    public mutating func nextTag() throws(ProtobufFault) -> UInt32 {
        if cursor >= end { return 0 }
        let byte = cursor[0]
        // Fast path: field 1 to 15.
        if byte >= 8 && byte < 0x80 {
            cursor += 1
            return UInt32(byte)
        }
        return try longTag()
    }

    @usableFromInline
    mutating func longTag() throws(ProtobufFault) -> UInt32 {
        let start = cursor
        let tag = try varint()
        guard tag >= 8, tag <= UInt64(UInt32.max) else {
            throw ProtobufFault("not the tag of a field", at: start)
        }
        return UInt32(tag)
    }

    @inlinable @inline(__always)
    public mutating func varint() throws(ProtobufFault) -> UInt64 {
        let byte = cursor[0]
        if byte < 0x80 && cursor < end {
            cursor += 1
            return UInt64(byte)
        }
        return try longVarint()
    }

    @usableFromInline
    mutating func longVarint() throws(ProtobufFault) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            let byte = cursor[index]
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 {
                guard cursor + index < end else { break }
                cursor += index + 1
                return value
            }
        }
        throw end - cursor < 10
            ? ProtobufFault("a number that its message cuts off", at: cursor)
            : ProtobufFault("a number of more than ten bytes", at: cursor)
    }

    @inlinable @inline(__always)
    public mutating func fixed64() throws(ProtobufFault) -> UInt64 {
        guard end - cursor >= 8 else {
            throw ProtobufFault("a number that its message cuts off", at: cursor)
        }
        let value = UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)
        cursor += 8
        return UInt64(littleEndian: value)
    }

    @inlinable @inline(__always)
    public mutating func fixed32() throws(ProtobufFault) -> UInt32 {
        guard end - cursor >= 4 else {
            throw ProtobufFault("a number that its message cuts off", at: cursor)
        }
        let value = UnsafeRawPointer(cursor).loadUnaligned(as: UInt32.self)
        cursor += 4
        return UInt32(littleEndian: value)
    }

    /// A string, bytes, or the bytes of a message within this one.
    @inlinable @inline(__always)
    public mutating func bytes() throws(ProtobufFault) -> UnsafeBufferPointer<UInt8> {
        let message = try message()
        return UnsafeBufferPointer(start: message.cursor, count: message.count)
    }

    /// A message within this one.
    @inlinable @inline(__always)
    public mutating func message() throws(ProtobufFault) -> ProtobufReader {
        let start = cursor
        let count = try varint()
        guard count <= UInt64(end - cursor) else {
            throw ProtobufFault("a length beyond the end of its message", at: start)
        }
        let first = cursor
        cursor += Int(count)
        return ProtobufReader(first, to: cursor)
    }

    /// Passes over the value of a field that is not known.
    @inlinable @inline(__always)
    public mutating func skip(_ tag: UInt32) throws(ProtobufFault) {
        switch tag & 7 {
        case 0: _ = try varint()
        case 1: _ = try fixed64()
        case 2: _ = try message()
        case 5: _ = try fixed32()
        case 3, 4: throw ProtobufFault("a group, which no message here has", at: cursor)
        default: throw ProtobufFault("not the tag of a field", at: cursor)
        }
    }
}
