internal import Bytes

/// Writes the bytes that `BlockIndex` reads.
struct BlockIndexWriter {
    private let index: MemoryIndex
    /// The labels in their order in the file: names ascending, then values.
    private let order: [Int]
    /// The place in that order of each label.
    private let places: [Int]

    init(_ index: MemoryIndex) {
        self.index = index
        order = index.lists.indices.sorted { left, right in
            let (mine, others) = (index.label(left), index.label(right))
            if mine.name != others.name { return mine.name.lexicographicallyPrecedes(others.name) }
            return mine.value.lexicographicallyPrecedes(others.value)
        }
        var places = [Int](repeating: 0, count: order.count)
        for (place, label) in order.enumerated() { places[label] = place }
        self.places = places
    }

    /// `series` and `chunks` are in the order of their numbers.
    func encode(_ series: [Labels], _ chunks: ChunkEntries) -> [UInt8] {
        let labels = labelTables()
        let seriesLabels = series
        var series = ByteWriter(capacity: chunks.byteCount + 16 * seriesLabels.count)
        var ends = ByteWriter(capacity: 4 * seriesLabels.count)
        for (number, labels) in seriesLabels.enumerated() {
            encode(labels, into: &series)
            series.write(contentsOf: chunks[number])
            ends.write(UInt32(truncatingIfNeeded: series.count))
        }
        let parts = [
            labels.nameTable, labels.labelTable, ends.bytes, labels.texts, series.bytes,
            labels.lists,
        ]
        var writer = ByteWriter(capacity: parts.reduce(24) { $0 + $1.count })
        for count in [
            labels.nameCount, order.count, seriesLabels.count, labels.texts.count, series.count,
            labels.lists.count,
        ] { writer.write(UInt32(truncatingIfNeeded: count)) }
        for part in parts { writer.write(contentsOf: part) }
        return writer.bytes
    }

    private func encode(_ labels: Labels, into series: inout ByteWriter) {
        var spans = LabelSpans(labels.bytes)
        var numbers: [Int] = []
        while let span = spans.next() {
            guard let pair = index.pairs.find(labels.bytes[span.whole]) else {
                preconditionFailure("BUG: a series' label is not in the index")
            }
            numbers.append(places[pair])
        }
        series.writeVarint(numbers.count)
        var before = -1
        for number in numbers {
            series.writeVarint(number - before - 1)
            before = number
        }
    }

    private struct LabelTables {
        var nameCount = 0
        var nameTable: [UInt8] = []
        var labelTable: [UInt8] = []
        var texts: [UInt8] = []
        var lists: [UInt8] = []
    }

    private func labelTables() -> LabelTables {
        var tables = LabelTables()
        // Names first, with where the labels of each end.
        var names: [(text: ArraySlice<UInt8>, end: Int)] = []
        for (place, number) in order.enumerated() {
            let name = index.label(number).name
            if names.last?.text != name { names.append((name, 0)) }
            names[names.count - 1].end = place + 1
        }
        var (nameTable, labelTable, lists) = (ByteWriter(), ByteWriter(), ByteWriter())
        for (text, end) in names {
            tables.texts += text
            nameTable.write(UInt32(truncatingIfNeeded: tables.texts.count))
            nameTable.write(UInt32(end))
        }
        for number in order {
            tables.texts += index.label(number).value
            encode(index.lists[number], into: &lists)
            labelTable.write(UInt32(truncatingIfNeeded: tables.texts.count))
            labelTable.write(UInt32(truncatingIfNeeded: lists.count))
        }
        tables.nameCount = names.count
        (tables.nameTable, tables.labelTable) = (nameTable.bytes, labelTable.bytes)
        tables.lists = lists.bytes
        return tables
    }

    /// A list of series as numbers or as bits, whichever is shorter: a number takes a byte or more.
    private func encode(_ list: MemoryIndex.List, into lists: inout ByteWriter) {
        let words = Bitmap.wordCount(index.seriesCount)
        if list.count > 8 * words {
            var set = Bitmap(count: index.seriesCount)
            set[Int(list.first)] = true
            for series in list.others { set[Int(series)] = true }
            lists.write(UInt8(1))
            lists.writeArray(set.words)
            return
        }
        lists.write(UInt8(0))
        lists.writeVarint(Int(list.first))
        var before = list.first
        for series in list.others {
            lists.writeVarint(Int(series - before - 1))
            before = series
        }
    }
}
