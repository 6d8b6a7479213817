internal import Bytes

/// One batch in place of several: dictionaries are merged per distinct value, codes are mapped.
extension EventBatch {
    /// Distinct numbers up to which an integer lane becomes part of the column's dictionary.
    private static var codedIntegersMax: Int { 1_024 }
    /// Rows below which a dictionary for integers does not pay.
    private static var codedIntegersFromRows: Int { 4_096 }

    /// All rows of `batches`, in their order; together at most `EventLimits.rowsPerBatch`.
    public convenience init(merging batches: [EventBatch]) {
        let rows = batches.reduce(0) { $0 + $1.rows }
        precondition(rows <= EventLimits.rowsPerBatch, "BUG: more rows than a batch holds")
        let inputs = Spill.fitOneBatch(batches)
        var names: [String] = []
        var seen: Set<String> = []
        for batch in inputs {
            for name in batch.names where seen.insert(name).inserted { names.append(name) }
        }
        let isSampled = inputs.contains { $0.sampleRates != nil }
        self.init(
            timestamps: inputs.flatMap(\.timestamps), received: inputs.flatMap(\.received),
            sampleRates: isSampled
                ? inputs.flatMap { $0.sampleRates ?? [UInt32](repeating: 1, count: $0.rows) } : nil,
            datasets: EventBatch.mergeCoded(
                inputs.map { ($0.rows, $0.datasets) }, into: DictionaryBuilder(), rows: rows),
            columns: names.map { name in
                (name, EventBatch.merge(inputs.map { ($0.rows, $0[name]) }, rows: rows))
            })
    }

    private static func merge(_ parts: [(rows: Int, column: Column?)], rows: Int) -> Column {
        let dictionary = DictionaryBuilder()
        var coded: [UInt32]?
        if parts.contains(where: { $0.column?.coded != nil }) {
            coded = mappedCodes(parts.map { ($0.rows, $0.column?.coded) }, dictionary, rows: rows)
        }
        var ints = mergeNumbers(parts.map { ($0.rows, $0.column?.ints) }, rows: rows)
        if let lane = ints, rows >= codedIntegersFromRows,
            let codes = codesOfFew(lane, dictionary)
        {
            ints = nil
            if let strings = coded {
                coded = zip(strings, codes).map { $0 != 0 ? $0 : $1 }
            } else {
                coded = codes
            }
        }
        let floats = mergeNumbers(parts.map { ($0.rows, $0.column?.floats) }, rows: rows)
        return Column(
            rows: rows,
            coded: coded.map {
                CodedLane(
                    dictionary: dictionary.dictionary(),
                    codes: CodeArray($0, highest: UInt32(dictionary.count)))
            }, ints: ints, floats: floats)
    }

    private static func mergeCoded(
        _ parts: [(rows: Int, lane: CodedLane)], into dictionary: DictionaryBuilder, rows: Int
    ) -> CodedLane {
        let codes = mappedCodes(parts.map { ($0.rows, $0.lane) }, dictionary, rows: rows)
        return CodedLane(
            dictionary: dictionary.dictionary(),
            codes: CodeArray(codes, highest: UInt32(dictionary.count)))
    }

    /// The codes of all parts in the common dictionary, each part's entries looked up once.
    private static func mappedCodes(
        _ parts: [(rows: Int, lane: CodedLane?)], _ dictionary: DictionaryBuilder, rows: Int
    ) -> [UInt32] {
        var codes: [UInt32] = []
        codes.reserveCapacity(rows)
        for part in parts {
            guard let lane = part.lane else {
                codes.append(contentsOf: repeatElement(0, count: part.rows))
                continue
            }
            let map = dictionary.codes(ofEntriesIn: lane.dictionary)
            switch lane.codes {
            case .bytes(let old): codes.append(contentsOf: old.lazy.map { map[Int($0)] })
            case .words(let old): codes.append(contentsOf: old.lazy.map { map[Int($0)] })
            case .longs(let old): codes.append(contentsOf: old.lazy.map { map[Int($0)] })
            }
        }
        return codes
    }

    private static func mergeNumbers<Number>(
        _ parts: [(rows: Int, lane: NumberLane<Number>?)], rows: Int
    ) -> NumberLane<Number>? {
        guard parts.contains(where: { $0.lane != nil }) else { return nil }
        var values: [Number] = []
        values.reserveCapacity(rows)
        let isEverywhere = parts.allSatisfy { $0.lane != nil && $0.lane?.present == nil }
        var present = Bitmap(count: isEverywhere ? 0 : rows)
        for part in parts {
            let start = values.count
            guard let lane = part.lane else {
                values.append(contentsOf: repeatElement(0, count: part.rows))
                continue
            }
            values.append(contentsOf: lane.values)
            if !isEverywhere { present.formUnion(lane.presence(), shiftedBy: start) }
        }
        return NumberLane(values: values, present: isEverywhere ? nil : present)
    }

    /// The codes of a lane with few distinct integers; nil as soon as there are too many.
    private static func codesOfFew(
        _ lane: NumberLane<Int64>, _ dictionary: DictionaryBuilder
    ) -> [UInt32]? {
        let trial = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: lane.values.count)
        var last: (value: Int64, code: UInt32)?
        for row in 0..<lane.values.count where lane.holds(row) {
            let value = lane.values[row]
            if let last, last.value == value {
                codes[row] = last.code
                continue
            }
            let code = trial.code(of: value)
            if trial.count > codedIntegersMax { return nil }
            codes[row] = code
            last = (value, code)
        }
        let map = dictionary.codes(ofEntriesIn: trial.dictionary())
        return codes.map { map[Int($0)] }
    }
}

extension DictionaryBuilder {
    /// For each code of `other` (0 first) the code of the same value here; new values are added.
    public func codes(ofEntriesIn other: ValueDictionary) -> [UInt32] {
        var map: [UInt32] = [0]
        map.reserveCapacity(other.count + 1)
        for index in 0..<other.count { map.append(code(ofEntry: index, in: other)) }
        return map
    }
}
