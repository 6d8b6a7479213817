/// Rows of text in aligned columns, as a terminal shows them.
struct TextTable {
    struct Column {
        let title: String
        /// Numbers stand to the right.
        let isNumber: Bool
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    /// Titles are shown as cells are: they may be fields' names.
    init(_ columns: [Column]) {
        self.columns = columns.map {
            Column(title: harmless($0.title), isNumber: $0.isNumber)
        }
    }

    /// Adds a row with one text for each column; control characters become spaces.
    mutating func append(_ row: [String]) {
        precondition(row.count == columns.count, "BUG: a row of another width")
        rows.append(row.map { harmless($0) })
    }

    /// The table with its titles; cells longer than `widthMax` characters are cut.
    func text(usesColor: Bool, widthMax: Int = 60) -> String {
        let rows = rows.map { row in row.map { TextTable.cut($0, widthMax) } }
        var widths = columns.map(\.title.count)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        var text = ""
        let titles = line(columns.map(\.title), widths)
        text += usesColor ? "\u{1B}[1m\(titles)\u{1B}[0m\n" : titles + "\n"
        text += widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ") + "\n"
        for row in rows { text += line(row, widths) + "\n" }
        return text
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (index, cell) in cells.enumerated() {
            let gap = String(repeating: " ", count: widths[index] - cell.count)
            let isLast = index == cells.count - 1
            text += columns[index].isNumber ? gap + cell : cell + (isLast ? "" : gap)
            if !isLast { text += "  " }
        }
        return text
    }

    private static func cut(_ text: String, _ widthMax: Int) -> String {
        text.count <= widthMax ? text : text.prefix(widthMax - 1) + "…"
    }
}

/// A text without what would steer a terminal: control and format characters become spaces.
///
/// Line breaks stay where lines are asked for.
func harmless(_ text: String, keepsLines: Bool = false) -> String {
    func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: !(keepsLines && scalar == "\n")
        case .format: true
        default: false
        }
    }
    guard text.unicodeScalars.contains(where: steers) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { steers($0) ? " " : $0 }))
}

/// A count with its thousands apart: `1,234,567`.
func groupedDigits(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return value < 0 ? "-" + text : text
}
