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
        let plain = plainCount(dictionary)
        var writer = ByteWriter(capacity: dictionary.byteCount)
        writePlain(dictionary, into: &writer)
        let strings = StringListCodec.List(plain..<dictionary.count, of: dictionary)
        writer.writeVarint(strings.count)
        StringListCodec.encode(strings, into: &writer)
        return writer.bytes
    }

    /// Entries that are no strings: the first ones.
    static func plainCount(_ dictionary: ValueDictionary) -> Int {
        dictionary.kinds.prefix { $0 != ValueDictionary.Kind.string.rawValue }.count
    }

    /// Writes booleans and numbers.
    static func writePlain(_ dictionary: ValueDictionary, into writer: inout ByteWriter) {
        let plain = plainCount(dictionary)
        writer.writeVarint(plain)
        writer.writeArray(Array(dictionary.kinds[..<plain]))
        writer.writeArray(Array(dictionary.payloads[..<plain]))
    }

    // MARK: - Decode

    static func decode(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> ValueDictionary {
        var reader = ByteReader(bytes)
        let plain = try readPlain(&reader)
        let count = try reader.readCount(limit: SegmentFormat.rowsMax, "strings")
        let strings = try StringListCodec.decode(
            &reader, count: count, bytesMax: EventLimits.dictionaryBytes)
        return join(plain, [strings])
    }

    /// Reads booleans and numbers.
    static func readPlain(_ reader: inout ByteReader) throws(DecodeError) -> ValueDictionary {
        let plain = try reader.readCount(limit: reader.remaining, "numbers")
        let kinds = try reader.readArray(UInt8.self, count: plain)
        let payloads = try reader.readArray(UInt64.self, count: plain)
        for (kind, payload) in zip(kinds, payloads) {
            guard let kind = ValueDictionary.Kind(rawValue: kind),
                ValueDictionary.isPayload(payload, of: kind)
            else { throw DecodeError("no value of its kind", at: reader.offset) }
        }
        return ValueDictionary(kinds: kinds, payloads: payloads, text: [], isSorted: true)
    }

    /// The dictionary of what is no string and of the strings of all lists; together they take at
    /// most `EventLimits.dictionaryBytes`.
    static func join(
        _ plain: ValueDictionary, _ lists: [StringListCodec.List]
    ) -> ValueDictionary {
        let count = lists.reduce(0) { $0 + $1.count }
        var payloads = plain.payloads
        payloads.reserveCapacity(plain.count + count)
        var text: [UInt8] = []
        text.reserveCapacity(lists.reduce(0) { $0 + $1.text.count })
        for list in lists {
            let base = UInt64(text.count)
            list.offsets.withUnsafeBufferPointer { offsets in
                for index in 0..<list.count {
                    let (start, end) = (UInt64(offsets[index]), UInt64(offsets[index + 1]))
                    payloads.append((base + start) << 32 | (end - start))
                }
            }
            text += list.text
        }
        let string = ValueDictionary.Kind.string.rawValue
        return ValueDictionary(
            kinds: plain.kinds + [UInt8](repeating: string, count: count), payloads: payloads,
            text: text, isSorted: true)
    }
}
