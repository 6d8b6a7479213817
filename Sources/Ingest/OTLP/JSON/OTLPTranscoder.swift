internal import Bytes
internal import CKernels
internal import Events

/// Writes a JSON request of OTLP as the same request in protobuf, so that one decoder knows the
/// mapping.
///
/// Names are taken in lowerCamelCase and as in the `.proto` files, ids in hexadecimal digits,
/// integers and enums as numbers or texts; what the schema does not have is passed over.
struct OTLPTranscoder: ~Copyable {
    private var scanner = JSONScanner()
    private var writer = ProtobufWriter()
    /// Names and indices on the way to the value that is being read.
    private var path: [Step] = []

    private enum Step {
        case field(OTLPSchema.Field)
        case index(Int)
    }

    /// Reads a whole body.
    ///
    /// - Throws: `OTLPRefusal`, with the path of the value where the body goes wrong.
    mutating func transcode(_ body: PaddedBytes) throws(OTLPRefusal) -> PaddedBytes {
        writer.removeAll()
        path.removeAll()
        return try body.withBytes { (bytes) throws(OTLPRefusal) in
            guard let base = bytes.baseAddress, bytes.count > 0 else {
                throw OTLPRefusal(isTooLarge: false, description: "the body is empty")
            }
            let end = base + bytes.count
            scanner.begin(end: end, newlineIsSpace: true)
            do throws(JSONFault) {
                let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? base + 3 : base
                let place = scanner.skipSpaces(
                    try message(scanner.skipSpaces(start), of: .export))
                guard place == end else {
                    throw JSONFault("bytes after the request's end", at: place)
                }
            } catch {
                throw OTLPRefusal(
                    isTooLarge: false,
                    description: "\(error.message) at \(pathText), byte \(error.place - base)")
            }
            return PaddedBytes(writer.bytes)
        }
    }

    private var pathText: String {
        path.isEmpty
            ? "/"
            : path.map { step in
                switch step {
                case .field(let field): "/" + String(decoding: field.name, as: UTF8.self)
                case .index(let index): "/\(index)"
                }
            }.joined()
    }

    // MARK: - Messages

    /// Reads an object as the fields of a message.
    private mutating func message(
        _ start: Cursor, of kind: OTLPSchema.Message
    ) throws(JSONFault) -> Cursor {
        guard start[0] == JSONByte.openObject else {
            throw JSONFault("expected an object", at: start)
        }
        guard path.count < IngestLimits.transcodedPath else {
            throw JSONFault("values nested too deeply", at: start)
        }
        let fields = OTLPSchema.fields[kind.rawValue]
        var place = scanner.skipSpaces(start + 1)
        if place[0] == JSONByte.closeObject { return place + 1 }
        var expected = 0
        while true {
            guard place[0] == JSONByte.quote else {
                throw JSONFault("expected a field name in quotes", at: place)
            }
            let key = try scanner.string(place + 1)
            let name = UnsafeBufferPointer(start: place + 1, count: key.end - place - 1)
            place = scanner.skipSpaces(key.end + 1)
            guard place[0] == JSONByte.colon else { throw JSONFault("expected a colon", at: place) }
            place = scanner.skipSpaces(place + 1)
            if let index = OTLPTranscoder.index(of: name, in: fields, expected: expected) {
                expected = index + 1
                path.append(.field(fields[index]))
                place = try field(place, fields[index])
                path.removeLast()
            } else {
                place = try scanner.skipValue(place)
            }
            place = scanner.skipSpaces(place)
            if place[0] == JSONByte.closeObject { return place + 1 }
            guard place[0] == JSONByte.comma else {
                throw JSONFault("expected a comma or }", at: place)
            }
            place = scanner.skipSpaces(place + 1)
        }
    }

    /// The field of a name; most often it is the one after the last one found.
    private static func index(
        of name: UnsafeBufferPointer<UInt8>, in fields: [OTLPSchema.Field], expected: Int
    ) -> Int? {
        if expected < fields.count, name.elementsEqual(fields[expected].name) { return expected }
        return fields.firstIndex {
            name.elementsEqual($0.name) || name.elementsEqual($0.snakeName)
        }
    }

    private mutating func field(
        _ start: Cursor, _ field: OTLPSchema.Field
    ) throws(JSONFault) -> Cursor {
        if isNull(start) { return start + 4 }
        guard field.isRepeated else { return try value(start, field) }
        guard start[0] == JSONByte.openArray else {
            throw JSONFault("expected an array", at: start)
        }
        var place = scanner.skipSpaces(start + 1)
        if place[0] == JSONByte.closeArray { return place + 1 }
        var index = 0
        while true {
            path.append(.index(index))
            place = scanner.skipSpaces(try value(place, field))
            path.removeLast()
            if place[0] == JSONByte.closeArray { return place + 1 }
            guard place[0] == JSONByte.comma else {
                throw JSONFault("expected a comma or ]", at: place)
            }
            place = scanner.skipSpaces(place + 1)
            index += 1
        }
    }

    private func isNull(_ place: Cursor) -> Bool {
        place[0] == UInt8(ascii: "n") && place[1] == UInt8(ascii: "u")
            && place[2] == UInt8(ascii: "l") && place[3] == UInt8(ascii: "l")
    }

    // MARK: - Values

