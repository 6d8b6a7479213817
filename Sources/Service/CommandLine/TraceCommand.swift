internal import Bytes

extension CommandSpec {
    static let trace = CommandSpec(
        "trace", operands: "TRACE_ID", operandCount: 1...1,
        summary: "Shows a trace as a tree: spans, their events, links and logs.",
        options: ServerConnection.options + [
            OptionSpec(
                "format", "tree|json", help: "how the trace is written; json has every field",
                byDefault: "tree"),
            OptionSpec(
                "environment", "NAME", help: "the key's own, or _self: the server's requests",
                byDefault: "the key's"),
        ],
        example: "widefield trace 4bf92f3577b34da6a3ce929d0e0e4736",
        run: { arguments, terminal throws(CommandFailure) in
            var server = try ServerConnection(arguments)
            let format = arguments["format"] ?? "tree"
            let path =
                "/api/traces/" + percentEncoded(arguments.operands[0])
                + (format == "tree" ? "?data=false" : "?data=true")
                + environmentParameter(arguments, after: "&")
            switch format {
            case "json":
                let response = try server.send("GET", path)
                guard response.status < 300 else { throw ServerConnection.failure(of: response) }
                terminal.write(response.body)
                terminal.write("\n")
            case "tree":
                let tree = TraceTree(try server.json("GET", path))
                terminal.write(tree.text(columns: terminal.columns, usesColor: terminal.usesColor))
                terminal.tell(tree.summary + "\n")
            default: throw .usage("--format must be tree or json", of: "trace")
            }
        })
}

/// A trace as a terminal shows it: a line a node, with a bar where its time lies in the whole.
struct TraceTree {
    private let document: JSONValue
    private let nodes: [JSONValue]

    init(_ document: JSONValue) {
        self.document = document
        nodes = document["nodes"]?.array ?? []
    }

    /// Characters of the widest bar.
    private static let barMax = 40

    /// Lines of service, name, duration and bar.
    ///
    /// `✗` marks errors, `?` spans that nobody sent, `•` span events, `→` links, `≡` logs; what lies on
    /// the critical path has a full bar.
    func text(columns: Int, usesColor: Bool) -> String {
        let labels = nodes.map(TraceTree.label)
        let labelMax = max(20, columns - TraceTree.barMax - 14)
        let width = min(labels.map(\.count).max() ?? 0, labelMax)
        var text = ""
        for (node, label) in zip(nodes, labels) {
            let isError = node["error"]?.bool == true
            let cut = label.count <= width ? label : label.prefix(width - 1) + "…"
            let padded = cut + String(repeating: " ", count: width - cut.count)
            let time = node["duration_ms"]?.number.map { milliseconds($0) } ?? ""
            let gap = String(repeating: " ", count: max(0, 11 - time.count))
            let line = "\(padded) \(gap)\(time)  \(bar(of: node))"
            text += usesColor && isError ? "\u{1B}[31m\(line)\u{1B}[0m" : line
            text += notes(of: node) + "\n"
        }
        return text
    }

    private static func label(of node: JSONValue) -> String {
        let depth = min(Int(node["depth"]?.integer ?? 0), 30)
        let sign =
            switch node["kind"]?.string {
            case "span_event": "• "
            case "link": "→ "
            case "log": "≡ "
            case "missing": "? "
            default: node["error"]?.bool == true ? "✗ " : ""
            }
        let service = node["service"]?.string.map { $0 + " " } ?? ""
        let name =
            switch node["kind"]?.string {
            case "missing": "no span \(node["span_id"]?.string ?? "")"
            case "link":
                "\(node["link"]?["trace_id"]?.string ?? "") \(node["link"]?["span_id"]?.string ?? "")"
            default: node["name"]?.string ?? ""
            }
        return harmless(String(repeating: "  ", count: depth) + sign + service + name)
    }

    private func bar(of node: JSONValue) -> String {
        let whole = document["duration_ms"]?.number ?? 0
        guard let start = node["start_ms"]?.number, whole > 0 else { return "" }
        let width = Double(TraceTree.barMax)
        let from = Int((min(max(start / whole, 0), 1) * (width - 1)).rounded(.down))
        let share = min(1, (node["duration_ms"]?.number ?? 0) / whole)
        let length = max(1, min(TraceTree.barMax - from, Int((share * width).rounded())))
        let isCritical = node["critical_ms"]?.number ?? 0 > 0
        let isSpan = node["kind"]?.string == "span"
        let sign = isSpan ? (isCritical ? "█" : "▒") : "·"
        return String(repeating: " ", count: from) + String(repeating: sign, count: length)
    }

    private func notes(of node: JSONValue) -> String {
        var notes = ""
        if let skew = node["clock_skew_ms"]?.number {
            notes += "  clock off by \(milliseconds(skew))"
        }
        if node["in_cycle"]?.bool == true { notes += "  its parents lead back to it" }
        return notes
    }

    private func milliseconds(_ value: Double) -> String {
        "\((value * 1000).rounded() / 1000) ms"
    }

    /// How many of what, and what took the time.
    var summary: String {
        func count(_ name: String) -> Int { Int(document[name]?.integer ?? 0) }
        var parts = ["\(groupedDigits(count("spans"))) spans"]
        for (name, text) in [
            ("span_events", "span events"), ("links", "links"), ("logs", "logs"),
            ("missing_spans", "missing spans"), ("errors", "errors"),
        ] where count(name) > 0 {
            parts.append("\(groupedDigits(count(name))) \(text)")
        }
        if let whole = document["duration_ms"]?.number { parts.append(milliseconds(whole)) }
        if document["truncated"]?.bool == true { parts.append("truncated") }
        if let slowest = document["services"]?.array?.first,
            let name = slowest["service"]?.string, let own = slowest["critical_ms"]?.number
        {
            parts.append("\(milliseconds(own)) of the critical path in \(harmless(name))")
        }
        return parts.joined(separator: ", ")
    }
}
