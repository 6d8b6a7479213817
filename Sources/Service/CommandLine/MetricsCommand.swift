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
    private var definitions: NamedDefinitionTool
    private let arguments: ParsedArguments
    private let terminal: Terminal

    init(
        server: consuming ServerConnection, arguments: ParsedArguments, terminal: Terminal
    ) {
        definitions = NamedDefinitionTool(
            MetricsTool.kind, server: server, arguments: arguments, terminal: terminal)
        self.arguments = arguments
        self.terminal = terminal
    }

    private static var kind: NamedDefinitionTool.Kind {
        NamedDefinitionTool.Kind(
            path: "/api/metrics",
            columns: [
                .init(title: "metric", isNumber: false), .init(title: "type", isNumber: false),
                .init(title: "series", isNumber: true), .init(title: "limit", isNumber: true),
                .init(title: "", isNumber: false),
            ]
        ) { metric in
            [
                metric["name"]?.string ?? "", metric["type"]?.string ?? "counter",
                groupedDigits(Int(metric["series"]?.integer ?? 0)),
                groupedDigits(Int(metric["series_limit"]?.integer ?? 0)),
                metric["overflow"] == nil ? "" : "overflows",
            ]
        }
    }

    mutating func run() throws(CommandFailure) {
        switch (arguments.operands[0], arguments.operands.dropFirst().first) {
        case ("list", nil): try list()
        case ("show", let name?): tell(try definitions.show(name))
        case ("delete", let name?): try definitions.delete(name)
        case ("create", let file?):
            let isForced = arguments.switches.contains("force")
            tell(try definitions.create(file, isForced ? "?force=true" : ""))
        case ("explain", let series?): try explain(series)
        default:
            throw .usage(
                "expected list, show NAME, delete NAME, create FILE or explain SERIES",
                of: "metrics")
        }
    }

    // MARK: - Commands

    private mutating func list() throws(CommandFailure) {
        let found = try definitions.list()
        if definitions.isJSON { return }
        for warning in found.compactMap({ metric in
            metric["warning"]?.string.map { "\(metric["name"]?.string ?? ""): \($0)" }
        }) {
            terminal.tell(harmless(warning) + "\n")
        }
    }

    private mutating func explain(_ series: String) throws(CommandFailure) {
        let name = series.prefix { $0 != "{" }
        var parameters = "?match=" + percentEncoded(String(series.dropFirst(name.count)))
        if let time = arguments["time"] { parameters += "&time=" + percentEncoded(time) }
        tell(try definitions.show(String(name), "/explain" + parameters))
    }

    // MARK: - Output

    /// Writes a document, one member a line.
    private func tell(_ document: JSONValue) {
        if definitions.isJSON {
            terminal.write(document.text + "\n")
        } else {
            definitions.tell(document.lines)
        }
    }
}
