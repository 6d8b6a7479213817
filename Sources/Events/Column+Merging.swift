internal import Bytes

extension Column {
    /// Distinct numbers up to which an integer lane becomes part of the column's dictionary.
    private static var codedIntegersMax: Int { 1_024 }
    /// Rows by which it is judged whether strings repeat.
    private static var sampleRows: Int { 1_024 }
    /// Rows below which a dictionary for integers does not pay.
    private static var codedIntegersFromRows: Int { 4_096 }
    /// The part of the rows, as one in so many, that has an integer where codes take less memory.
    private static var codedIntegersShare: Int { 8 }

    /// The rows of all parts one after the other; a part without the column has it nowhere.
    convenience init(merging parts: [(rows: Int, column: Column?)], rows: Int) {
        let isText = Column.hasTexts(parts)
        let merger = CodeMerger(parts.map { ($0.rows, $0.column?.coded) }, skipsStrings: isText)
        var ints = NumberLane(merging: parts.map { ($0.rows, $0.column?.ints) }, rows: rows)
        if rows >= Column.codedIntegersFromRows, let lane = ints,
            lane.count * Column.codedIntegersShare >= rows,
            let few = FewIntegers(lane, most: Column.codedIntegersMax)
        {
            merger.overlay(few)
            ints = nil
        }
        self.init(
            rows: rows, coded: merger.lane(rows: rows), ints: ints,
            floats: NumberLane(merging: parts.map { ($0.rows, $0.column?.floats) }, rows: rows),
            texts: isText ? TextLane(merging: parts, rows: rows) : nil)
    }

    /// Whether the strings of the parts together hardly repeat: a part says so, or the first
    /// rows that have any do.
    private static func hasTexts(_ parts: [(rows: Int, column: Column?)]) -> Bool {
        if parts.contains(where: { $0.column?.texts != nil }) { return true }
        var sample = (rows: 0, entries: 0, lanes: [CodedLane]())
        for part in parts where sample.rows < sampleRows {
            guard let lane = part.column?.coded else { continue }
            sample.rows += part.rows
            sample.entries += lane.dictionary.count
            sample.lanes.append(lane)
        }
        // Fast path: most columns repeat so much that their dictionaries need no closer look.
        guard sample.rows >= sampleRows, sample.entries * 3 > sample.rows * 2 else { return false }
        let union = DictionaryBuilder(expected: sample.entries)
        for lane in sample.lanes { union.insert(entriesOf: lane.dictionary) }
        let values = sample.lanes.reduce(0) { $0 + $1.presence().population }
        return EventBatch.hardlyRepeat(distinct: union.count, values: values)
    }
}

// MARK: - Strings

extension TextLane {
    /// The strings of all parts, those of dictionaries among them.
    fileprivate init(merging parts: [(rows: Int, column: Column?)], rows: Int) {
        var text = GrowingBuffer<UInt8>(
            capacity: parts.reduce(0) { $0 + ($1.column?.texts?.text.count ?? 0) })
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(rows + 1)
        var present = Bitmap(count: rows)
        for part in parts {
            let start = offsets.count - 1
            let base = UInt32(text.count)
            if let coded = part.column?.coded {
                // The other lane of the column has the rows that are no strings here.
                for row in 0..<part.rows {
                    if let own = part.column?.texts, own.holds(row) {
                        own.withBytes(row) { text.append($0) }
                        present[start + row] = true
                    } else if text.append(stringOf: coded.codes[row], in: coded.dictionary) {
                        present[start + row] = true
                    }
                    offsets.append(UInt32(text.count))
                }
            } else if let own = part.column?.texts {
                own.text.withUnsafeBufferPointer { text.append($0) }
                offsets.append(contentsOf: own.offsets.dropFirst().lazy.map { base + $0 })
                present.formUnion(own.presence(), shiftedBy: start)
            } else {
                offsets.append(contentsOf: repeatElement(base, count: part.rows))
            }
        }
        self.init(
            offsets: offsets, text: text.array(),
            present: present.population == rows ? nil : present)
    }

    private func withBytes(_ row: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        text.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[Int(offsets[row])..<Int(offsets[row + 1])]))
        }
    }
}

extension GrowingBuffer<UInt8> {
    fileprivate mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let base = bytes.baseAddress { append(base, count: bytes.count) }
    }

    /// Appends the string that a code names; false when it names none.
    fileprivate mutating func append(stringOf code: UInt32, in dictionary: ValueDictionary) -> Bool
    {
        if code == 0 { return false }
        return dictionary.withString(at: Int(code) - 1) { append($0) } != nil
    }
}
