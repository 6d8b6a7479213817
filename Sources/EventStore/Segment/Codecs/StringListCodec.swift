internal import Bytes
internal import CKernels
internal import Events

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

        init(text: [UInt8] = [], offsets: [UInt32] = [0]) {
            self.text = text
            self.offsets = offsets
        }

        /// Some entries of a dictionary, all of them strings.
        init(_ entries: Range<Int>, of dictionary: ValueDictionary) {
            let places = dictionary.payloads[entries]
            let size = places.reduce(0) { $0 + Int($1 & 0xFFFF_FFFF) }
            offsets.reserveCapacity(entries.count + 1)
            text = [UInt8](unsafeUninitializedCapacity: size) { target, end in
                dictionary.text.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress, let target = target.baseAddress else {
                        return
                    }
                    for place in places {
                        let length = Int(place & 0xFFFF_FFFF)
                        (target + end).update(from: source + Int(place >> 32), count: length)
                        end += length
                        offsets.append(UInt32(end))
                    }
                }
            }
            // No bytes at all: only empty strings.
            while offsets.count <= entries.count { offsets.append(0) }
        }

        var count: Int { offsets.count - 1 }

        mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
            text.append(contentsOf: bytes)
            offsets.append(UInt32(text.count))
        }

        /// The bytes of string `index`.
        subscript(index: Int) -> ArraySlice<UInt8> {
            text[Int(offsets[index])..<Int(offsets[index + 1])]
        }

        /// Calls `body` with the bytes of each string, valid during the call.
        func forEach(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
            text.withUnsafeBufferPointer { text in
                offsets.withUnsafeBufferPointer { offsets in
                    for index in 0..<count {
                        let (start, end) = (Int(offsets[index]), Int(offsets[index + 1]))
                        body(UnsafeBufferPointer(rebasing: text[start..<end]))
                    }
                }
            }
        }

        /// Where a string is in a list that ascends; nil when it is not there.
        func index(of wanted: [UInt8]) -> Int? {
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if self[middle].lexicographicallyPrecedes(wanted) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low < count && self[low].elementsEqual(wanted) ? low : nil
        }
    }

    /// What an encoded list's first byte says.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        switch bytes.first {
        case Form.hexadecimal: "as hexadecimal digits"
        case Form.frontCoded: "front-coded"
        default: "in an unknown form"
        }
    }

    // MARK: - Encode

    static func encode(_ list: List, into writer: inout ByteWriter) {
        if let digits = digitsIfAlike(list), let bytes = packedHexadecimal(list.text) {
            writer.write(Form.hexadecimal)
            writer.writeVarint(digits)
            writer.write(contentsOf: bytes)
            return
        }
        writer.write(Form.frontCoded)
        var shared: [UInt32] = []
        var rests: [UInt32] = []
        shared.reserveCapacity(list.count)
        rests.reserveCapacity(list.count)
        let rest = [UInt8](unsafeUninitializedCapacity: list.text.count) { rest, end in
            list.text.withUnsafeBufferPointer { text in
                guard let text = text.baseAddress, let rest = rest.baseAddress else { return }
                var previous = 0..<0
                for index in 0..<list.count {
                    let range = Int(list.offsets[index])..<Int(list.offsets[index + 1])
                    let common = wf_common_prefix(
                        text + previous.lowerBound, text + range.lowerBound,
                        min(previous.count, range.count))
                    let fresh = range.count - common
                    shared.append(UInt32(common))
                    rests.append(UInt32(fresh))
                    (rest + end).update(from: text + range.lowerBound + common, count: fresh)
                    end += fresh
                    previous = range
                }
            }
        }
        if list.text.isEmpty {
            shared = [UInt32](repeating: 0, count: list.count)
            rests = shared
        }
        BytePlanes.encode(shared, into: &writer)
        BytePlanes.encode(rests, into: &writer)
        writer.writeVarint(rest.count)
        BytePlanes.writePlane(rest, into: &writer)
    }

    /// The length of the strings, when it is the same for all and even, as hexadecimal digits are.
    private static func digitsIfAlike(_ list: List) -> Int? {
        guard list.count > 0 else { return nil }
        let digits = Int(list.offsets[1])
        guard digits >= 8, digits <= 256, digits % 2 == 0, list.text.count == digits * list.count
        else { return nil }
        for index in 0..<list.count where Int(list.offsets[index]) != index * digits { return nil }
        return digits
    }

    /// Two digits a byte; nil when there is anything but lowercase hexadecimal digits.
    private static func packedHexadecimal(_ text: [UInt8]) -> [UInt8]? {
        var isHexadecimal = false
        let packed = [UInt8](unsafeUninitializedCapacity: text.count / 2) { bytes, count in
            isHexadecimal = wf_pack_hex(text, text.count, bytes.baseAddress)
            count = text.count / 2
        }
        return isHexadecimal ? packed : nil
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
            bytes.withUnsafeBufferPointer { bytes in
                if let from = bytes.baseAddress, let to = text.baseAddress {
                    wf_unpack_hex(from, bytes.count, to)
                }
            }
            initialized = bytes.count * 2
        }
        return List(text: text, offsets: (0...count).map { UInt32($0 * digits) })
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

    // MARK: - Select

    /// Of a list of `count` strings of at most `bytesMax` bytes together those at some places.
    static func select(
        _ reader: inout ByteReader, count: Int, bytesMax: Int, at places: [Int]
    ) throws(DecodeError) -> [[UInt8]] {
        var ahead = reader
        guard try ahead.read(UInt8.self) == Form.hexadecimal else {
            let list = try decode(&reader, count: count, bytesMax: bytesMax)
            return places.map { Array(list[$0]) }
        }
        reader = ahead
        let size = try reader.readCount(limit: 256, "digits") / 2
        let bytes = try reader.readBytes(count * size)
        return places.map { place in
            let start = bytes.startIndex + place * size
            return [UInt8](unsafeUninitializedCapacity: size * 2) { text, initialized in
                bytes[start..<start + size].withUnsafeBufferPointer { bytes in
                    if let from = bytes.baseAddress, let to = text.baseAddress {
                        wf_unpack_hex(from, size, to)
                    }
                }
                initialized = size * 2
            }
        }
    }
}
