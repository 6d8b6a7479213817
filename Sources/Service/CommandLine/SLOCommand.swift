internal import Bytes

extension CommandSpec {
    static let slo = CommandSpec(
        "slo", operands: "list | show|delete NAME | create FILE|-", operandCount: 1...2,
        summary: "Defines SLOs, lists them with their budgets, and shows how one stands.",
        options: ServerConnection.options + [
            OptionSpec("format", "text|json", help: "how it is written", byDefault: "text")
        ],
        example: "widefield slo show checkout",
        run: { arguments, terminal throws(CommandFailure) in
            var tool = SLOTool(
                server: try ServerConnection(arguments), arguments: arguments, terminal: terminal)
            try tool.run()
        })
}

/// What `widefield slo` does.
private struct SLOTool: ~Copyable {
    private var definitions: NamedDefinitionTool
    private let arguments: ParsedArguments
    private let terminal: Terminal

    init(
        server: consuming ServerConnection, arguments: ParsedArguments, terminal: Terminal
    ) {
        definitions = NamedDefinitionTool(
            SLOTool.kind, server: server, arguments: arguments, terminal: terminal)
        self.arguments = arguments
        self.terminal = terminal
    }

    private static var kind: NamedDefinitionTool.Kind {
        NamedDefinitionTool.Kind(
            path: "/api/slos",
            columns: [
                .init(title: "SLO", isNumber: false), .init(title: "target", isNumber: true),
                .init(title: "over", isNumber: false), .init(title: "compliance", isNumber: true),
                .init(title: "budget left", isNumber: true),
                .init(title: "burn 1h", isNumber: true),
            ]
        ) { slo in
            let status = slo["status"]
            let rates = status?["burn_rates"]?.array ?? []
            let target = slo["target"]?.number ?? (slo["targetPercent"]?.number ?? 0) / 100
            return [
                slo["name"]?.string ?? "", SLOTool.percent(target),
                slo["timeWindow"]?.array?.first?["duration"]?.string ?? "30d",
                SLOTool.percent(status?["compliance"]?.number),
                SLOTool.percent(status?["budget"]?["left_ratio"]?.number),
                rates.first { $0["window"]?.string == "1h" }?["burn_rate"]?.number
                    .map(SLOTool.decimal) ?? "-",
            ]
        }
    }

    mutating func run() throws(CommandFailure) {
        switch (arguments.operands[0], arguments.operands.dropFirst().first) {
        case ("list", nil): try definitions.list()
        case ("show", let name?): try show(name)
        case ("delete", let name?): try definitions.delete(name)
        case ("create", let file?): tell(try definitions.create(file))
        default:
            throw .usage("expected list, show NAME, delete NAME or create FILE", of: "slo")
        }
    }

    // MARK: - Commands

    /// Writes how an SLO stands, and what its alerts have come to.
    private mutating func show(_ name: String) throws(CommandFailure) {
        let document = try definitions.show(name)
        let path = "/api/v1/rules?file[]=slos&rule_group[]=" + percentEncoded(name)
        let groups = try definitions.json(path)["data"]?["groups"]?.array
        let rules = groups?.first?["rules"]?.array ?? []
        guard definitions.isJSON, var object = document.object else {
            tell(document)
            if !rules.isEmpty { terminal.write("\n" + SLOTool.table(rules, terminal)) }
            return
        }
        object["alerts"] = .array(rules)
        terminal.write(JSONValue.object(object).text + "\n")
    }

    // MARK: - Output

    /// Writes an SLO: what it says, how it stands, its burn rates, its days.
    private func tell(_ document: JSONValue) {
        if definitions.isJSON {
            terminal.write(document.text + "\n")
            return
        }
        var lines = document.lines.filter { $0.name != "status" }
        let status = document["status"]
        let budget = status?["budget"]
        lines += [
            ("from", status?["from"]?.string ?? ""),
            ("observed from", status?["observed_from"]?.string ?? "before"),
            ("compliance", SLOTool.percent(status?["compliance"]?.number)),
            (
                "budget left",
                SLOTool.percent(budget?["left_ratio"]?.number)
                    + " (\(budget?["left"]?.text ?? "0") of \(budget?["allowed"]?.text ?? "0") events)"
            ),
        ]
        definitions.tell(lines)
        terminal.write("\n" + table(status?["burn_rates"]?.array ?? [], "window", "burn_rate"))
        terminal.write("\n" + table(status?["days"]?.array ?? [], "day", "budget_left"))
    }

    /// The rules of its alerts with their states.
    private static func table(_ rules: [JSONValue], _ terminal: Terminal) -> String {
        var table = TextTable([
            .init(title: "alert", isNumber: false), .init(title: "window", isNumber: false),
            .init(title: "severity", isNumber: false), .init(title: "state", isNumber: false),
            .init(title: "since", isNumber: false), .init(title: "value", isNumber: true),
        ])
        for rule in rules {
            let alert = rule["alerts"]?.array?.first
            let isKnown = rule["health"]?.string == "ok"
            table.append([
                harmless(rule["name"]?.string ?? ""), rule["labels"]?["window"]?.string ?? "",
                harmless(rule["labels"]?["severity"]?.string ?? ""),
                (rule["state"]?.string ?? "") + (isKnown ? "" : ", unobserved"),
                alert?["activeAt"]?.string ?? "",
                value(alert),
            ])
        }
        return table.text(usesColor: terminal.usesColor, widthMax: 256)
    }

    private static func value(_ alert: JSONValue?) -> String {
        let value = alert?["value"]?.string.flatMap { Double($0) } ?? .nan
        return value.magnitude < 1e12 ? decimal(value) : ""
    }

    /// Good and bad events of stretches of time, with one number more of each.
    private func table(_ entries: [JSONValue], _ name: String, _ number: String) -> String {
        var table = TextTable([
            .init(title: name, isNumber: false), .init(title: "good", isNumber: true),
            .init(title: "bad", isNumber: true), .init(title: "compliance", isNumber: true),
            .init(title: number.replacing("_", with: " "), isNumber: true),
        ])
        for entry in entries {
            let share = entry[number]?.number
            table.append([
                entry[name]?.string ?? "", entry["good"]?.text ?? "unobserved",
                entry["bad"]?.text ?? "", SLOTool.percent(entry["compliance"]?.number),
                number == "burn_rate"
                    ? share.map(SLOTool.decimal) ?? "-" : SLOTool.percent(share),
            ])
        }
        return table.text(usesColor: terminal.usesColor, widthMax: 256)
    }

    /// With three digits after the point.
    private static func percent(_ share: Double?) -> String {
        share.map { decimal($0 * 100) + " %" } ?? "-"
    }

    private static func decimal(_ value: Double) -> String {
        let thousandths = Int((value.magnitude * 1000).rounded())
        let digits = String(1000 + thousandths % 1000).dropFirst()
        return (value < 0 ? "-" : "") + "\(thousandths / 1000).\(digits)"
    }
}
