internal import Bytes
internal import EventStore
internal import Host

/// `/api/erasures`: events that go for ever, and the receipts of those that went; `/api/backup`.
struct ErasureRoutes: Sendable {
    let eraser: Eraser
    let backup: Backup

    var routes: [Route] {
        [
            Route("POST", "/api/erasures", .define, lane: .query) { call throws(HTTPRefusal) in
                let body = try ErasureRoutes.members(["query", "dry_run"], of: call)
                guard let text = body["query"]?.string else {
                    throw HTTPRefusal(.error(400, "expected {\"query\": \"where …\"}"))
                }
                guard body["dry_run"] == nil || body["dry_run"]?.bool != nil else {
                    throw HTTPRefusal(.error(400, "/dry_run: expected a boolean"))
                }
                let environment = call.principal.environment
                if body["dry_run"]?.bool == true {
                    return .json(try eraser.preview(text, environment: environment))
                }
                return .json(try eraser.forget(text, environment: environment), status: 201)
            },
            Route("GET", "/api/erasures", .define, lane: .query) { call throws(HTTPRefusal) in
                .json(try eraser.receipts(environment: call.principal.environment))
            },
            Route("POST", "/api/backup", .define, lane: .query) { call throws(HTTPRefusal) in
                let body = try ErasureRoutes.members(["directory"], of: call)
                guard let directory = body["directory"]?.string, directory.hasPrefix("/") else {
                    throw HTTPRefusal(
                        .error(400, "expected {\"directory\": an absolute path on the server}"))
                }
                return .json(try backup.make(at: directory), status: 201)
            },
        ]
    }

    /// The members of a body that may have these alone: a misspelt one must not erase what it would have kept.
    private static func members(
        _ known: Set<String>, of call: RouteCall
    ) throws(HTTPRefusal) -> JSONObject {
        let members = try call.request.json().object ?? JSONObject()
        if let unknown = members.members.first(where: { !known.contains($0.key) }) {
            throw HTTPRefusal(.error(400, "/\(unknown.key): there is no such member"))
        }
        return members
    }
}
