internal import Bytes

/// The labels of series in memory, to which series are added.
struct MemoryIndex: Sendable {
    /// Series of one label, ascending; the first apart, as many labels have only one.
    struct List: Sendable {
        let first: UInt32
        var others: [UInt32] = []

        var count: Int { 1 + others.count }
    }

    private(set) var seriesCount = 0
    /// The labels, as their bytes in `Labels`.
    private(set) var pairs = ByteStringTable()
    /// The series of each label, by its number.
    private(set) var lists: [List] = []
    private var names = ByteStringTable()
    /// The labels of each name, by its number.
    private var pairsOfName: [[UInt32]] = []

    /// Bytes allocated.
    var capacity: Int {
        pairs.capacity + names.capacity + MemoryLayout<List>.stride * lists.capacity
            + lists.reduce(0) { $0 + ($1.others.isEmpty ? 0 : 32 + 4 * $1.others.capacity) }
            + pairsOfName.reduce(0) { $0 + 40 + 4 * $1.capacity }
    }

    /// Adds a series, whose number is `seriesCount` before.
    mutating func append(_ labels: Labels) {
        let series = UInt32(seriesCount)
        seriesCount += 1
        var spans = LabelSpans(labels.bytes)
        while let span = spans.next() {
            let pair = pairs.insert(labels.bytes[span.whole])
            if pair < lists.count {
                lists[pair].others.append(series)
                continue
            }
            lists.append(List(first: series))
            let name = names.insert(labels.bytes[span.name])
            if name == pairsOfName.count { pairsOfName.append([]) }
            pairsOfName[name].append(UInt32(pair))
        }
    }

    /// The name and the value of a label.
    func label(_ pair: Int) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        var spans = LabelSpans(pairs.text, in: pairs.range(of: pair))
        guard let span = spans.next() else { return ([], []) }
        return (pairs.text[span.name], pairs.text[span.value])
    }
}

extension MemoryIndex: LabelIndex {
    func values(of name: String) -> [(value: String, list: Int)] {
        guard let number = names.find(Array(name.utf8)[...]) else { return [] }
        return pairsOfName[number].map { pair in
            (String(decoding: label(Int(pair)).value, as: UTF8.self), Int(pair))
        }
    }

    func list(_ name: String, _ value: String) -> Int? {
        if value.isEmpty { return nil }
        return pairs.find(Labels([Label(name, value)]).bytes[...])
    }

    func insert(list: Int, into set: inout Bitmap) {
        set[Int(lists[list].first)] = true
        for series in lists[list].others { set[Int(series)] = true }
    }
}
