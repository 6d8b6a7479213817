internal import Bytes
public import Events

/// Dictionaries of whole columns, and pages of those that are large.
extension Segment {
    /// The column's dictionary, to ask which codes a value has before any row is read.
    public func dictionary(ofColumn name: String) throws -> ValueDictionary? {
        guard let index = columnIndex[name], footer.columns[index].dictionary != nil else {
            return nil
        }
        return try dictionary(ofColumn: index)
    }

    func dictionary(ofColumn index: Int) throws -> ValueDictionary {
        let key = key(index, .dictionary)
        if let known = cache.dictionary(key) { return known }
        guard let entry = footer.columns[index].dictionary else {
            throw SegmentError(message: "codes without a dictionary", offset: 0)
        }
        let dictionary =
            entry.isPaged
            ? try wholeDictionary(try pages(ofColumn: index, entry))
            : try decoding(entry.block) { bytes throws(DecodeError) in
                try DictionaryCodec.decode(bytes)
            }
        guard dictionary.count == entry.count else {
            throw SegmentError(
                message: "dictionary does not fit its count", offset: entry.block.offset)
        }
        // Two threads may have decoded it; all should share one, for codes compare by identity.
        return cache.insert(dictionary, key)
    }

    /// All pages, read at once.
    func wholeDictionary(_ index: DictionaryPages) throws -> ValueDictionary {
        guard let first = index.pages.first, let last = index.pages.last else {
            return index.plain
        }
        let start = first.block.offset
        let end = last.block.offset + last.block.length
        let bytes = try file.read(at: start, count: end - start)
        var textBytes = 0
        let lists = try index.pages.map { page in
            let from = page.block.offset - start
            let list = try decode(
                bytes[from..<from + page.block.length], of: page.block
            ) { bytes throws(DecodeError) in try Segment.strings(bytes, of: page) }
            guard list[0].elementsEqual(page.first) else {
                throw SegmentError(
                    message: "a page of a dictionary begins otherwise than its index says",
                    offset: page.block.offset)
            }
            textBytes += list.text.count
            guard textBytes <= EventLimits.dictionaryBytes else {
                throw SegmentError(message: "strings of a dictionary exceed it", offset: start)
            }
            return list
        }
        return DictionaryCodec.join(index.plain, lists)
    }

    static func strings(
        _ bytes: ArraySlice<UInt8>, of page: DictionaryPages.Page
    ) throws(DecodeError) -> StringListCodec.List {
        var reader = ByteReader(bytes)
        return try StringListCodec.decode(
            &reader, count: page.strings, bytesMax: EventLimits.dictionaryBytes)
    }

    // MARK: - Pages of dictionaries

    func pages(
        ofColumn index: Int, _ entry: SegmentFooter.DictionaryEntry
    ) throws -> DictionaryPages {
        let key = key(index, .dictionaryIndex)
        if let known = cache.pages(key) { return known }
        let pages = try decoding(entry.block) { bytes throws(DecodeError) in
            try DictionaryPages(decoding: bytes, end: entry.block.offset, count: entry.count)
        }
        cache.insert(pages, key)
        return pages
    }

    func strings(
        ofPage number: Int, _ pages: DictionaryPages, column: Int
    ) throws -> StringListCodec.List {
        let key = key(column, .dictionaryPage(number))
        if let known = cache.strings(key) { return known }
        let page = pages.pages[number]
        let strings = try decoding(page.block) { bytes throws(DecodeError) in
            try Segment.strings(bytes, of: page)
        }
        cache.insert(strings, key)
        return strings
    }

    /// The pages of a column's dictionary, unless it is small or open already.
    func unopenedPages(ofColumn index: Int) throws -> DictionaryPages? {
        guard let entry = footer.columns[index].dictionary, entry.isPaged,
            cache.dictionary(key(index, .dictionary)) == nil
        else { return nil }
        return try pages(ofColumn: index, entry)
    }
}