    private mutating func value(
        _ place: Cursor, _ field: OTLPSchema.Field
    ) throws(JSONFault) -> Cursor {
        switch field.kind {
        case .message(let kind):
            let start = writer.begin(field.number)
            let end = try message(place, of: kind)
            writer.end(start)
            return end
        case .text: return try text(place, field.number)
        case .bytes, .identifier: return try bytes(place, field)
        case .bool:
            let literal = try scanner.literal(place)
            guard let flag = literal.value else {
                throw JSONFault("expected true or false", at: place)
            }
            writer.varint(field.number, flag ? 1 : 0)
            return literal.end
        case .double:
            let (token, end) = try token(place)
            guard let number = OTLPTranscoder.double(token) else {
                throw JSONFault("expected a number", at: place)
            }
            writer.double(field.number, number)
            return end
        case .integer, .signed, .fixed64, .fixed32, .choice: return try integer(place, field)
        }
    }

    private mutating func text(_ place: Cursor, _ number: UInt32) throws(JSONFault) -> Cursor {
        guard place[0] == JSONByte.quote else { throw JSONFault("expected a string", at: place) }
        let scanned = try scanner.string(place + 1)
        if scanned.hasEscapes {
            scanner.scratch.removeAll()
            scanner.appendUnescaped(place + 1, scanned.end)
            writer.blob(
                number,
                UnsafeBufferPointer(
                    start: UnsafePointer(scanner.scratch.base), count: scanner.scratch.count))
        } else {
            writer.blob(
                number, UnsafeBufferPointer(start: place + 1, count: scanned.end - place - 1))
        }
        return scanned.end + 1
    }

    private mutating func bytes(
        _ place: Cursor, _ field: OTLPSchema.Field
    ) throws(JSONFault) -> Cursor {
        guard place[0] == JSONByte.quote else { throw JSONFault("expected a string", at: place) }
        let scanned = try scanner.string(place + 1)
        let text = UnsafeBufferPointer(start: place + 1, count: scanned.end - place - 1)
        let decoded: [UInt8]
        if case .identifier = field.kind {
            guard let id = OTLPTranscoder.identifier(text) else {
                throw JSONFault(
                    "an id is neither hexadecimal digits nor 8 or 16 bytes of base64", at: place)
            }
            decoded = id
        } else if let bytes = Base64.bytes(of: text) {
            decoded = bytes
        } else {
            throw JSONFault("expected base64", at: place)
        }
        decoded.withUnsafeBufferPointer { writer.blob(field.number, $0) }
        return scanned.end + 1
    }

    /// A number as it stands, or what stands in a string in its place.
    private mutating func token(
        _ place: Cursor
    ) throws(JSONFault) -> (text: UnsafeBufferPointer<UInt8>, end: Cursor) {
        if place[0] == JSONByte.quote {
            let end = try scanner.string(place + 1).end
            return (UnsafeBufferPointer(start: place + 1, count: end - place - 1), end + 1)
        }
        let end = try scanner.number(place).end
        return (UnsafeBufferPointer(start: place, count: end - place), end)
    }

    private mutating func integer(
        _ place: Cursor, _ field: OTLPSchema.Field
    ) throws(JSONFault) -> Cursor {
        let (token, end) = try token(place)
        guard let number = OTLPTranscoder.integer(token, field.kind) else {
            throw JSONFault("expected a whole number", at: place)
        }
        switch field.kind {
        case .signed:
            let value = Int64(bitPattern: number)
            writer.varint(field.number, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
        case .fixed64: writer.fixed64(field.number, number)
        case .fixed32: writer.fixed32(field.number, UInt32(truncatingIfNeeded: number))
        default: writer.varint(field.number, number)
        }
        return end
    }

    // MARK: - Texts of values

    /// The bits of a whole number of 64 bits, signed or not, or of a choice by its name.
    private static func integer(
        _ token: UnsafeBufferPointer<UInt8>, _ kind: OTLPSchema.Kind
    ) -> UInt64? {
        let text = String(decoding: token, as: UTF8.self)
        if let number = UInt64(text) { return number }
        if let number = Int64(text) { return UInt64(bitPattern: number) }
        if case .choice(let prefix, let names) = kind, text.hasPrefix(prefix) {
            return names.firstIndex(of: String(text.dropFirst(prefix.count))).map { UInt64($0) }
        }
        // As `1e3` or `5.0`.
        return Double(text).flatMap { Int64(exactly: $0) }.map { UInt64(bitPattern: $0) }
    }

    private static func double(_ token: UnsafeBufferPointer<UInt8>) -> Double? {
        switch String(decoding: token, as: UTF8.self) {
        case "NaN": .nan
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        case let text: Double(text)
        }
    }

    /// Digits as OTLP has them, or base64 as writers have it that treat ids as any bytes: only of an
    /// id's length, so that no other text is taken for one.
    private static func identifier(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        if let bytes = hexadecimal(text) { return bytes }
        return Base64.bytes(of: text).flatMap { [8, 16].contains($0.count) ? $0 : nil }
    }

    /// The bytes that pairs of digits are; nil when there is anything else.
    private static func hexadecimal(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        let lower = text.map { (0x41...0x46).contains($0) ? $0 | 0x20 : $0 }
        var bytes = [UInt8](repeating: 0, count: text.count / 2)
        return wf_pack_hex(lower, lower.count, &bytes) ? bytes : nil
    }
}
