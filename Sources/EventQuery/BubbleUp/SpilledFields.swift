internal import Compute
internal import Events

/// The values of fields that found no column, of all rows of a comparison.
///
/// Found in one pass over the spill columns, for a pass for each name would never end.
struct SpilledFields: Sendable {
    struct Counts: Sendable {
        var selected: UInt64 = 0
        var all: UInt64 = 0
    }

    private(set) var values: [String: [FieldValue: Counts]] = [:]
    /// Bytes held, about.
    private(set) var byteCount = 0

    /// Adds the rows of a source.
    ///
    /// Throws `QueryFailure.outOfMemory` as soon as all take more than `bytesMax` bytes together.
    mutating func add(_ compared: ComparedSource, bytesMax: Int) throws {
        guard let column = try compared.source.loadColumn(EventBatch.spillName) else { return }
        for isSelection in [true, false] {
            guard let rows = isSelection ? compared.selected : compared.all else { continue }
            for row in rows.listed {
                guard case .string(let text) = column.value(at: row) else { continue }
                let weight = UInt64(compared.weights?[row] ?? 1)
                // Of a repeated name the last one counts.
                let fields = Dictionary(Spill.fields(text).map { ($0.name, $0.value) }) { $1 }
                for (name, value) in fields { add(name, value, weight, isSelection) }
                if byteCount > bytesMax { throw QueryFailure.outOfMemory(limit: bytesMax) }
            }
        }
    }

    private mutating func add(
        _ name: String, _ value: FieldValue, _ weight: UInt64, _ isSelection: Bool
    ) {
        if values[name] == nil { byteCount += 200 + name.utf8.count }
        let known = values[name]?[value]
        if known == nil {
            byteCount += 100
            if case .string(let text) = value { byteCount += text.utf8.count }
        }
        var counts = known ?? Counts()
        if isSelection { counts.selected += weight } else { counts.all += weight }
        values[name, default: [:]][value] = counts
    }
}
