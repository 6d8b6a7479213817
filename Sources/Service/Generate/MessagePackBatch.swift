internal import Bytes

/// Writes generated events, lines of JSON, as a batch in MessagePack, as Honeycomb's client for Go
/// would send them: numbers and lengths in their shortest form, floats as doubles.
struct MessagePackBatch {
    private(set) var bytes: [UInt8] = []

    /// A body of all the lines.
    init(lines: [UInt8]) throws(JSONError) {
        let lines = lines.split(separator: UInt8(ascii: "\n"))
        bytes.append(0xDD)
        bigEndian(UInt32(lines.count))
        for line in lines {
            guard var fields = try JSONValue(parsing: Array(line)).object else { continue }
            let time = fields["time"]?.string.flatMap { RFC3339.nanoseconds($0) } ?? 0
            fields["time"] = nil
            bytes.append(0x82)
            text("time")
            timestamp(UInt64(max(0, time)))
            text("data")
            write(.object(fields))
        }
    }

    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes.append(0xC0)
        case .bool(let flag): bytes.append(flag ? 0xC3 : 0xC2)
        case .int(let number): integer(number)
        case .double(let number):
            bytes.append(0xCB)
            bigEndian(number.bitPattern)
        case .string(let text): self.text(text)
        case .array(let elements):
            count(elements.count, small: 0x90, large: 0xDC)
            for element in elements { write(element) }
        case .object(let object):
            count(object.members.count, small: 0x80, large: 0xDE)
            for member in object.members {
                text(member.key)
                write(member.value)
            }
        }
    }

    private mutating func integer(_ number: Int64) {
        switch number {
        case -32...127: bytes.append(UInt8(truncatingIfNeeded: number))
        case 0...0xFF: bytes += [0xCC, UInt8(number)]
        case 0...0xFFFF:
            bytes.append(0xCD)
            bigEndian(UInt16(number))
        case 0...0xFFFF_FFFF:
            bytes.append(0xCE)
            bigEndian(UInt32(number))
        default:
            bytes.append(0xD3)
            bigEndian(number)
        }
    }

    /// Less than 64 KiB of text.
    private mutating func text(_ text: String) {
        let content = Array(text.utf8)
        switch content.count {
        case 0..<32: bytes.append(0xA0 | UInt8(content.count))
        case 32..<256: bytes += [0xD9, UInt8(content.count)]
        default:
            bytes.append(0xDA)
            bigEndian(UInt16(content.count))
        }
        bytes += content
    }

    private mutating func timestamp(_ nanoseconds: UInt64) {
        bytes += [0xD7, 0xFF]
        bigEndian((nanoseconds % 1_000_000_000) << 34 | nanoseconds / 1_000_000_000)
    }

    private mutating func count(_ count: Int, small: UInt8, large: UInt8) {
        if count < 16 { return bytes.append(small | UInt8(count)) }
        bytes.append(large)
        bigEndian(UInt16(count))
    }

    private mutating func bigEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
