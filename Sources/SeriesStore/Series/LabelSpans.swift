/// Walks over the bytes of `Labels`, giving where each name and value lies.
///
/// The bytes are those of `LabelWriter`: lengths are not checked again.
struct LabelSpans {
    struct Span {
        let name: Range<Int>
        let value: Range<Int>
        /// The label with its lengths.
        let whole: Range<Int>
    }

    private let bytes: [UInt8]
    private var offset: Int
    private let end: Int

    init(_ bytes: [UInt8]) { (self.bytes, offset, end) = (bytes, 0, bytes.count) }

    /// Walks over labels in the midst of other bytes; spans are places in all of these.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        (self.bytes, offset, end) = (bytes, range.lowerBound, range.upperBound)
    }

    mutating func next() -> Span? {
        guard offset < end else { return nil }
        let start = offset
        let name = nextText()
        let value = nextText()
        return Span(name: name, value: value, whole: start..<offset)
    }

    private mutating func nextText() -> Range<Int> {
        var length = 0
        var shift = 0
        while true {
            let byte = bytes[offset]
            offset += 1
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        let start = offset
        offset += length
        return start..<offset
    }
}

/// Writes labels in the order given; names ascend and values are not empty.
struct LabelWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ name: String, _ value: String) {
        append(name.utf8)
        append(value.utf8)
    }

    mutating func append(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        append(name)
        append(value)
    }

    private mutating func append(_ text: some Collection<UInt8>) {
        var rest = text.count
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
        bytes.append(contentsOf: text)
    }
}
