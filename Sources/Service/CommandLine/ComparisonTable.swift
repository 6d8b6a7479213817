internal import Bytes

/// The answer to a `bubbleup` as a terminal shows it: the fields that tell most, and of each what the
/// selection has more of than the other events.
struct ComparisonTable {
    private let fields: [JSONValue]
    private let pairs: [JSONValue]
    private let meta: JSONValue?
    private let sizes: (selection: Double, baseline: Double)

    /// Fields shown; the answer as JSON has all.
    private static let fieldsMax = 12
    /// Values shown of a field.
    private static let valuesMax = 3

    /// nil when the document is no comparison.
    init?(_ document: JSONValue) {
        guard let fields = document["fields"]?.array else { return nil }
        self.fields = fields
        pairs = document["pairs"]?.array ?? []
        meta = document["meta"]
        sizes = (meta?["selection"]?.number ?? 0, meta?["baseline"]?.number ?? 0)
    }

    func text(usesColor: Bool) -> String {
        var table = TextTable([
            .init(title: "field", isNumber: false), .init(title: "score", isNumber: true),
            .init(title: "value", isNumber: false), .init(title: "selection", isNumber: true),
            .init(title: "others", isNumber: true),
        ])
        let telling = fields.filter { $0["score"]?.number ?? 0 > 0 }
        for field in telling.prefix(ComparisonTable.fieldsMax) {
            for (index, line) in lines(field).enumerated() {
                let head =
                    index == 0
                    ? [field["field"]?.string ?? "", field["score"]?.text ?? ""] : ["", ""]
                table.append(
                    head + [
                        line.value, ComparisonTable.percent(line.selection),
                        ComparisonTable.percent(line.baseline),
                    ])
            }
        }
        return table.text(usesColor: usesColor) + pairsText(usesColor: usesColor)
    }

    /// What two fields tell together; empty where no two tell more than one.
    private func pairsText(usesColor: Bool) -> String {
        if pairs.isEmpty { return "" }
        var table = TextTable([
            .init(title: "together", isNumber: false), .init(title: "score", isNumber: true),
            .init(title: "selection", isNumber: true), .init(title: "others", isNumber: true),
        ])
        for pair in pairs.prefix(ComparisonTable.valuesMax) {
            let line = line(pair["where"]?.string ?? "", pair)
            table.append([
                line.value, pair["score"]?.text ?? "", ComparisonTable.percent(line.selection),
                ComparisonTable.percent(line.baseline),
            ])
        }
        return "\n" + table.text(usesColor: usesColor)
    }

    /// One line on how the answer came about.
    var summary: String {
        let rows = Int(meta?["rows_scanned"]?.integer ?? 0)
        var parts = [
            "\(groupedDigits(fields.count)) fields",
            "\(groupedDigits(Int(sizes.selection))) events selected, "
                + "\(groupedDigits(Int(sizes.baseline))) others",
            "\(groupedDigits(rows)) rows read", "\(meta?["elapsed_ms"]?.text ?? "?") ms",
        ]
        if meta?["partial"]?.bool == true { parts.append("PARTIAL: its time was over") }
        for warning in meta?["warnings"]?.array ?? [] {
            parts.append(harmless(warning.string ?? ""))
        }
        return parts.joined(separator: ", ")
    }

    private struct Line {
        let value: String
        /// Shares of both sets, 0…1.
        let selection: Double
        let baseline: Double
    }

    private func lines(_ field: JSONValue) -> [Line] {
        if let bins = field["bins"]?.array { return [range(bins)].compactMap { $0 } }
        var lines = (field["values"]?.array ?? []).map { line($0["value"]?.shown ?? "", $0) }
        if let missing = field["missing"] { lines.append(line("missing", missing)) }
        lines.sort { $0.selection - $0.baseline > $1.selection - $1.baseline }
        return Array(
            lines.prefix { $0.selection > $0.baseline }.prefix(ComparisonTable.valuesMax))
    }

    private func line(_ value: String, _ counts: JSONValue) -> Line {
        Line(
            value: value,
            selection: (counts["selection"]?.number ?? 0) / max(1, sizes.selection),
            baseline: (counts["baseline"]?.number ?? 0) / max(1, sizes.baseline))
    }

    /// The bins of a measure in which the selection has more, from the first to the last of them.
    private func range(_ bins: [JSONValue]) -> Line? {
        let all = bins.map { line("", $0) }
        guard let first = all.firstIndex(where: { $0.selection > $0.baseline }),
            let last = all.lastIndex(where: { $0.selection > $0.baseline })
        else { return nil }
        let inside = all[first...last]
        return Line(
            value: "\(bins[first]["low"]?.text ?? "") … \(bins[last]["high"]?.text ?? "")",
            selection: inside.reduce(0) { $0 + $1.selection },
            baseline: inside.reduce(0) { $0 + $1.baseline })
    }

    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}

extension JSONValue {
    /// A value as a cell: strings as they are.
    fileprivate var shown: String { string ?? text }
}
