internal import Bytes
internal import EventQuery

/// `POST /api/explain`: how a question is answered, and with `analyze` what it took.
struct ExplainRoutes: Sendable {
    let service: QueryService
    let watch: ClientWatch

    var routes: [Route] {
        [
            Route("POST", "/api/explain", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let (question, isAnalyzed) = try read(call)
                let environment = call.principal.environment
                return try watch.watching(call.head.connection) {
                    (cancellation) throws(HTTPRefusal) in
                    let document = try service.explanation(
                        of: question, environment: environment, isAnalyzed: isAnalyzed,
                        cancellation: cancellation)
                    return .json(document.json)
                }
            }
        ]
    }

    private func read(_ call: RouteCall) throws(HTTPRefusal) -> (Question, isAnalyzed: Bool) {
        let definitions = service.definitions.definitions(of: call.principal.environment)
        let body = try definitions.resolving(call.request.json())
        var members = body.object ?? JSONObject()
        let isAnalyzed = members["analyze"]
        guard isAnalyzed == nil || isAnalyzed?.bool != nil else {
            throw HTTPRefusal(.error(400, "/analyze: expected a boolean"))
        }
        members = JSONObject(members.members.filter { $0.key != "analyze" })
        return (try Question(body: .object(members)), isAnalyzed?.bool ?? false)
    }
}
