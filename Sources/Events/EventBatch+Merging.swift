internal import Bytes

/// One batch in place of several: dictionaries are merged per distinct value, codes are mapped.
extension EventBatch {
    /// All rows of `batches`, in their order; together at most `EventLimits.rowsPerBatch`.
    public convenience init(merging batches: [EventBatch]) {
        let rows = batches.reduce(0) { $0 + $1.rows }
        precondition(rows <= EventLimits.rowsPerBatch, "BUG: more rows than a batch holds")
        var inputs = batches
        var names = FieldUnion(inputs)
        // Fast path: so few names that it does not matter how many cells are empty.
        if names.count > EventLimits.namesPerDataset || names.count * rows > EventLimits.spareCells
        {
            inputs = Spill.fitOneBatch(inputs)
            names = FieldUnion(inputs)
        }
        let isSampled = inputs.contains { $0.sampleRates != nil }
        self.init(
            timestamps: EventBatch.joined(inputs.map(\.timestamps), rows: rows),
            received: EventBatch.joined(inputs.map(\.received), rows: rows),
            sampleRates: isSampled
                ? inputs.flatMap { $0.sampleRates ?? [UInt32](repeating: 1, count: $0.rows) } : nil,
            datasets: CodedLane(
                merging: inputs.map { ($0.rows, $0.datasets) }, rows: rows),
            columns: (0..<names.count).map { place in
                let parts = inputs.indices.map { index in
                    (inputs[index].rows, names.column(place, of: inputs[index], index))
                }
                return (names.names[place], Column(merging: parts, rows: rows))
            })
    }

    private static func joined<Element>(_ parts: [[Element]], rows: Int) -> [Element] {
        var all: [Element] = []
        all.reserveCapacity(rows)
        for part in parts { all.append(contentsOf: part) }
        return all
    }

    /// Whether strings are better kept one by one than in a dictionary: three in five are new, of
    /// enough to tell.
    ///
    /// A new string takes as long as four that are known, and each entry of a batch's dictionary is
    /// looked up again in that of the merged batch and in that of the segment.
    static func hardlyRepeat(distinct: Int, values: Int) -> Bool {
        values >= 128 && distinct * 5 > values * 3
    }
}

/// The fields of several batches, each name once, and which column of a batch has which.
private struct FieldUnion {
    private(set) var names: [String] = []
    /// `columns[b][p]` is which column of batch b has the name at place p, −1 for none; names that
    /// only later batches have are beyond its end.
    private var columns: [[Int32]] = []

    var count: Int { names.count }

    init(_ batches: [EventBatch]) {
        var places: [String: Int] = [:]
        for batch in batches {
            var numbers = [Int32](repeating: -1, count: names.count)
            var place = -1
            for (number, name) in batch.names.enumerated() {
                // Fast path: batches of one stream have their names in about the same order.
                place += 1
                if place >= names.count || names[place] != name {
                    place = places[name] ?? names.count
                }
                if place == names.count {
                    names.append(name)
                    places[name] = place
                    numbers.append(-1)
                }
                numbers[place] = Int32(number)
            }
            columns.append(numbers)
        }
    }

    func column(_ place: Int, of batch: EventBatch, _ index: Int) -> Column? {
        guard place < columns[index].count, columns[index][place] >= 0 else { return nil }
        return batch.columns[Int(columns[index][place])]
    }
}
