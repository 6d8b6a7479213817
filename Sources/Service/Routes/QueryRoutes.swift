internal import Bytes
internal import EventQuery

/// `/api/query` and `/api/bubbleup`: a question in text or as a specification, answered at once.
struct QueryRoutes: Sendable {
    let service: QueryService
    let watch: ClientWatch
    let levels: ServiceLevels

    var routes: [Route] {
        [
            Route("POST", "/api/query", .askQuestions, lane: .query) { call throws(HTTPRefusal) in
                try respond(to: call, Question(body: resolving(call.request.json(), call)))
            },
            Route("POST", "/api/bubbleup", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let question = try Question(bubbleUpBody: call.request.json()) {
                    levels.objectives(of: call.principal.environment)
                }
                return try respond(to: call, question)
            },
            Route("GET", "/api/query", .askQuestions, lane: .query) { call throws(HTTPRefusal) in
                let known = [
                    "q", "saved", "exact", "totals", "series", "heatmap", "cursor", "format",
                ]
                if let name = call.head.target.unknownItem(besides: known) {
                    throw HTTPRefusal(.error(400, "there is no parameter ?\(name)="))
                }
                var question = try question(of: call)
                for item in call.head.target.query where item.value == "true" {
                    switch item.name {
                    case "exact": question.options.isExact = true
                    case "totals": question.options.wantsTotals = true
                    case "series": question.addSeries()
                    default: break
                    }
                }
                if let scale = call.head.target.queryValue("heatmap") {
                    question.options.heatmap = try HeatmapOptions(.string(scale))
                }
                if let cursor = call.head.target.queryValue("cursor") {
                    try question.goOn(at: cursor)
                }
                return try respond(to: call, question)
            },
        ]
    }

    private func question(of call: RouteCall) throws(HTTPRefusal) -> Question {
        if let name = call.head.target.queryValue("saved") {
            return try Question(body: resolving(["saved": .string(name)], call))
        }
        guard let text = call.head.target.queryValue("q") else {
            throw HTTPRefusal(
                .error(400, "expected the query in ?q=, or the name of one in ?saved="))
        }
        return try Question(text: text)
    }

    private func resolving(
        _ body: JSONValue, _ call: RouteCall
    ) throws(HTTPRefusal) -> JSONValue {
        try service.definitions.definitions(of: call.principal.environment).resolving(body)
    }

    private func respond(
        to call: RouteCall, _ question: Question
    ) throws(HTTPRefusal) -> HTTPResponse {
        let format = try AnswerFormat(call.head)
        try format.check(question.query)
        do throws(HTTPRefusal) {
            let answer = try watch.watching(call.head.connection) {
                (cancellation) throws(HTTPRefusal) in
                try service.answer(
                    question, environment: call.principal.environment, cancellation: cancellation)
            }
            var response = format.response(answer)
            response.note(question.query)
            response.note(answer.meta)
            return response
        } catch {
            var response = error.response
            response.note(question.query)
            throw HTTPRefusal(response)
        }
    }
}

/// How an answer is written: as `?format=` says, else as `Accept` says, else JSON.
enum AnswerFormat: String, CaseIterable, Sendable {
    case json
    case csv
    case ndjson
    case arrow
    case parquet

    /// All of them, for people: `json, csv, … or parquet`.
    static var names: String {
        let names = allCases.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1]
    }

    /// Throws a refusal for a format that is not known.
    init(_ head: HTTPRequestHead) throws(HTTPRefusal) {
        if let name = head.target.queryValue("format") {
            guard let format = AnswerFormat(rawValue: name) else {
                throw HTTPRefusal(.error(400, "?format= must be \(AnswerFormat.names)"))
            }
            self = format
            return
        }
        let accepted = AcceptedTypes(head.headers["Accept"] ?? "").types
        self = accepted.lazy.compactMap { AnswerFormat(mediaType: $0) }.first ?? .json
    }

    /// Nil for types that no answer is written in.
    private init?(mediaType: String) {
        switch mediaType {
        case "application/json", "application/*", "*/*": self = .json
        case "text/csv", "text/*": self = .csv
        case "application/x-ndjson", "application/ndjson": self = .ndjson
        case "application/vnd.apache.arrow.stream": self = .arrow
        case "application/vnd.apache.parquet": self = .parquet
        default: return nil
        }
    }

    /// Throws a refusal when the format has no place for what the query asks.
    func check(_ query: Query) throws(HTTPRefusal) {
        if self != .json, query.compareOffset != nil {
            throw HTTPRefusal(
                .error(
                    400,
                    "compare is answered in JSON only; \(rawValue) has one row a group: "
                        + "leave compare out"))
        }
    }

    func response(_ answer: QueryAnswer) -> HTTPResponse {
        let type: String
        switch self {
        case .json: type = "application/json"
        case .csv: type = "text/csv; charset=utf-8"
        case .ndjson: type = "application/x-ndjson"
        case .arrow: type = "application/vnd.apache.arrow.stream"
        case .parquet: type = "application/vnd.apache.parquet"
        }
        var headers: HTTPHeaders = ["Content-Type": type]
        // Formats of rows have no other place for these.
        if let cursor = answer.meta.cursor { headers["Widefield-Cursor"] = cursor.text }
        if answer.meta.isPartial { headers["Widefield-Partial"] = "true" }
        return HTTPResponse(status: 200, headers: headers, body: bytes(answer))
    }

    /// The answer in this format.
    func bytes(_ answer: QueryAnswer) -> [UInt8] {
        switch self {
        case .json:
            var document = ResultDocument(answer)
            return document.document()
        case .ndjson: return ResultRows(answer: answer).lines()
        case .csv: return ResultRows(answer: answer).file(CSVWriter.self)
        case .arrow: return ResultRows(answer: answer).file(ArrowStreamWriter.self)
        case .parquet: return ResultRows(answer: answer).file(ParquetWriter.self)
        }
    }
}
