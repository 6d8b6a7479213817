internal import Bytes
internal import Glibc

/// A result document as a terminal shows it.
struct AnswerTable {
    private let document: JSONValue

    init(_ document: JSONValue) { self.document = document }

    /// The rows: of a query with a step those of the series, else those of the result.
    func text(usesColor: Bool) -> String {
        let groups = names("groups")
        let calculations = names("calculations")
        let results = document["data"]?["results"]?.array ?? []
        if calculations.isEmpty { return eventTable(results).text(usesColor: usesColor) }
        let series = document["data"]?["series"]?.array
        if series == nil, let earlier = document["data"]?["compare_results"]?.array {
            return comparison(of: results, with: earlier).text(usesColor: usesColor)
        }
        var columns = (groups + calculations).enumerated().map { index, name in
            TextTable.Column(title: name, isNumber: index >= groups.count)
        }
        if series != nil { columns.insert(.init(title: "time", isNumber: false), at: 0) }
        var table = TextTable(columns)
        for row in series ?? results {
            let time = series == nil ? [] : [row["time"]?.string ?? ""]
            table.append(
                time
                    + (groups + calculations).map {
                        AnswerTable.cell(row["data"]?[$0]) + AnswerTable.bounds(row["bounds"]?[$0])
                    })
        }
        return table.text(usesColor: usesColor)
    }

    /// Each number with the one of the earlier time beside it; groups that are gone stand last.
    private func comparison(of rows: [JSONValue], with earlier: [JSONValue]) -> TextTable {
        let (groups, calculations) = (names("groups"), names("calculations"))
        func key(_ row: JSONValue?) -> [JSONValue?] { groups.map { row?["data"]?[$0] } }
        var before = Dictionary(earlier.map { (key($0), $0) }) { first, _ in first }
        var table = TextTable(
            groups.map { TextTable.Column(title: $0, isNumber: false) }
                + calculations.flatMap {
                    [
                        TextTable.Column(title: $0, isNumber: true),
                        TextTable.Column(title: "before", isNumber: true),
                    ]
                })
        func append(_ row: JSONValue?, _ old: JSONValue?) {
            table.append(
                groups.map { AnswerTable.cell((row ?? old)?["data"]?[$0]) }
                    + calculations.flatMap { name in
                        [row, old].map { AnswerTable.cell($0?["data"]?[name], missing: "") }
                    })
        }
        for row in rows { append(row, before.removeValue(forKey: key(row))) }
        for old in earlier where before.removeValue(forKey: key(old)) != nil { append(nil, old) }
        return table
    }

    /// What was done for the answer, in one line.
    var summary: String {
        let meta = document["meta"]
        let rows = document["data"]?["results"]?.array?.count ?? 0
        var parts = [
            "\(groupedDigits(rows)) \(rows == 1 ? "row" : "rows")",
            "\(groupedDigits(Int(meta?["events"]?.integer ?? 0))) events match",
            "\(groupedDigits(Int(meta?["rows_scanned"]?.integer ?? 0))) rows read",
            "\(AnswerTable.cell(meta?["elapsed_ms"])) ms",
        ]
        if meta?["partial"]?.bool == true { parts.append("PARTIAL: its time was over") }
        if let cursor = meta?["cursor"]?.string { parts.append("more with --cursor \(cursor)") }
        for warning in meta?["warnings"]?.array ?? [] {
            parts.append(harmless(warning.string ?? ""))
        }
        return parts.joined(separator: ", ")
    }

    private func names(_ kind: String) -> [String] {
        document["meta"]?["columns"]?[kind]?.array?.compactMap(\.string) ?? []
    }

    private func eventTable(_ events: [JSONValue]) -> TextTable {
        var names: [String] = []
        var seen: Set<String> = []
        for event in events {
            for member in event["data"]?.object?.members ?? []
            where seen.insert(member.key).inserted {
                names.append(member.key)
            }
        }
        var table = TextTable(
            [.init(title: "time", isNumber: false)]
                + names.map { name in
                    TextTable.Column(
                        title: name,
                        isNumber: events.first?["data"]?[name]?.number != nil)
                })
        for event in events {
            table.append(
                [event["time"]?.string ?? ""]
                    + names.map { AnswerTable.cell(event["data"]?[$0], missing: "") })
        }
        return table
    }

    /// How far a number may be off, where events were sampled: ` (1188 to 1212)`.
    private static func bounds(_ bounds: JSONValue?) -> String {
        guard let low = bounds?["low"]?.number else { return "" }
        guard let high = bounds?["high"]?.number else { return " or more" }
        func rounded(_ number: Double) -> String {
            let digits = max(0, 2 - Int(log10(max(1, (high - low) / 2))))
            let scale = pow(10, Double(digits))
            return cell(.double((number * scale).rounded() / scale))
        }
        return " (\(rounded(low)) to \(rounded(high)))"
    }

    private static func cell(_ value: JSONValue?, missing: String = "missing") -> String {
        switch value {
        case nil, .null: missing
        case .string(let text): text
        case .some(let value):
            if let bins = value["bins"]?.array { histogram(bins) } else { value.text }
        }
    }

    /// A heatmap's cell as a row of bars of eight heights, with its bounds.
    private static func histogram(_ bins: [JSONValue]) -> String {
        let bars = Array("▁▂▃▄▅▆▇█")
        let counts = bins.map { $0["count"]?.number ?? 0 }
        let most = max(counts.max() ?? 1, 1)
        let drawn = String(counts.map { bars[Int(($0 / most * 7).rounded())] })
        return "\(cell(bins.first?["low"])) \(drawn) \(cell(bins.last?["high"]))"
    }
}
