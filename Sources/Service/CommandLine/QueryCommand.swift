internal import Bytes
internal import EventQuery

extension CommandSpec {
    static let query = CommandSpec(
        "query", operands: "'from D | …' | @NAME", operandCount: 1...1,
        summary: "Asks a question of a server, or of a stopped server's directory.",
        options: questionOptions + [
            OptionSpec("exact", help: "percentiles and distinct counts without approximation"),
            OptionSpec(
                "cursor", "CURSOR", help: "the next page of events, as the last one named it"),
        ],
        example: "widefield query 'from shop | last 2h | stats count() by service.name'",
        run: { arguments, terminal throws(CommandFailure) in
            try ask(arguments.operands[0], arguments, terminal, of: "query")
        })

    /// What every command takes that asks a question.
    static let questionOptions =
        ServerConnection.options + [
            OptionSpec("data", "DIR", help: "read this directory instead of asking a server"),
            OptionSpec(
                "environment", "NAME",
                help: "whose events: with --data any, else the key's or _self, the server's own",
                byDefault: "default or the key's"),
            OptionSpec(
                "format", "table|json|csv|ndjson|arrow|parquet", help: "how the answer is written",
                byDefault: "table"),
        ]
}

/// Asks a question as the options say, and writes its answer.
func ask(
    _ text: String, _ arguments: ParsedArguments, _ terminal: Terminal, of command: String
) throws(CommandFailure) {
    let name = arguments["format"] ?? "table"
    guard name == "table" || AnswerFormat(rawValue: name) != nil else {
        throw .usage("--format must be table, \(AnswerFormat.names)", of: command)
    }
    let format = AnswerFormat(rawValue: name) ?? .json
    let answer = try answer(to: text, arguments, format)
    guard name == "table" else {
        terminal.write(answer)
        if format == .json { terminal.write("\n") }
        return
    }
    guard let document = try? JSONValue(parsing: answer) else {
        throw CommandFailure(.failed, "the answer is no JSON")
    }
    if let comparison = ComparisonTable(document) {
        terminal.write(comparison.text(usesColor: terminal.usesColor))
        terminal.tell(comparison.summary + "\n")
    } else {
        terminal.write(AnswerTable(document).text(usesColor: terminal.usesColor))
        terminal.tell(AnswerTable(document).summary + "\n")
    }
}

/// The answer in a format, from where the options say.
func answer(
    to text: String, _ arguments: ParsedArguments, _ format: AnswerFormat
) throws(CommandFailure) -> [UInt8] {
    if let directory = arguments["data"] {
        try answerFromDirectory(directory, text, arguments, format)
    } else {
        try answerFromServer(text, arguments, format)
    }
}

private func answerFromServer(
    _ text: String, _ arguments: ParsedArguments, _ format: AnswerFormat
) throws(CommandFailure) -> [UInt8] {
    var server = try ServerConnection(arguments)
    var body = JSONObject()
    if text.hasPrefix("@") {
        body["saved"] = .string(String(text.dropFirst()))
    } else {
        body["query"] = .string(text)
    }
    body["exact"] = .bool(arguments.switches.contains("exact"))
    if let cursor = arguments["cursor"] { body["cursor"] = .string(cursor) }
    let response = try server.send(
        "POST",
        "/api/query?format=\(format.rawValue)" + environmentParameter(arguments, after: "&"),
        headers: ["Content-Type": "application/json"], body: Array(JSONValue.object(body).text.utf8)
    )
    guard response.status < 300 else { throw queryFailure(response, text) }
    return response.body
}

/// The part of a path that names the environment, where one was named.
func environmentParameter(_ arguments: ParsedArguments, after separator: String) -> String {
    arguments["environment"].map { "\(separator)environment=\(percentEncoded($0))" } ?? ""
}

private func answerFromDirectory(
    _ directory: String, _ text: String, _ arguments: ParsedArguments, _ format: AnswerFormat
) throws(CommandFailure) -> [UInt8] {
    do throws(HTTPRefusal) {
        let stopped = try StoppedServer(directory, environment: arguments["environment"])
        var question = try stopped.question(text)
        try format.check(question.query)
        question.options.isExact = arguments.switches.contains("exact")
        if let cursor = arguments["cursor"] { try question.goOn(at: cursor) }
        return format.bytes(try stopped.answer(question))
    } catch {
        throw queryFailure(error.response, text)
    }
}

/// A refused query, with its line and a mark under the place.
func queryFailure(_ response: HTTPResponse, _ text: String) -> CommandFailure {
    guard let document = try? JSONValue(parsing: response.body),
        let message = document["error"]?.string, let line = document["line"]?.integer,
        let column = document["column"]?.integer
    else { return ServerConnection.failure(of: response) }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let shown = lines.indices.contains(Int(line) - 1) ? String(lines[Int(line) - 1]) : ""
    let gap = String(repeating: " ", count: max(0, Int(column) - 1))
    let expected = document["expected"]?.array?.compactMap(\.string) ?? []
    let hint = expected.isEmpty ? "" : "\nexpected " + expected.joined(separator: ", ")
    return CommandFailure(
        .failed, "\(message) (line \(line), column \(column))\n  \(shown)\n  \(gap)^\(hint)")
}
