internal import Bytes

extension CommandSpec {
    static let metrics = CommandSpec(
        "metrics", operands: "list | show|delete NAME | create FILE|- | explain SERIES",
        operandCount: 1...2,
        summary: "Defines metrics, lists them with their series, and says what is behind a sample.",
        options: ServerConnection.options + [
            OptionSpec("force", help: "create it even with more series than its limit"),
            OptionSpec("time", "TIME", help: "explain the sample of this time", byDefault: "now"),
            OptionSpec("format", "text|json", help: "how it is written", byDefault: "text"),
        ],
        example:
            #"widefield metrics explain 'traces_span_metrics_calls_total{service_name="cart"}'"#,
        run: { arguments, terminal throws(CommandFailure) in
            var tool = MetricsTool(
                server: try ServerConnection(arguments), arguments: arguments, terminal: terminal)
            try tool.run()
        })
}

/// What `widefield metrics` does.
private struct MetricsTool: ~Copyable {
    private var server: ServerConnection
    private let arguments: ParsedArguments
    private let terminal: Terminal
    /// Bytes of a definition, as a server takes them.
    private static let fileBytesMax = ServiceLimits.definitionBodyBytesMax

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
        case ("show", let name?): try tell(server.json("GET", path(name)))
        case ("delete", let name?):
            let response = try server.send("DELETE", path(name))
            guard response.status < 300 else { throw ServerConnection.failure(of: response) }
        case ("create", let file?): try create(file)
        case ("explain", let series?): try explain(series)
        default:
            throw .usage(
                "expected list, show NAME, delete NAME, create FILE or explain SERIES",
                of: "metrics")
        }
    }

    private func path(_ name: String) -> String { "/api/metrics/" + percentEncoded(name) }

    // MARK: - Commands

    private mutating func list() throws(CommandFailure) {
        let all = try server.json("GET", "/api/metrics").array ?? []
        var table = TextTable([
            .init(title: "metric", isNumber: false), .init(title: "type", isNumber: false),
            .init(title: "series", isNumber: true), .init(title: "limit", isNumber: true),
            .init(title: "", isNumber: false),
        ])
        var found: [JSONValue] = []
        for one in all {
            let metric = try server.json("GET", path(one["name"]?.string ?? ""))
            found.append(metric)
            let kind = one["type"]?.string ?? "counter"
            table.append([
                metric["name"]?.string ?? "", kind,
                groupedDigits(Int(metric["series"]?.integer ?? 0)),
                groupedDigits(Int(metric["series_limit"]?.integer ?? 0)),
                metric["overflow"] == nil ? "" : "overflows",
            ])
        }
        if isJSON {
            terminal.write(JSONValue.array(found).text + "\n")
            return
        }
        terminal.write(table.text(usesColor: terminal.usesColor, widthMax: 256))
        for warning in found.compactMap({ metric in
            metric["warning"]?.string.map { "\(metric["name"]?.string ?? ""): \($0)" }
        }) {
            terminal.tell(harmless(warning) + "\n")
        }
    }

    private mutating func create(_ file: String) throws(CommandFailure) {
        var input = try InputFile(file)
        var bytes: [UInt8] = []
        while bytes.count <= MetricsTool.fileBytesMax,
            try input.read(64 << 10, into: &bytes)
        {}
        let query = arguments.switches.contains("force") ? "?force=true" : ""
        let response = try server.send(
            "POST", "/api/metrics" + query, headers: ["Content-Type": "application/json"],
            body: bytes)
        guard response.status < 300, let document = try? JSONValue(parsing: response.body) else {
            throw ServerConnection.failure(of: response)
        }
        tell(document)
    }

    private mutating func explain(_ series: String) throws(CommandFailure) {
        let name = series.prefix { $0 != "{" }
        var parameters = "?match=" + percentEncoded(String(series.dropFirst(name.count)))
        if let time = arguments["time"] { parameters += "&time=" + percentEncoded(time) }
        tell(try server.json("GET", path(String(name)) + "/explain" + parameters))
    }

    // MARK: - Output

    private var isJSON: Bool { arguments["format"] == "json" }

    /// Writes a document, one member a line.
    private func tell(_ document: JSONValue) {
        if isJSON {
            terminal.write(document.text + "\n")
            return
        }
        let members = document.object?.members ?? []
        let width = members.map(\.key.count).max() ?? 0
        for member in members {
            let gap = String(repeating: " ", count: width - member.key.count + 2)
            let text = member.value.string ?? member.value.text
            terminal.write(harmless(member.key + gap + text) + "\n")
        }
    }
}
