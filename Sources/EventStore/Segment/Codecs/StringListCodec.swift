internal import Bytes

/// A list of strings: lowercase hexadecimal ids of one length as their bytes, others front-coded.
///
/// Layout: one form byte, then
/// - 0 hexadecimal: varint digits of each (even), then `digits / 2` raw bytes a string;
/// - 1 front-coded: the lengths shared with the string before, the lengths of the rest (both as
///   `BytePlanes`), varint total of the rest, and the rest of all as one plane.
enum StringListCodec {
    private enum Form {
        static let hexadecimal: UInt8 = 0
        static let frontCoded: UInt8 = 1
    }

    /// Strings one after the other; string i is `text[offsets[i] ..< offsets[i + 1]]`.
    struct List {
        var text: [UInt8] = []
        var offsets: [UInt32] = [0]

        var count: Int { offsets.count - 1 }

        mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
            text.append(contentsOf: bytes)
            offsets.append(UInt32(text.count))
        }
    }

    // MARK: - Encode

    static func encode(_ list: List, into writer: inout ByteWriter) {
        if let digits = hexadecimalDigits(list) {
            writer.write(Form.hexadecimal)
            writer.writeVarint(digits)
            writer.write(contentsOf: packed(list.text))
            return
        }
        writer.write(Form.frontCoded)
        var shared: [UInt32] = []
        var rests: [UInt32] = []
        var rest: [UInt8] = []
        var previous = 0..<0
        for index in 0..<list.count {
            let range = Int(list.offsets[index])..<Int(list.offsets[index + 1])
            var common = 0
            while common < min(previous.count, range.count),
                list.text[previous.lowerBound + common] == list.text[range.lowerBound + common]
            {
                common += 1
            }
            shared.append(UInt32(common))
            rests.append(UInt32(range.count - common))
            rest.append(contentsOf: list.text[(range.lowerBound + common)..<range.upperBound])
            previous = range
        }
        BytePlanes.encode(shared, into: &writer)
        BytePlanes.encode(rests, into: &writer)
        writer.writeVarint(rest.count)
        BytePlanes.writePlane(rest, into: &writer)
    }

    /// The number of digits that every string has, when all are lowercase hexadecimal of one even
    /// length; nil otherwise.
    private static func hexadecimalDigits(_ list: List) -> Int? {
        guard list.count > 0 else { return nil }
        let digits = Int(list.offsets[1])
        guard digits >= 8, digits <= 256, digits % 2 == 0,
            list.text.count == digits * list.count
        else { return nil }
        for index in 0..<list.count where Int(list.offsets[index]) != index * digits { return nil }
        return list.text.allSatisfy { nibble($0) != nil } ? digits : nil
    }

    private static func nibble(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func packed(_ text: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: text.count / 2) { bytes, initialized in
            for index in 0..<text.count / 2 {
                bytes[index] =
                    (nibble(text[2 * index]) ?? 0) << 4 | (nibble(text[2 * index + 1]) ?? 0)
            }
            initialized = text.count / 2
        }
    }

    // MARK: - Decode

    /// Opens a list of `count` strings of at most `bytesMax` bytes together.
    static func decode(
        _ reader: inout ByteReader, count: Int, bytesMax: Int
    ) throws(DecodeError) -> List {
        switch try reader.read(UInt8.self) {
        case Form.hexadecimal: return try decodeHexadecimal(&reader, count: count)
        case Form.frontCoded:
            return try decodeFrontCoded(&reader, count: count, bytesMax: bytesMax)
        default: throw DecodeError("unknown form of strings", at: reader.offset - 1)
        }
    }

    private static func decodeHexadecimal(
        _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> List {
        let digits = try reader.readCount(limit: 256, "digits")
        let bytes = try reader.readBytes(count * (digits / 2))
        let text = [UInt8](unsafeUninitializedCapacity: bytes.count * 2) { text, initialized in
            var place = 0
            for byte in bytes {
                text[place] = digit(byte >> 4)
                text[place + 1] = digit(byte & 15)
                place += 2
            }
            initialized = place
        }
        return List(text: text, offsets: (0...count).map { UInt32($0 * digits) })
    }

    @inline(__always)
    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static func decodeFrontCoded(
        _ reader: inout ByteReader, count: Int, bytesMax: Int
    ) throws(DecodeError) -> List {
        let shared = try BytePlanes.decode(UInt32.self, &reader, count: count)
        let rests = try BytePlanes.decode(UInt32.self, &reader, count: count)
        let size = try reader.readCount(limit: bytesMax, "string bytes")
        let rest: [UInt8]
        switch try BytePlanes.readPlane(&reader, count: size) {
        case .constant(let byte): rest = [UInt8](repeating: byte, count: size)
        case .bytes(let bytes): rest = bytes
        }
        let total = try totalBytes(shared, rests, size, bytesMax, at: reader.offset)
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(count + 1)
        var (previous, taken, isWhole) = (0, 0, true)
        let text = [UInt8](unsafeUninitializedCapacity: total) { text, initialized in
            var end = 0
            for index in 0..<count {
                let (common, fresh) = (Int(shared[index]), Int(rests[index]))
                // What is shared must lie within the string before, which ends where this begins.
                isWhole = isWhole && common <= end - previous
                if !isWhole { break }
                for place in 0..<common { text[end + place] = text[previous + place] }
                for place in 0..<fresh { text[end + common + place] = rest[taken + place] }
                previous = end
                taken += fresh
                end += common + fresh
                offsets.append(UInt32(end))
            }
            initialized = end
        }
        guard isWhole else {
            throw DecodeError("string shares more than there is", at: reader.offset)
        }
        return List(text: text, offsets: offsets)
    }

    /// The bytes of all strings, whose fresh parts must add up to `size`.
    private static func totalBytes(
        _ shared: [UInt32], _ rests: [UInt32], _ size: Int, _ bytesMax: Int, at offset: Int
    ) throws(DecodeError) -> Int {
        let fresh = rests.reduce(UInt64(0)) { $0 + UInt64($1) }
        let total = shared.reduce(fresh) { $0 + UInt64($1) }
        guard fresh == UInt64(size), total <= UInt64(bytesMax) else {
            throw DecodeError("string lengths do not add up", at: offset)
        }
        return Int(total)
    }
}
