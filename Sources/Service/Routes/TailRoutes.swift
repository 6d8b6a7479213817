internal import Bytes
internal import EventQuery

/// `GET /api/tail`: what arrives, as server-sent events.
struct TailRoutes: Sendable {
    let service: QueryService
    let ending: TailEnding
    private let streams = StreamThreads(most: ServiceLimits.tailsMax)

    init(service: QueryService, ending: TailEnding) {
        self.service = service
        self.ending = ending
    }

    var routes: [Route] {
        [
            Route("GET", "/api/tail", .askQuestions) { call throws(HTTPRefusal) in
                let question = try TailQuestion(call)
                try service.checkDatasets(of: question.query, in: question.environment)
                let feed = TailFeed(question: question, service: service, ending: ending)
                let client = call.head.connection
                var response = try streams.response(
                    headers: ["Content-Type": "text/event-stream", "Cache-Control": "no-cache"],
                    head: Array(": widefield\n\n".utf8)
                ) { stream in
                    feed.run(to: stream, of: client)
                    return true
                }
                response.note(question.query)
                return response
            }
        ]
    }
}
