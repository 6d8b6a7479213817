internal import Bytes

/// The names of the fields that spilled in a batch.
///
/// A question about other fields, as nearly all are, then need not look through the spill column:
/// with 760 of 2,000 fields spilled that took four fifths of the time of a small question.
struct SpilledNames: Sendable {
    /// nil when there are more than `EventLimits.spilledNamesKnown`.
    private let names: Set<String>?

    /// - Parameter column: a spill column.
    init(in column: Column) {
        // Names as bytes first: a string is made of each once, not once a row.
        var codes = DictionaryTable(expected: 64)
        var names: Set<String> = []
        column.forEachString { _, text in
            if names.count > EventLimits.spilledNamesKnown { return }
            var reader = SpillReader(text)
            while let field = reader.next() {
                guard codes.code(of: field.name) > names.count else { continue }
                names.insert(String(decoding: field.name, as: UTF8.self))
                if names.count > EventLimits.spilledNamesKnown { return }
            }
        }
        self.names = names.count > EventLimits.spilledNamesKnown ? nil : names
    }

    /// Whether a field of this name may have spilled; false is a proof that none has.
    func mayContain(_ name: String) -> Bool { names?.contains(name) ?? true }
}
