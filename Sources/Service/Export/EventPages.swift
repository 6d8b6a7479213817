internal import Bytes
internal import EventQuery
internal import Events

/// All events of a query, page by page, from a server or from the directory of a stopped one.
struct EventPages: ~Copyable {
    /// Nil where a directory is read.
    private var server: ServerConnection?
    private let stopped: StoppedServer?
    private let path: String
    private let query: Query
    /// Events of the next page; fewer when they are so large that an answer could not hold them.
    private var pageRows = QueryLimits.rowsMax
    private var rowsLeft: Int
    private var cursor: String?
    private var isAtEnd = false

    /// - Parameter query: for events; all of them where it has no limit.
    init(_ query: Query, _ arguments: ParsedArguments) throws(CommandFailure) {
        self.query = query
        rowsLeft = query.limit ?? .max
        path = "/api/query?format=ndjson" + environmentParameter(arguments, after: "&")
        if let directory = arguments["data"] {
            do throws(HTTPRefusal) {
                server = nil
                stopped = try StoppedServer(directory, environment: arguments["environment"])
            } catch {
                throw ServerConnection.failure(of: error.response)
            }
        } else {
            server = try ServerConnection(arguments)
            stopped = nil
        }
    }

    /// The next events; empty after the last.
    ///
    /// Throws a failure when the server refuses, or has no time for a page.
    mutating func next() throws(CommandFailure) -> [EventRow] {
        while !isAtEnd {
            var page = query
            page.limit = min(pageRows, rowsLeft)
            let answer: Answer
            switch try ask(page) {
            case .answer(let found): answer = found
            case .tooLarge:
                pageRows = max(1, pageRows / 4)
                continue
            }
            guard !answer.isPartial else {
                throw CommandFailure(.failed, "there was no time to find all events of a page")
            }
            cursor = answer.cursor
            rowsLeft -= answer.rows.count
            isAtEnd = cursor == nil || rowsLeft <= 0
            if !answer.rows.isEmpty { return answer.rows }
        }
        return []
    }

    private struct Answer {
        var rows: [EventRow]
        var cursor: String?
        var isPartial: Bool
    }

    private enum Outcome {
        case answer(Answer)
        case tooLarge
    }

    private mutating func ask(_ page: Query) throws(CommandFailure) -> Outcome {
        if let stopped { return try ask(page, of: stopped) }
        var body = JSONObject()
        body["query"] = .string(page.text)
        if let cursor { body["cursor"] = .string(cursor) }
        body["limits"] = ["time_ms": .int(ServiceLimits.queryMillisecondsMax)]
        let response = try server?.send(
            "POST", path, headers: ["Content-Type": "application/json"],
            body: Array(JSONValue.object(body).text.utf8))
        guard let response else { throw CommandFailure(.failed, "there is nobody to ask") }
        return try EventPages.read(response, page)
    }

    private func ask(_ page: Query, of stopped: StoppedServer) throws(CommandFailure) -> Outcome {
        do throws(HTTPRefusal) {
            var question = Question(page)
            question.options.timeLimit = ServiceLimits.queryMillisecondsMax * 1_000_000
            if let cursor { try question.goOn(at: cursor) }
            let answer = try stopped.answer(question)
            guard case .events(let rows) = answer.content else { return .tooLarge }
            return .answer(
                Answer(
                    rows: rows, cursor: answer.meta.cursor?.text, isPartial: answer.meta.isPartial))
        } catch {
            if error.response.status == 422, page.rowLimit > 1 { return .tooLarge }
            throw ServerConnection.failure(of: error.response)
        }
    }

    // MARK: - A server's answer

    private static func read(
        _ response: HTTPResponse, _ page: Query
    ) throws(CommandFailure) -> Outcome {
        if response.status == 422, page.rowLimit > 1 { return .tooLarge }
        guard response.status < 300 else { throw queryFailure(response, page.text) }
        var rows: [EventRow] = []
        for line in response.body.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? JSONValue(parsing: Array(line)), let row = EventRow(event) else {
                throw CommandFailure(.failed, "the server's answer is no list of events")
            }
            rows.append(row)
        }
        return .answer(
            Answer(
                rows: rows, cursor: response.headers["Widefield-Cursor"],
                isPartial: response.headers["Widefield-Partial"] == "true"))
    }
}

extension EventRow {
    /// Reads an event as answers have it; nil when it is none.
    init?(_ event: JSONValue) {
        guard let time = event["time"]?.string.flatMap({ RFC3339.nanoseconds($0) }),
            let received = event["received"]?.string.flatMap({ RFC3339.nanoseconds($0) }),
            let dataset = event["dataset"]?.string, let rate = event["samplerate"]?.integer,
            let data = event["data"]?.object
        else { return nil }
        self.init(
            timestamp: time, received: received, dataset: dataset,
            sampleRate: UInt32(clamping: rate),
            fields: data.members.map { ($0.key, FieldValue($0.value)) })
    }
}

extension FieldValue {
    /// A value as answers have it; lists and objects, which no field holds, as their text.
    init(_ value: JSONValue) {
        switch value {
        case .null: self = .missing
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = FieldValue(number: number)
        case .string(let text): self = .string(text)
        case .array, .object: self = .string(value.text)
        }
    }
}
