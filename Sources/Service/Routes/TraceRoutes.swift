internal import Bytes
internal import EventQuery

/// `/api/traces/{trace_id}`: the whole tree of a trace, whatever datasets its events are in.
struct TraceRoutes: Sendable {
    let service: QueryService
    let watch: ClientWatch
    let streams: StreamThreads

    var routes: [Route] {
        [
            Route("GET", "/api/traces/{trace_id}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let hasData = try Self.asksForData(call.head)
                let answer = try watch.watching(call.head.connection) {
                    (cancellation) throws(HTTPRefusal) in
                    try service.trace(
                        call.parameters[0], environment: call.principal.environment,
                        cancellation: cancellation)
                }
                var response = try respond(answer, hasData: hasData)
                response.note(answer.meta)
                return response
            }
        ]
    }

    private static func asksForData(_ head: HTTPRequestHead) throws(HTTPRefusal) -> Bool {
        switch head.target.queryValue("data") {
        case nil, "true": true
        case "false": false
        default: throw HTTPRefusal(.error(400, "?data= must be true or false"))
        }
    }

    /// Nodes whose fields are in memory at a time.
    private static let nodesPerPiece = 1_000

    /// The first piece is made here, so that what goes wrong early has a status; the rest of a large
    /// trace is written while it is sent.
    private func respond(
        _ answer: TraceAnswer, hasData: Bool
    ) throws(HTTPRefusal) -> HTTPResponse {
        var document = TraceDocument(answer)
        document.begin()
        let count = answer.trace.nodes.count
        let first = min(TraceRoutes.nodesPerPiece, count)
        do throws(QueryFailure) {
            try write(0..<first, of: answer, hasData: hasData, to: &document)
        } catch {
            throw HTTPRefusal(error.response)
        }
        if first == count {
            document.end()
            return .json(document.takeBytes())
        }
        let head = document.takeBytes()
        let rest = document
        return try streams.response(
            headers: ["Content-Type": "application/json"], head: head
        ) { stream in
            var document = rest
            for start in stride(from: first, to: count, by: TraceRoutes.nodesPerPiece) {
                let piece = start..<min(start + TraceRoutes.nodesPerPiece, count)
                guard
                    (try? write(piece, of: answer, hasData: hasData, to: &document)) != nil,
                    stream.write(document.takeBytes())
                else { return false }
            }
            document.end()
            return stream.write(document.takeBytes())
        }
    }

    private func write(
        _ nodes: Range<Int>, of answer: TraceAnswer, hasData: Bool, to document: inout TraceDocument
    ) throws(QueryFailure) {
        let events =
            hasData
            ? try service.engine.events(of: answer, nodes)
            : Array(repeating: nil, count: nodes.count)
        for (index, event) in zip(nodes, events) { document.write(index, event) }
    }
}
