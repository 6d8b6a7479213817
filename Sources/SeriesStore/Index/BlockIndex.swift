internal import Bytes

/// The labels and the chunks of a block's series, read from its bytes where they lie.
///
/// Layout, all numbers little-endian, "varint" base 128; each `end` is where something ends in its part,
/// so that it begins where the one before ends:
///
/// ```
/// counts       names, labels, series: 4 bytes each
/// sizes        texts, series, lists: bytes of these parts, 4 bytes each
/// names        text end, label end: 4 bytes each      a name's labels lie side by side, names ascend
/// labels       text end, list end: 4 bytes each       values of a name ascend
/// series       end: 4 bytes each
/// texts        the names, then for each label its value
/// series       for each: varint number of labels, for each label how far its number is after the one
///              before, varint; varint number of chunks, for each chunk ChunkPlace
/// lists        for each label: 0, then for each series how far its number is after the one before,
///              varint; or 1, then a bit for each series of the block, in words of 8 bytes
/// ```
struct BlockIndex: Sendable {
    private let bytes: [UInt8]
    private let nameCount: Int
    private let labelCount: Int
    let seriesCount: Int
    /// Where each part begins, the last its end.
    private let names, labels, series, texts, seriesPart, lists: Int

    private static let headerBytes = 24

    init(_ bytes: [UInt8]) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let sizes = try reader.readArray(UInt32.self, count: 6).map(Int.init)
        self.bytes = bytes
        (nameCount, labelCount, seriesCount) = (sizes[0], sizes[1], sizes[2])
        names = BlockIndex.headerBytes
        labels = names + 8 * nameCount
        series = labels + 8 * labelCount
        texts = series + 4 * seriesCount
        seriesPart = texts + sizes[3]
        lists = seriesPart + sizes[4]
        guard lists + sizes[5] == bytes.count else {
            throw DecodeError("the parts of an index are not its size: \(bytes.count)", at: 0)
        }
    }

    var byteCount: Int { bytes.count }

    /// The labels of a series.
    func labels(of number: Int) throws(DecodeError) -> Labels {
        var reader = ByteReader(try entry(number))
        return try readLabels(&reader)
    }

    /// A series with where its chunks lie.
    func entry(
        of number: Int
    ) throws(DecodeError) -> (labels: Labels, chunks: [ChunkPlace]) {
        var reader = ByteReader(try entry(number))
        let labels = try readLabels(&reader)
        var chunks: [ChunkPlace] = []
        let count = try reader.readCount(limit: reader.remaining, "chunks of a series")
        for _ in 0..<count { chunks.append(try ChunkPlace(decoding: &reader, after: chunks.last)) }
        return (labels, chunks)
    }

    private func readLabels(_ reader: inout ByteReader) throws(DecodeError) -> Labels {
        var writer = LabelWriter()
        var label = -1
        for _ in 0..<(try reader.readCount(limit: SeriesLimits.labelsPerSeries, "labels")) {
            label += 1 + (try reader.readCount(limit: labelCount, "a label's number"))
            guard label < labelCount else { throw DecodeError("no such label: \(label)", at: 0) }
            writer.append(try text(name: try name(ofLabel: label)), try text(label: label))
        }
        return Labels(sortedBytes: writer.bytes)
    }
}

// MARK: - Tables

extension BlockIndex {
    private func number(at offset: Int) -> Int {
        bytes.withUnsafeBytes {
            Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
    }

    /// The piece of a part that entry `number` of a table tells of.
    private func piece(
        _ number: Int, table: Int, stride: Int, first: Int, part: Range<Int>
    ) throws(DecodeError) -> ArraySlice<UInt8> {
        let end = self.number(at: table + number * stride)
        let start = number == 0 ? first : self.number(at: table + (number - 1) * stride)
        guard start <= end, end <= part.count else {
            throw DecodeError("a piece of the index lies outside", at: table + number * stride)
        }
        return bytes[(part.lowerBound + start)..<(part.lowerBound + end)]
    }

    private func text(name: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        try piece(name, table: names, stride: 8, first: 0, part: texts..<seriesPart)
    }

    private func text(label: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        let first = nameCount == 0 ? 0 : number(at: names + 8 * (nameCount - 1))
        return try piece(label, table: labels, stride: 8, first: first, part: texts..<seriesPart)
    }

    private func entry(_ series: Int) throws(DecodeError) -> ArraySlice<UInt8> {
        try piece(series, table: self.series, stride: 4, first: 0, part: seriesPart..<lists)
    }

    /// The labels of a name.
    private func labels(ofName name: Int) -> Range<Int> {
        let start = name == 0 ? 0 : number(at: names + 8 * (name - 1) + 4)
        let end = min(number(at: names + 8 * name + 4), labelCount)
        return min(start, end)..<end
    }

    /// The name of a label; O(log names).
    private func name(ofLabel label: Int) throws(DecodeError) -> Int {
        let name = BlockIndex.firstPlace(below: nameCount) { labels(ofName: $0).upperBound > label }
        guard name < nameCount else { throw DecodeError("a label without a name", at: labels) }
        return name
    }

    /// The first place for which a condition holds that then holds for all after it.
    private static func firstPlace<Failure: Error>(
        below count: Int, _ holds: (Int) throws(Failure) -> Bool
    ) throws(Failure) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if try holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func find(name: String) throws(DecodeError) -> Int? {
        let wanted = Array(name.utf8)[...]
        let place = try BlockIndex.firstPlace(below: nameCount) { number throws(DecodeError) in
            !(try text(name: number)).lexicographicallyPrecedes(wanted)
        }
        guard place < nameCount, try text(name: place) == wanted else { return nil }
        return place
    }
}

extension BlockIndex: LabelIndex {
    func values(of name: String) throws(DecodeError) -> [(value: String, list: Int)] {
        guard let name = try find(name: name) else { return [] }
        var values: [(value: String, list: Int)] = []
        for label in labels(ofName: name) {
            values.append((String(decoding: try text(label: label), as: UTF8.self), label))
        }
        return values
    }

    func list(_ name: String, _ value: String) throws(DecodeError) -> Int? {
        guard let name = try find(name: name) else { return nil }
        let wanted = Array(value.utf8)[...]
        let range = labels(ofName: name)
        let place = try BlockIndex.firstPlace(below: range.count) { number throws(DecodeError) in
            let text = try text(label: range.lowerBound + number)
            return !text.lexicographicallyPrecedes(wanted)
        }
        guard place < range.count, try text(label: range.lowerBound + place) == wanted
        else {
            return nil
        }
        return range.lowerBound + place
    }

    func insert(list: Int, into set: inout Bitmap) throws(DecodeError) {
        let piece = try piece(
            list, table: labels + 4, stride: 8, first: 0, part: lists..<bytes.count)
        var reader = ByteReader(piece)
        if try reader.read(UInt8.self) == 1 {
            let words = try reader.readArray(
                UInt64.self, count: Bitmap.wordCount(seriesCount))
            set.formUnion(Bitmap(count: seriesCount, words: words))
            return
        }
        var series = -1
        while !reader.isAtEnd {
            series += 1 + (try reader.readCount(limit: seriesCount, "a series' number"))
            guard series < seriesCount else {
                throw DecodeError("no such series: \(series)", at: reader.offset)
            }
            set[series] = true
        }
    }
}
