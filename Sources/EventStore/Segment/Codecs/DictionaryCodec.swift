internal import Bytes
internal import Events

/// The sorted dictionary of a column: what is no string first, then the strings.
///
/// Layout: varint number of booleans and numbers, their kinds, their 8-byte payloads; varint number
/// of strings, `StringListCodec`.
enum DictionaryCodec {
    // MARK: - Encode

    static func encode(_ dictionary: ValueDictionary) -> [UInt8] {
        precondition(dictionary.isSorted, "BUG: a segment's dictionary is sorted")
        let plain = dictionary.kinds.prefix { $0 != ValueDictionary.Kind.string.rawValue }.count
        var writer = ByteWriter(capacity: dictionary.byteCount)
        writer.writeVarint(plain)
        writer.writeArray(Array(dictionary.kinds[..<plain]))
        writer.writeArray(Array(dictionary.payloads[..<plain]))
        var strings = StringListCodec.List()
        for index in plain..<dictionary.count {
            _ = dictionary.withString(at: index) { strings.append($0) }
        }
        writer.writeVarint(strings.count)
        StringListCodec.encode(strings, into: &writer)
        return writer.bytes
    }

    // MARK: - Decode

    static func decode(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> ValueDictionary {
        var reader = ByteReader(bytes)
        let plain = try reader.readCount(limit: reader.remaining, "numbers")
        var kinds = try reader.readArray(UInt8.self, count: plain)
        var payloads = try reader.readArray(UInt64.self, count: plain)
        for (kind, payload) in zip(kinds, payloads) {
            guard let kind = ValueDictionary.Kind(rawValue: kind),
                ValueDictionary.isPayload(payload, of: kind)
            else { throw DecodeError("no value of its kind", at: reader.offset) }
        }
        let count = try reader.readCount(limit: SegmentFormat.rowsMax, "strings")
        let strings = try StringListCodec.decode(
            &reader, count: count, bytesMax: EventLimits.dictionaryBytes)
        kinds.append(contentsOf: repeatElement(ValueDictionary.Kind.string.rawValue, count: count))
        payloads.reserveCapacity(plain + count)
        for index in 0..<count {
            let (start, end) = (strings.offsets[index], strings.offsets[index + 1])
            payloads.append(UInt64(start) << 32 | UInt64(end - start))
        }
        return ValueDictionary(
            kinds: kinds, payloads: payloads, text: strings.text, isSorted: true)
    }
}
