internal import Bytes
internal import Glibc
internal import Host

extension CommandSpec {
    static let send = CommandSpec(
        "send", operands: "[FILE…|-]", operandCount: 0...10_000,
        summary: "Sends events: lines of JSON, or batches as Honeycomb's clients make them.",
        options: ServerConnection.options + [
            OptionSpec("dataset", "NAME", help: "where the events go; must be given"),
            OptionSpec(
                "time-field", "NAME", help: "the field that tells a line's time",
                byDefault: "time, timestamp, @timestamp or _time"),
        ],
        example: "widefield generate --events 100000 | widefield send --dataset shop -",
        run: { arguments, terminal throws(CommandFailure) in
            guard let dataset = arguments["dataset"] else {
                throw .usage("--dataset must be given", of: "send")
            }
            var sender = Sender(
                server: try ServerConnection(arguments), dataset: dataset,
                timeField: arguments["time-field"], terminal: terminal)
            let paths = arguments.operands.isEmpty ? ["-"] : arguments.operands
            for path in paths { try sender.send(path) }
            try sender.finish()
        })
}

/// Sends files in pieces of whole lines, each with a key of its own, so that a piece whose answer
/// was lost can be sent again without being stored twice.
private struct Sender: ~Copyable {
    private var server: ServerConnection
    private let dataset: String
    private let timeField: String?
    private let terminal: Terminal
    private var accepted = 0
    private var rejected = 0
    private var bytesSent = 0

    /// Bytes of one request before compression: many lines, and far below what a server takes.
    private static let pieceBytes = 4 << 20
    /// A whole batch in one array cannot be cut, so this is what a server takes.
    private static let batchBytesMax = ServiceLimits.inflatedBytesMax
    /// Rejections told one by one; the rest is only counted.
    private static let toldMax = 20
    private static let attempts = 8

    init(
        server: consuming ServerConnection, dataset: String, timeField: String?,
        terminal: Terminal
    ) {
        self.server = server
        self.dataset = dataset
        self.timeField = timeField
        self.terminal = terminal
    }

    mutating func send(_ path: String) throws(CommandFailure) {
        var input = try InputFile(path)
        var pending: [UInt8] = []
        var isBatch: Bool?
        var line = 1
        while try input.read(1 << 20, into: &pending) {
            isBatch = isBatch ?? Sender.beginsArray(pending)
            if isBatch == true {
                guard pending.count <= Sender.batchBytesMax else {
                    throw CommandFailure(
                        .failed, "\(path): a batch over \(Sender.batchBytesMax) bytes; send lines")
                }
                continue
            }
            guard pending.count >= Sender.pieceBytes,
                let end = pending.lastIndex(of: UInt8(ascii: "\n"))
            else { continue }
            try sendLines(Array(pending[...end]), of: path, line: &line)
            pending.removeSubrange(...end)
            showProgress(of: input)
        }
        if isBatch == true {
            try sendBatch(pending, of: path)
        } else if !pending.isEmpty {
            try sendLines(pending, of: path, line: &line)
        }
    }

    /// Tells what was sent; throws when some of it was rejected.
    func finish() throws(CommandFailure) {
        terminal.endProgress()
        terminal.tell("\(groupedDigits(accepted)) events accepted\n")
        guard rejected == 0 else {
            throw CommandFailure(.failed, "\(groupedDigits(rejected)) events rejected")
        }
    }

    private static func beginsArray(_ bytes: [UInt8]) -> Bool? {
        bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }.map { $0 == UInt8(ascii: "[") }
    }

    private func showProgress(of input: InputFile) {
        let count = "\(groupedDigits(accepted)) events, \(bytesSent >> 20) MiB"
        if let size = input.size, size > 0 {
            terminal.progress(Double(bytesSent) / Double(size), count)
        } else if terminal.isErrorTerminal {
            terminal.tell("\r\u{1B}[K\(count)")
        }
    }

    // MARK: - Requests

    private mutating func sendLines(
        _ body: [UInt8], of path: String, line: inout Int
    ) throws(CommandFailure) {
        let query = timeField.map { "?time_field=" + percentEncoded($0) } ?? ""
        let answer = try post(body, type: "application/x-ndjson", query: query)
        accepted += Int(answer["accepted"]?.integer ?? 0)
        for rejection in answer["rejected"]?.array ?? [] {
            let place = line - 1 + Int(rejection["line"]?.integer ?? 0)
            tellRejection("\(path), line \(place)", rejection["error"]?.string)
        }
        line += body.count { $0 == UInt8(ascii: "\n") }
    }

    private mutating func sendBatch(_ body: [UInt8], of path: String) throws(CommandFailure) {
        let answer = try post(body, type: "application/json", query: "")
        for (index, event) in (answer.array ?? []).enumerated() {
            if event["status"]?.integer == 202 {
                accepted += 1
            } else {
                tellRejection("\(path), event \(index + 1)", event["error"]?.string)
            }
        }
    }

    private mutating func tellRejection(_ place: String, _ reason: String?) {
        rejected += 1
        guard rejected <= Sender.toldMax else { return }
        terminal.endProgress()
        terminal.tell("\(place): \(harmless(reason ?? "rejected"))\n")
    }

    /// Posts a body, again and again while the server is busy or gone for a moment.
    private mutating func post(
        _ body: [UInt8], type: String, query: String
    ) throws(CommandFailure) -> JSONValue {
        bytesSent += body.count
        let headers: HTTPHeaders = [
            "Content-Type": type, "Content-Encoding": "zstd",
            "Idempotency-Key": hexadecimal(Machine.real.random.nextUInt64(), digits: 16)
                + hexadecimal(Machine.real.random.nextUInt64(), digits: 16),
        ]
        let compressed = Zstd.compress(body)
        let path = "/1/batch/" + percentEncoded(dataset) + query
        var attempt = 1
        while true {
            var pause = min(30, 1 << (attempt - 1))
            do throws(CommandFailure) {
                let response = try server.send("POST", path, headers: headers, body: compressed)
                if response.status < 300 {
                    return (try? JSONValue(parsing: response.body)) ?? .null
                }
                let isBusy = response.status == 429 || response.status == 503
                guard isBusy, attempt < Sender.attempts else {
                    throw ServerConnection.failure(of: response)
                }
                pause = response.headers["Retry-After"].flatMap { Int($0) } ?? pause
            } catch {
                // The first request tells whether there is a server at all.
                let wasReached = bytesSent > body.count
                guard error.code == .serverUnreachable, wasReached, attempt < Sender.attempts else {
                    throw error
                }
            }
            attempt += 1
            sleep(UInt32(max(1, min(pause, 60))))
        }
    }
}
