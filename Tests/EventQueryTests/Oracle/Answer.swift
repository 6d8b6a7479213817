import Bytes
import Compute
import EventQuery
import Events
import Glibc

/// What a query answers, in the form in which evaluators are compared.
struct Answer {
    /// One row a group, in the order of the answer.
    var groups: [Row] = []
    /// One row a time bucket and group, by time and then by group key.
    var series: [(time: Int64, row: Row)] = []
    /// All events as one group, and those of the groups left out, where there are any.
    var totals: (all: [Cell], other: [Cell]?)?
    /// The groups and the series of an earlier time.
    var earlier: (groups: [Row], series: [(time: Int64, row: Row)])?
    /// The events of a listing, in the order of the answer.
    var events: [Listed] = []
    /// The fields of a comparison, by name: how they are ranked is no oracle's affair.
    var compared: [Compared] = []

    /// A field with its values in the order of the answer, each with its counts in the selection and
    /// in the baseline.
    struct Compared: Equatable {
        var field: String
        var isMeasure: Bool
        var values: [Counted]
        var missing: [UInt64]
        /// What all bins together count; nothing of a dimension.
        var binned: [UInt64]

        struct Counted: Equatable {
            var value: FieldValue
            var counts: [UInt64]
        }
    }

    struct Row {
        var keys: [FieldValue]
        var cells: [Cell]
    }

    enum Cell {
        case value(FieldValue)
        /// How many values lie from `low` up to and not including `high`.
        case bins([(low: Double, high: Double, count: UInt64)])
    }

    struct Listed: Hashable {
        var timestamp: Int64
        var dataset: String
        var rate: UInt32
        var fields: [String: FieldValue]
    }
}

// MARK: - As text

extension Answer {
    /// The answer as lines of a script: a table a part, values as JSON, floats to ten digits.
    func lines(_ query: Query) -> [String] {
        guard case .statistics(let statistics) = query.shape else {
            return events.map(\.text) + compared.flatMap(\.texts)
        }
        let header = statistics.groupBy.map(\.name) + statistics.columns
        var table = [header] + groups.map(\.texts)
        if query.step != nil {
            table.append(["series"])
            table += series.map { [RFC3339.text(nanoseconds: $0.time)] + $0.row.texts }
        }
        return table.map { $0.joined(separator: " | ") }
    }
}

extension Answer.Compared {
    var texts: [String] {
        func line(_ cell: String, _ counts: [UInt64]) -> String {
            ([cell] + counts.map { "\($0)" }).joined(separator: " | ")
        }
        return ["\(field): \(isMeasure ? "measure" : "dimension")"]
            + values.map { line($0.value.scriptText, $0.counts) } + [line("missing", missing)]
    }
}

extension Answer.Row {
    var texts: [String] { keys.map(\.scriptText) + cells.map(\.text) }
}

extension Answer.Cell {
    /// A heatmap is the number of its values: where bins end is the engine's own affair.
    var text: String {
        switch self {
        case .value(let value): value.scriptText
        case .bins(let bins): "\(bins.reduce(0) { $0 + $1.count }) values"
        }
    }
}

extension Answer.Listed {
    var text: String {
        var parts = [RFC3339.text(nanoseconds: timestamp), dataset, "x\(rate)"]
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            parts.append("\(name)=\(value.scriptText)")
        }
        return parts.joined(separator: " ")
    }
}

extension FieldValue {
    var scriptText: String {
        guard case .float(let number) = self else { return JSONValue(self).text }
        // Equal numbers are one value, whichever type an answer gives them.
        if let whole = Int64(exactly: number) { return String(whole) }
        var text = [CChar](repeating: 0, count: 40)
        let length = withVaList([number]) { vsnprintf(&text, text.count, "%.10g", $0) }
        return String(
            decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
