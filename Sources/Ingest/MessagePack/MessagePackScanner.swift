/// Bytes that are no MessagePack, and the place where that shows.
struct MessagePackFault: Error {
    let message: StaticString
    // Read only while the body is at hand, by the thread that reads it.
    nonisolated(unsafe) let place: Cursor
    let reason: BodyRefusal.Reason

    init(
        _ message: StaticString, at place: Cursor, _ reason: BodyRefusal.Reason = .malformed
    ) {
        self.message = message
        self.place = place
        self.reason = reason
    }
}

/// A value as it lies in a body; of an array or a map only its head.
enum MessagePackValue {
    case null
    case bool(Bool)
    case int(Int64)
    /// Above 2⁶³ − 1.
    case unsigned(UInt64)
    case double(Double)
    /// Meant to be UTF-8, not checked.
    case text(UnsafeBufferPointer<UInt8>)
    case bytes(UnsafeBufferPointer<UInt8>)
    case ext(type: Int8, UnsafeBufferPointer<UInt8>)
    /// As many values follow.
    case array(Int)
    /// As many pairs of values follow.
    case map(Int)
}

/// Reads MessagePack where it lies, front to back, copying nothing.
///
/// A value begins with a byte that says its kind and, of small ones, its number or its length; else
/// a length or a number of 1 to 8 bytes follows, the most significant first. A length, and the number
/// of an array's or a map's values, is compared with what is left of the body before it is believed.
/// The body must lie in `PaddedBytes`.
struct MessagePackScanner: BitwiseCopyable {
    /// The next byte to be read.
    private(set) var place: Cursor
    private let end: Cursor

    init(_ place: Cursor, to end: Cursor) {
        self.place = place
        self.end = end
    }

    var isAtEnd: Bool { place >= end }

    /// Goes to a place within the body.
    @inline(__always)
    mutating func move(to place: Cursor) { self.place = place }

    /// Reads a value, or the head of an array or a map.
    @inline(__always)
    mutating func next() throws(MessagePackFault) -> MessagePackValue {
        // Fast path: what one byte says. Behind the end is a zero, which is checked like any.
        let byte = place[0]
        guard place < end else { throw cutOff }
        switch byte {
        case 0x00...0x7F:
            place += 1
            return .int(Int64(byte))
        case 0xA0...0xBF: return .text(try content(Int(byte & 31), after: 1))
        case 0xD9: return .text(try content(Int(place[1]), after: 2))
        case 0xCB:
            return .double(Double(bitPattern: try number(UInt64.self)))
        default: return try unusual(byte)
        }
    }

    private mutating func unusual(_ byte: UInt8) throws(MessagePackFault) -> MessagePackValue {
        switch byte {
        case 0xE0...0xFF:
            place += 1
            return .int(Int64(Int8(bitPattern: byte)))
        case 0x80...0x8F: return .map(try count(Int(byte & 15), after: 1, of: 2))
        case 0x90...0x9F: return .array(try count(Int(byte & 15), after: 1, of: 1))
        case 0xC0:
            place += 1
            return .null
        case 0xC2, 0xC3:
            place += 1
            return .bool(byte == 0xC3)
        case 0xCA: return .double(Double(Float(bitPattern: try number(UInt32.self))))
        case 0xCC...0xD3: return try integer(byte)
        case 0xC4...0xC9, 0xD4...0xD8, 0xDA, 0xDB: return try string(byte)
        case 0xDC: return .array(try count(Int(try length(UInt16.self)), after: 3, of: 1))
        case 0xDD: return .array(try count(Int(try length(UInt32.self)), after: 5, of: 1))
        case 0xDE: return .map(try count(Int(try length(UInt16.self)), after: 3, of: 2))
        case 0xDF: return .map(try count(Int(try length(UInt32.self)), after: 5, of: 2))
        default: throw MessagePackFault("a byte that begins no value", at: place)
        }
    }

    private mutating func integer(_ byte: UInt8) throws(MessagePackFault) -> MessagePackValue {
        switch byte {
        case 0xCC: return .int(Int64(try number(UInt8.self)))
        case 0xCD: return .int(Int64(try number(UInt16.self)))
        case 0xCE: return .int(Int64(try number(UInt32.self)))
        case 0xD0: return .int(Int64(Int8(bitPattern: try number(UInt8.self))))
        case 0xD1: return .int(Int64(Int16(bitPattern: try number(UInt16.self))))
        case 0xD2: return .int(Int64(Int32(bitPattern: try number(UInt32.self))))
        case 0xD3: return .int(Int64(bitPattern: try number(UInt64.self)))
        default:
            let value = try number(UInt64.self)
            return Int64(exactly: value).map { .int($0) } ?? .unsigned(value)
        }
    }

    private mutating func string(_ byte: UInt8) throws(MessagePackFault) -> MessagePackValue {
        switch byte {
        case 0xC4: return .bytes(try content(Int(try length(UInt8.self)), after: 2))
        case 0xC5: return .bytes(try content(Int(try length(UInt16.self)), after: 3))
        case 0xC6: return .bytes(try content(Int(try length(UInt32.self)), after: 5))
        case 0xC7: return try ext(Int(try length(UInt8.self)), after: 2)
        case 0xC8: return try ext(Int(try length(UInt16.self)), after: 3)
        case 0xC9: return try ext(Int(try length(UInt32.self)), after: 5)
        case 0xDA: return .text(try content(Int(try length(UInt16.self)), after: 3))
        case 0xDB: return .text(try content(Int(try length(UInt32.self)), after: 5))
        // 0xD4 to 0xD8: extensions of 1, 2, 4, 8 and 16 bytes.
        default: return try ext(1 << Int(byte - 0xD4), after: 1)
        }
    }

    /// Passes over values, whatever is in them.
    mutating func skip(_ count: Int = 1) throws(MessagePackFault) {
        var left = count
        while left > 0 {
            left -= 1
            switch try next() {
            case .array(let count): left += count
            case .map(let count): left += 2 * count
            default: break
            }
        }
    }
}

// MARK: - Pieces

extension MessagePackScanner {
    private var cutOff: MessagePackFault {
        MessagePackFault("the body ends before its value does", at: end)
    }

    /// The number behind the first byte.
    @inline(__always)
    private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(MessagePackFault) -> Number {
        let value = try length(type)
        place += 1 + MemoryLayout<Number>.size
        return value
    }

    /// The number behind the first byte, which stays the place.
    @inline(__always)
    private func length<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(MessagePackFault) -> Number {
        guard end - place > MemoryLayout<Number>.size else { throw cutOff }
        return Number(bigEndian: UnsafeRawPointer(place + 1).loadUnaligned(as: type))
    }

    /// The bytes behind a head.
    @inline(__always)
    private mutating func content(
        _ count: Int, after head: Int
    ) throws(MessagePackFault) -> UnsafeBufferPointer<UInt8> {
        guard end - place - head >= count else { throw cutOff }
        let content = UnsafeBufferPointer(start: place + head, count: count)
        place += head + count
        return content
    }

    private mutating func ext(
        _ count: Int, after head: Int
    ) throws(MessagePackFault) -> MessagePackValue {
        let content = try content(count + 1, after: head)
        return .ext(
            type: Int8(bitPattern: content[0]), UnsafeBufferPointer(rebasing: content.dropFirst()))
    }

    /// How many values or pairs follow a head; each of them has at least a byte.
    private mutating func count(
        _ count: Int, after head: Int, of values: Int
    ) throws(MessagePackFault) -> Int {
        guard end - place - head >= count * values else {
            throw MessagePackFault("more values than there are bytes for", at: place)
        }
        place += head
        return count
    }
}
