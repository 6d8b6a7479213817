internal import Bytes

extension CommandSpec {
    static let explain = CommandSpec(
        "explain", operands: "'from D | …' | @NAME", operandCount: 1...1,
        summary: "Shows how a question is answered: the plan, what is not read and why.",
        options: ServerConnection.options + [
            OptionSpec("analyze", help: "ask it, and show what each step took"),
            OptionSpec("environment", "NAME", help: "whose events", byDefault: "the key's"),
            OptionSpec("format", "text|json", help: "how it is written", byDefault: "text"),
        ],
        example: "widefield explain --analyze 'from shop | where error | stats count() by name'",
        run: { arguments, terminal throws(CommandFailure) in
            let format = arguments["format"] ?? "text"
            guard ["text", "json"].contains(format) else {
                throw .usage("--format must be text or json", of: "explain")
            }
            let text = arguments.operands[0]
            var body = JSONObject()
            let isNamed = text.hasPrefix("@")
            body[isNamed ? "saved" : "query"] = .string(isNamed ? String(text.dropFirst()) : text)
            body["analyze"] = .bool(arguments.switches.contains("analyze"))
            var server = try ServerConnection(arguments)
            let response = try server.send(
                "POST", "/api/explain" + environmentParameter(arguments, after: "?"),
                headers: ["Content-Type": "application/json"],
                body: Array(JSONValue.object(body).text.utf8))
            guard response.status < 300 else { throw queryFailure(response, text) }
            guard format == "text", let document = try? JSONValue(parsing: response.body) else {
                terminal.write(response.body + [UInt8(ascii: "\n")])
                return
            }
            terminal.write(explanationText(document, usesColor: terminal.usesColor))
        })
}

private func digits(_ value: JSONValue?) -> String { groupedDigits(Int(value?.integer ?? 0)) }

private func texts(_ value: JSONValue?) -> String {
    (value?.array ?? []).compactMap(\.string).joined(separator: ", ")
}

/// What is looked for, grouped, kept and worked out.
private func planLines(_ plan: JSONValue?) -> [String] {
    var lines = ["time    \(texts(plan?["time_range"]).replacing(", ", with: " to "))"]
    if let seconds = plan?["granularity"]?.number {
        lines.append("step    \(JSONValue.double(seconds).text) seconds")
    }
    if let share = plan?["sample"]?.number {
        lines.append("sample  \(JSONValue.double(share).text)")
    }
    for condition in plan?["conditions"]?.array ?? [] {
        lines.append("where   \(condition.string ?? "")")
    }
    for relatives in plan?["relatives"]?.array ?? [] {
        let condition = relatives["condition"]?.string.map { " where \($0)" } ?? ""
        let fields = texts(relatives["fields"])
        lines.append(
            "find    \(relatives["relation"]?.string ?? "")\(condition)"
                + (fields.isEmpty ? "" : ", for \(fields)"))
    }
    if let selection = plan?["selection"]?.string { lines.append("select  \(selection)") }
    if let seconds = plan?["compare"]?.number {
        lines.append("compare with \(JSONValue.double(seconds).text) seconds earlier")
    }
    let groups = texts(plan?["group_by"])
    if !groups.isEmpty { lines.append("by      \(groups)") }
    for state in plan?["states"]?.array ?? [] {
        let argument = state["argument"]?.string.map { " of \($0)" } ?? ""
        let filter = state["filter"]?.string.map { " where \($0)" } ?? ""
        let kind = state["kind"]?.string ?? ""
        lines.append("keep    \(kind)\(argument)\(filter) for \(texts(state["calculations"]))")
    }
    for formula in plan?["formulas"]?.array ?? [] {
        let name = formula["name"]?.string ?? ""
        lines.append("compute \(name) = \(formula["expression"]?.string ?? "")")
    }
    if let having = plan?["having"]?.string { lines.append("having  \(having)") }
    let order = texts(plan?["order"])
    lines.append((order.isEmpty ? "" : "order   \(order), ") + "limit \(digits(plan?["limit"]))")
    return lines
}

private func explanationText(_ document: JSONValue, usesColor: Bool) -> String {
    var lines = [document["query"]?.string ?? "", ""] + planLines(document["plan"])
    let (segments, sources) = (document["segments"], document["sources"])
    lines += [
        "",
        "segments  \(digits(segments?["all"])), of which \(digits(segments?["pruned_by_time"])) are of "
            + "another time and \(digits(segments?["pruned_by_dataset"])) of other datasets",
        "sources   \(digits(sources?["all"])) with \(digits(sources?["rows"])) rows",
    ]
    for pruned in document["pruned"]?.array ?? [] {
        lines.append(
            "not read  \(digits(pruned["sources"])) with \(digits(pruned["rows"])) rows: "
                + (pruned["reason"]?.string ?? ""))
    }
    lines.append(
        "read      \(digits(sources?["to_read"])) with \(digits(sources?["rows_to_read"])) rows, "
            + "\(digits(sources?["bytes_to_read"])) bytes of the fields that are named")
    let text = lines.map { harmless($0) }.joined(separator: "\n") + "\n"
    guard let steps = document["steps"]?.array else { return text }
    var table = TextTable(
        [TextTable.Column(title: "step", isNumber: false)]
            + ["sources", "ruled out", "rows in", "rows out", "bytes", "ms"].map {
                TextTable.Column(title: $0, isNumber: true)
            })
    for step in steps {
        table.append(
            [step["step"]?.string ?? ""]
                + ["sources", "ruled_out", "rows_in", "rows_out", "bytes"].map { digits(step[$0]) }
                + [step["ms"]?.text ?? ""])
    }
    return text + "\n" + table.text(usesColor: usesColor)
}
