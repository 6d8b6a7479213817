internal import Bytes
internal import Events

/// Values that no field can be, as JSON text.
///
/// Bytes are base64, names of a list stand in ascending order, a line feed follows, and a text that
/// would be longer than a field's is cut off: as Honeycomb's own translation has it.
enum AnyValueText {
    static func text(of value: AnyValue?) throws(ProtobufFault) -> [UInt8] {
        var writer = JSONWriter()
        try write(value, depth: 0, to: &writer)
        writer.endLine()
        guard writer.bytes.count > EventLimits.stringBytes else { return writer.bytes }
        var end = EventLimits.stringBytes
        // Not in the middle of a character.
        while writer.bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(writer.bytes[..<end])
    }

    private static func write(
        _ value: AnyValue?, depth: Int, to writer: inout JSONWriter
    ) throws(ProtobufFault) {
        switch value {
        case nil: writer.null()
        case .text(let text): writer.string(String(decoding: text, as: UTF8.self))
        case .bool(let flag): writer.bool(flag)
        case .int(let number): writer.int(number)
        case .double(let number): writer.double(number)
        case .bytes(let bytes): writer.string(Base64.text(of: bytes))
        case .array(let elements): try write(elements: elements, depth: depth + 1, to: &writer)
        case .list(let members): try write(members: members, depth: depth + 1, to: &writer)
        }
    }

    private static func write(
        elements: ProtobufReader, depth: Int, to writer: inout JSONWriter
    ) throws(ProtobufFault) {
        var elements = elements
        try check(depth, elements)
        writer.beginArray()
        while case let tag = try elements.nextTag(), tag != 0 {
            if tag == AnyValueTag.element {
                try write(try AnyValue(try elements.message()), depth: depth, to: &writer)
            } else {
                try elements.skip(tag)
            }
        }
        writer.endArray()
    }

    private static func write(
        members: ProtobufReader, depth: Int, to writer: inout JSONWriter
    ) throws(ProtobufFault) {
        var members = members
        try check(depth, members)
        var values: [String: ProtobufReader?] = [:]
        while case let tag = try members.nextTag(), tag != 0 {
            if tag == AnyValueTag.element {
                let member = try KeyValue(try members.message())
                values[String(decoding: member.key, as: UTF8.self)] = .some(member.value)
            } else {
                try members.skip(tag)
            }
        }
        writer.beginObject()
        for (name, value) in values.sorted(by: {
            $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
        }) {
            writer.key(name)
            guard let value else {
                writer.null()
                continue
            }
            try write(try AnyValue(value), depth: depth, to: &writer)
        }
        writer.endObject()
    }

    private static func check(_ depth: Int, _ message: ProtobufReader) throws(ProtobufFault) {
        guard depth <= IngestLimits.attributeNesting else {
            throw ProtobufFault("values nested too deeply", at: message.place)
        }
    }
}
