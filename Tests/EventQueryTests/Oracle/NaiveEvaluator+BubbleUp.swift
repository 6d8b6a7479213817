import Compute
import EventQuery
import Events
import TestSupport

extension NaiveEvaluator {
    /// Counts every value of every field of the rows, in the selection and outside of it.
    ///
    /// - Parameter selected: the places of the selection's events.
    func compare(_ rows: [NaiveRow], _ selected: Set<Int>, _ query: Query) -> [Answer.Compared] {
        var sizes: [UInt64] = [0, 0]
        var counts: [String: [FieldValue: [UInt64]]] = [:]
        var present: [String: [UInt64]] = [:]
        var texts: Set<String> = []
        for row in rows {
            let isSelected = selected.contains(row.place)
            let weight = query.isUnweighted ? 1 : row.weight
            let side = isSelected ? 0 : 1
            sizes[side] += weight
            let fields = row.event.fields.merging(row.derived) { _, derived in derived }
            for (name, value) in fields where !value.isMissing {
                present[name, default: [0, 0]][side] += weight
                if !value.isNumber { texts.insert(name) }
                if counts[name] == nil { counts[name] = [:] }
                for element in naiveElements(value) {
                    counts[name, default: [:]][element, default: [0, 0]][side] += weight
                }
            }
        }
        return counts.sorted { $0.key < $1.key }.map { name, values in
            let sorted = values.sorted { a, b in
                if a.value != b.value { return b.value.lexicographicallyPrecedes(a.value) }
                return a.key < b.key
            }
            let present = present[name] ?? [0, 0]
            let isMeasure = values.count > 40 && !texts.contains(name)
            return Answer.Compared(
                field: name, isMeasure: isMeasure,
                values: sorted.prefix(query.comparedValuesMax).map {
                    Answer.Compared.Counted(value: $0.key, counts: $0.value)
                }, missing: [sizes[0] - present[0], sizes[1] - present[1]],
                binned: isMeasure ? present : [])
        }
    }
}

extension FieldValue {
    fileprivate var isNumber: Bool {
        switch self {
        case .int, .float: true
        case .missing, .bool, .string: false
        }
    }
}
