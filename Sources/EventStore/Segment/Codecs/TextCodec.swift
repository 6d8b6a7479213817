internal import Bytes

/// Strings that hardly repeat, of the rows that have one.
///
/// Layout: varint number of strings, `StringListCodec` of them in the order of their first
/// appearance; and when there are fewer of them than rows, the distances of `RecencyCodec`. Then
/// each is there once; else some may be there again, if the writer did not look for so few.
enum TextCodec {
    struct Opened {
        var strings: StringListCodec.List
        /// One a row, which string it has; nil when each row has its own.
        var places: [UInt32]?
    }

    /// What an encoded block's first bytes say.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        var reader = ByteReader(bytes)
        guard (try? reader.readVarint()) != nil, let rest = try? reader.readBytes(1) else {
            return "in an unknown form"
        }
        return StringListCodec.name(rest)
    }

    // MARK: - Encode

    static func encode(
        _ strings: StringListCodec.List, distances: [UInt32]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: strings.text.count)
        writer.writeVarint(strings.count)
        StringListCodec.encode(strings, into: &writer)
        if strings.count < distances.count { BytePlanes.encode(distances, into: &writer) }
        return writer.bytes
    }

    // MARK: - Decode

    static func decode(_ bytes: ArraySlice<UInt8>, count: Int) throws(DecodeError) -> Opened {
        var reader = ByteReader(bytes)
        let distinct = try reader.readCount(limit: count, "strings")
        let strings = try StringListCodec.decode(
            &reader, count: distinct, bytesMax: SegmentFormat.blockBytesMax)
        if distinct == count { return Opened(strings: strings) }
        let places = try RecencyCodec.places(&reader, count: count, freshCount: distinct)
        return Opened(strings: strings, places: places)
    }

    // MARK: - Select

    /// Of the strings of `count` rows those at some places.
    static func select(
        _ bytes: ArraySlice<UInt8>, count: Int, at places: [Int]
    ) throws(DecodeError) -> [[UInt8]] {
        var reader = ByteReader(bytes)
        guard try reader.readCount(limit: count, "strings") == count else {
            let opened = try decode(bytes, count: count)
            return places.map { place in
                Array(opened.strings[opened.places.map { Int($0[place]) } ?? place])
            }
        }
        return try StringListCodec.select(
            &reader, count: count, bytesMax: SegmentFormat.blockBytesMax, at: places)
    }
}
