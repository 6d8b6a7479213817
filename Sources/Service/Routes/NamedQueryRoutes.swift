internal import Bytes
internal import EventQuery
internal import Host

/// `/api/queries`: texts of questions that people gave names to.
struct NamedQueryRoutes: Sendable {
    let definitions: DefinitionStore
    let scheme: String
    var clock: any HostClock = Machine.real.clock

    var routes: [Route] {
        [
            Route("GET", "/api/queries", .askQuestions) { call throws(HTTPRefusal) in
                let named = queries.all(of: call.principal.environment)
                return .json(.array(named.map { json($0, call) }))
            },
            Route("GET", "/api/queries/{name}", .askQuestions) { call throws(HTTPRefusal) in
                .json(json(try queries.document(of: call), call))
            },
            Route("PUT", "/api/queries/{name}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try put(call)
            },
            queries.deletion("/api/queries/{name}", .askQuestions),
        ]
    }

    private var queries: NamedDefinitions {
        NamedDefinitions(
            kind: .namedQueries, noun: Definitions.namedQueryNoun,
            limit: ServiceLimits.namedQueriesMax, store: definitions)
    }

    private static let nameBytesMax = 255

    /// Gives a text a name, in the place of what had it.
    private func put(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let name = call.parameters[0]
        guard name.utf8.count <= NamedQueryRoutes.nameBytesMax else {
            throw HTTPRefusal(
                .error(400, "a name has at most \(NamedQueryRoutes.nameBytesMax) bytes"))
        }
        let sent = try DefinitionBody(call.request)
        let text = try sent.requiredText("query", charactersMax: QueryLimits.textBytesMax)
        _ = try Question(text: text)
        let now = JSONValue.string(RFC3339.text(nanoseconds: clock.wallNanoseconds()))
        var body = JSONObject()
        body["query"] = .string(text)
        body["description"] =
            .string(try sent.text("description", charactersMax: 1023) ?? "")
        body["updated_at"] = now
        let values = body
        let (document, isNew) = try queries.put(name, in: call.principal.environment) { before in
            var body = values
            body["created_at"] = before?.body["created_at"] ?? now
            return body
        }
        return .json(json(document, call), status: isNew ? 201 : 200)
    }

    private func json(_ query: Definitions.Document, _ call: RouteCall) -> JSONValue {
        var object = JSONObject()
        object["name"] = .string(query.id)
        for member in query.body.members { object[member.key] = member.value }
        let link = "\(scheme)://\(call.head.headers["Host"] ?? "localhost")/#q="
        object["url"] = .string(link + percentEncoded(query.body["query"]?.string ?? ""))
        return .object(object)
    }
}

extension Definitions {
    fileprivate static let namedQueryNoun = "query"

    /// The body of a question with the text of the query that it names in the place of the name.
    func resolving(_ body: JSONValue) throws(HTTPRefusal) -> JSONValue {
        guard var object = body.object, let saved = object["saved"] else { return body }
        guard let name = saved.string, object["query"] == nil else {
            throw HTTPRefusal(.error(400, "/saved: expected a name, and no /query beside it"))
        }
        let text = try named(name, .namedQueries, Definitions.namedQueryNoun).body["query"] ?? .null
        object = JSONObject(object.members.filter { $0.key != "saved" })
        object["query"] = text
        return .object(object)
    }
}
