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
    private var server: ServerConnection
    private let arguments: ParsedArguments
    private let terminal: Terminal

    init(
        server: consuming ServerConnection, arguments: ParsedArguments, terminal: Terminal
    ) {
        self.server = server
        self.arguments = arguments
        self.terminal = terminal
    }

    mutating func run() throws(CommandFailure) {
        switch (arguments.operands[0], arguments.operands.dropFirst().first) {
        case ("list", nil): try list()
        case ("show", let name?): tell(try server.json("GET", path(name)))
        case ("delete", let name?):
            let response = try server.send("DELETE", path(name))
            guard response.status < 300 else { throw ServerConnection.failure(of: response) }
        case ("create", let file?): try create(file)
        default:
            throw .usage("expected list, show NAME, delete NAME or create FILE", of: "slo")
        }
    }

    private func path(_ name: String) -> String { "/api/slos/" + percentEncoded(name) }

    // MARK: - Commands

    private mutating func list() throws(CommandFailure) {
        let all = try server.json("GET", "/api/slos").array ?? []
        var table = TextTable([
            .init(title: "SLO", isNumber: false), .init(title: "target", isNumber: true),
            .init(title: "over", isNumber: false), .init(title: "compliance", isNumber: true),
            .init(title: "budget left", isNumber: true), .init(title: "burn 1h", isNumber: true),
        ])
        var found: [JSONValue] = []
        for one in all {
            let slo = try server.json("GET", path(one["name"]?.string ?? ""))
            found.append(slo)
            let status = slo["status"]
            let rates = status?["burn_rates"]?.array ?? []
            let target = slo["target"]?.number ?? (slo["targetPercent"]?.number ?? 0) / 100
            let window = slo["timeWindow"]?.array?.first?["duration"]?.string ?? "30d"
            table.append([
                slo["name"]?.string ?? "", SLOTool.percent(target), window,
                SLOTool.percent(status?["compliance"]?.number),
                SLOTool.percent(status?["budget"]?["left_ratio"]?.number),
                rates.first { $0["window"]?.string == "1h" }?["burn_rate"]?.number
                    .map(SLOTool.decimal) ?? "-",
            ])
        }
        if isJSON {
            terminal.write(JSONValue.array(found).text + "\n")
        } else {
            terminal.write(table.text(usesColor: terminal.usesColor, widthMax: 256))
        }
    }

    private mutating func create(_ file: String) throws(CommandFailure) {
        var input = try InputFile(file)
        var bytes: [UInt8] = []
        while bytes.count <= ServiceLimits.definitionBodyBytesMax,
            try input.read(64 << 10, into: &bytes)
        {}
        let isJSON = bytes.first { $0 > 0x20 } == UInt8(ascii: "{")
        let type = isJSON ? "application/json" : "application/yaml"
        let response = try server.send(
            "POST", "/api/slos", headers: ["Content-Type": type], body: bytes)
        guard response.status < 300, let document = try? JSONValue(parsing: response.body) else {
            throw ServerConnection.failure(of: response)
        }
        tell(document)
    }

    // MARK: - Output

    private var isJSON: Bool { arguments["format"] == "json" }

    /// Writes an SLO: what it says, how it stands, its burn rates, its days.
    private func tell(_ document: JSONValue) {
        if isJSON {
            terminal.write(document.text + "\n")
            return
        }
        var lines: [(String, String)] = []
        for member in document.object?.members ?? [] where member.key != "status" {
            lines.append((member.key, member.value.string ?? member.value.text))
        }
        let status = document["status"]
        lines.append(("from", status?["from"]?.string ?? ""))
        lines.append(("observed from", status?["observed_from"]?.string ?? "before"))
        lines.append(("compliance", SLOTool.percent(status?["compliance"]?.number)))
        let budget = status?["budget"]
        lines.append(
            (
                "budget left",
                SLOTool.percent(budget?["left_ratio"]?.number)
                    + " (\(budget?["left"]?.text ?? "0") of \(budget?["allowed"]?.text ?? "0") events)"
            ))
        let width = lines.map(\.0.count).max() ?? 0
        for (name, text) in lines {
            let gap = String(repeating: " ", count: width - name.count + 2)
            terminal.write(harmless(name + gap + text) + "\n")
        }
        terminal.write("\n" + table(status?["burn_rates"]?.array ?? [], "window", "burn_rate"))
        terminal.write("\n" + table(status?["days"]?.array ?? [], "day", "budget_left"))
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
