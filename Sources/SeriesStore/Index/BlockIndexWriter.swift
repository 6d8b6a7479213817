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
        let labels = index.lists.indices.map { index.label($0) }
        order = index.lists.indices.sorted { left, right in
            let (mine, others) = (labels[left], labels[right])
            if mine.name != others.name { return mine.name.lexicographicallyPrecedes(others.name) }
            return mine.value.lexicographicallyPrecedes(others.value)
        }
        var places = [Int](repeating: 0, count: order.count)
        for (place, label) in order.enumerated() { places[label] = place }
        self.places = places
    }

    /// `entries` are the chunks of each series, in the order of their numbers.
    func encode(_ entries: [(labels: Labels, chunks: [ChunkPlace])]) -> [UInt8] {
        let labels = labelTables()
        var series = ByteWriter()
        var ends = ByteWriter(capacity: 4 * entries.count)
        for (labels, chunks) in entries {
            encode(labels, chunks, into: &series)
            ends.write(UInt32(truncatingIfNeeded: series.count))
        }
        var writer = ByteWriter()
        for count in [
            labels.nameCount, order.count, entries.count, labels.texts.count, series.count,
            labels.lists.count,
        ] { writer.write(UInt32(truncatingIfNeeded: count)) }
        for part in [
            labels.nameTable, labels.labelTable, ends.bytes, labels.texts, series.bytes,
            labels.lists,
        ] { writer.write(contentsOf: part) }
        return writer.bytes
    }

    private func encode(
        _ labels: Labels, _ chunks: [ChunkPlace], into series: inout ByteWriter
    ) {
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
        series.writeVarint(chunks.count)
        for (place, chunk) in chunks.enumerated() {
            chunk.encode(into: &series, after: place == 0 ? nil : chunks[place - 1])
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
