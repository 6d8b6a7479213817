internal import Bytes
internal import Events

/// A dictionary of many strings, cut into pages, so that one value is found without opening all.
///
/// Layout of the index: what is no string as in `DictionaryCodec`; varint number of pages; varint
/// offset of the first page; for each page varint strings, varint bytes, CRC-32C, and its first
/// string. Pages lie one after the other in the file, each a `StringListCodec` list.
struct DictionaryPages: Sendable {
    /// Strings of one page: about 64 KiB of hexadecimal ids.
    static let stringsPerPage = 4_096

    struct Page: Sendable {
        var block: BlockReference
        var strings: Int
        /// Entries of the dictionary before its first.
        var start: Int
        var first: [UInt8]
    }

    /// Booleans and numbers, which come before the strings.
    let plain: ValueDictionary
    let pages: [Page]

    /// Entries of the whole dictionary.
    var count: Int { pages.last.map { $0.start + $0.strings } ?? plain.count }

    // MARK: - Encode

    /// The strings of `dictionary` page by page.
    static func lists(of dictionary: ValueDictionary, from plain: Int) -> [StringListCodec.List] {
        stride(from: plain, to: dictionary.count, by: stringsPerPage).map { start in
            StringListCodec.List(
                start..<min(start + stringsPerPage, dictionary.count), of: dictionary)
        }
    }

    /// The index of pages that were written.
    static func encode(
        _ plain: ValueDictionary, _ pages: [(block: BlockReference, list: StringListCodec.List)]
    ) -> [UInt8] {
        var writer = ByteWriter()
        DictionaryCodec.writePlain(plain, into: &writer)
        writer.writeVarint(pages.count)
        writer.writeVarint(pages.first?.block.offset ?? 0)
        for (block, list) in pages {
            writer.writeVarint(list.count)
            writer.writeVarint(block.length)
            writer.write(block.checksum)
            writer.writeBlob(Array(list[0]))
        }
        return writer.bytes
    }

    // MARK: - Decode

    /// Opens an index; all pages lie before `end`, and hold as many entries as `count` says.
    init(decoding bytes: ArraySlice<UInt8>, end: Int, count: Int) throws(DecodeError) {
        var reader = ByteReader(bytes)
        plain = try DictionaryCodec.readPlain(&reader)
        let pageCount = try reader.readCount(limit: reader.remaining, "pages")
        var offset = try reader.readCount(limit: end, "offset of pages")
        var start = plain.count
        var pages: [Page] = []
        for _ in 0..<pageCount {
            let strings = try reader.readCount(limit: count - start, "strings of a page")
            let length = try reader.readCount(limit: end - offset, "bytes of a page")
            let block = BlockReference(
                offset: offset, length: length, checksum: try reader.read(UInt32.self))
            let first = try reader.readBlob(limit: EventLimits.stringBytes)
            guard strings > 0 else { throw DecodeError("page of no strings", at: reader.offset) }
            pages.append(Page(block: block, strings: strings, start: start, first: Array(first)))
            offset += length
            start += strings
        }
        self.pages = pages
        guard start == count, reader.isAtEnd else {
            throw DecodeError("pages do not fit the dictionary's count", at: reader.offset)
        }
    }

    // MARK: - Finding

    /// The page in which a string is if it is in any.
    func page(of text: [UInt8]) -> Int? {
        let after = partition { text.lexicographicallyPrecedes($0.first) }
        return after > 0 ? after - 1 : nil
    }

    /// The page of entry `index`, which is a string.
    func page(ofEntry index: Int) -> Int { partition { $0.start > index } - 1 }

    /// The first page for which `isBeyond` holds; it holds for all that follow.
    private func partition(_ isBeyond: (Page) -> Bool) -> Int {
        var (low, high) = (0, pages.count)
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(pages[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
