internal import Bytes
internal import EventQuery
internal import Events

extension CommandSpec {
    static let tail = CommandSpec(
        "tail", operands: "'from D | …'", operandCount: 1...1,
        summary: "Shows events as they arrive, or an answer again every second.",
        options: ServerConnection.options + [
            OptionSpec("environment", "NAME", help: "whose events", byDefault: "the key's"),
            OptionSpec("every", "SECONDS", help: "between two answers", byDefault: "1"),
            OptionSpec("format", "text|ndjson", help: "how it is shown", byDefault: "text"),
        ],
        example: "widefield tail 'from shop | where error | fields name, duration_ms'",
        run: { arguments, terminal throws(CommandFailure) in
            let format = arguments["format"] ?? "text"
            guard ["text", "ndjson"].contains(format) else {
                throw .usage("--format must be text or ndjson", of: "tail")
            }
            let text = arguments.operands[0]
            var path = "/api/tail?q=\(percentEncoded(text))"
            if let every = arguments["every"] { path += "&every=\(percentEncoded(every))" }
            path += environmentParameter(arguments, after: "&")
            var server = try ServerConnection(arguments)
            var display = TailDisplay(terminal, isText: format == "text")
            var events = ServerSentEvents()
            let response = try server.stream(path) { bytes in
                for event in events.feed(bytes) where !display.show(event) { return false }
                return true
            }
            guard response.status < 300 else { throw queryFailure(response, text) }
        })
}

/// Shows what a server sends to one who watches.
private struct TailDisplay {
    private let terminal: Terminal
    private let isText: Bool
    private var hasAnswer = false

    init(_ terminal: Terminal, isText: Bool) {
        self.terminal = terminal
        self.isText = isText
    }

    /// Answers false when nobody looks any more.
    mutating func show(_ event: ServerSentEvents.Event) -> Bool {
        switch event.name {
        case "event":
            guard isText, let document = try? JSONValue(parsing: event.data) else {
                return terminal.write(event.data + [UInt8(ascii: "\n")])
            }
            return terminal.write(TailDisplay.line(of: document) + "\n")
        case "answer":
            guard isText, let document = try? JSONValue(parsing: event.data) else {
                return terminal.write(event.data + [UInt8(ascii: "\n")])
            }
            return terminal.write(answer(document))
        case "skipped":
            let count = (try? JSONValue(parsing: event.data))?["events"]?.integer ?? 0
            terminal.tell("\(groupedDigits(Int(count))) events skipped\n")
        case "end":
            let reason = (try? JSONValue(parsing: event.data))?["reason"]?.string ?? ""
            terminal.tell("ended: \(harmless(reason))\n")
        default: break
        }
        return true
    }

    /// An event in one line: time, dataset, fields by name.
    private static func line(of event: JSONValue) -> String {
        let fields = (event["data"]?.object?.members ?? []).map { member in
            "\(member.key)=\(member.value.string ?? member.value.text)"
        }
        let start = [event["time"]?.string ?? "", event["dataset"]?.string ?? ""]
        return harmless((start + fields).joined(separator: "  "))
    }

    /// An answer, on a terminal in the place of the one before.
    private mutating func answer(_ document: JSONValue) -> String {
        let clear = terminal.isOutputTerminal ? "\u{1B}[H\u{1B}[2J" : hasAnswer ? "\n" : ""
        hasAnswer = true
        let table =
            ComparisonTable(document)?.text(usesColor: terminal.usesColor)
            ?? AnswerTable(document).text(usesColor: terminal.usesColor)
        return clear + table
    }
}
