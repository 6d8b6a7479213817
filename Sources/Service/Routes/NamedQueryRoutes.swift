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
                let all = definitions.definitions(of: call.principal.environment)
                let named = all.all(.namedQueries).sorted { $0.id < $1.id }
                return .json(.array(named.map { json($0, call) }))
            },
            Route("GET", "/api/queries/{name}", .askQuestions) { call throws(HTTPRefusal) in
                let all = definitions.definitions(of: call.principal.environment)
                return .json(json(try all.namedQuery(call.parameters[0]), call))
            },
            Route("PUT", "/api/queries/{name}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try put(call)
            },
            Route("DELETE", "/api/queries/{name}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
                    let query = try all.namedQuery(call.parameters[0])
                    _ = all.remove(.namedQueries, query.id, of: query.dataset)
                }
                return HTTPResponse(status: 204)
            },
        ]
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
        return try definitions.change(call.principal.environment) { (all) throws(HTTPRefusal) in
            var body = values
            let old = try? all.namedQuery(name)
            body["created_at"] = old?.body["created_at"] ?? now
            guard old != nil || all.all(.namedQueries).count < ServiceLimits.namedQueriesMax else {
                throw HTTPRefusal(
                    .error(422, "there are \(ServiceLimits.namedQueriesMax) named queries"))
            }
            let document = Definitions.Document(id: name, dataset: Query.allDatasets, body: body)
            all.put(document, .namedQueries)
            return .json(json(document, call), status: old == nil ? 201 : 200)
        }
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
    /// Throws a 404 when no query has the name.
    func namedQuery(_ name: String) throws(HTTPRefusal) -> Document {
        guard let query = document(.namedQueries, name, of: Query.allDatasets) else {
            let names = all(.namedQueries).map(\.id)
            let hint = nearestName(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw HTTPRefusal(.error(404, "no query is called '\(name)'\(hint)"))
        }
        return query
    }

    /// The body of a question with the text of the query that it names in the place of the name.
    func resolving(_ body: JSONValue) throws(HTTPRefusal) -> JSONValue {
        guard var object = body.object, let saved = object["saved"] else { return body }
        guard let name = saved.string, object["query"] == nil else {
            throw HTTPRefusal(.error(400, "/saved: expected a name, and no /query beside it"))
        }
        let text = try namedQuery(name).body["query"] ?? .null
        object = JSONObject(object.members.filter { $0.key != "saved" })
        object["query"] = text
        return .object(object)
    }
}
