internal import Events

extension TextSearch {
    /// Looks through everything that a batch or a row group holds, dead rows among it.
    ///
    /// - Parameter isKnown: whether a dictionary was looked through before, with another row group.
    mutating func look(
        through source: any EventSource, isKnown: (ValueDictionary) -> Bool = { _ in false }
    ) throws {
        let datasets = try source.loadDatasets().dictionary
        if !isKnown(datasets) { note("datasets", count(in: datasets)) }
        for name in source.fieldNames {
            if holds(name) { note("names of fields", 1) }
            guard let column = try source.loadColumn(name) else { continue }
            let place = "field " + (name == EventBatch.spillName ? "(spilled)" : name)
            if let dictionary = column.coded?.dictionary, !isKnown(dictionary) {
                note(place, count(in: dictionary))
            }
            note(place, count(in: column))
        }
    }

    private func count(in dictionary: ValueDictionary) -> Int {
        (0..<dictionary.count).count { entry in
            switch dictionary[entry] {
            case .string(let string): holds(string)
            case .int(let number): isEqual(number)
            case .float(let number): isEqual(number)
            case .bool, .missing: false
            }
        }
    }

    /// Counts values of the lanes beside the dictionary.
    private func count(in column: Column) -> Int {
        var found = 0
        if let lane = column.ints { found += lane.packed.count { isEqual($0) } }
        if let lane = column.floats { found += lane.packed.count { isEqual($0) } }
        // Fast path: most columns have it nowhere, as one look at all their bytes tells.
        if let lane = column.texts, holds(lane.text) {
            found += (0..<lane.rows).count { row in lane[row].map(holds) ?? false }
        }
        return found
    }
}
