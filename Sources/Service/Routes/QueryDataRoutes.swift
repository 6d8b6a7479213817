internal import Bytes
internal import EventQuery
internal import Host

/// Honeycomb's Query Data API: a query is saved, a result is made of it, the result is fetched.
struct QueryDataRoutes: Sendable {
    let service: QueryService
    let saved: SavedQueries
    let random: any RandomSource

    var routes: [Route] {
        [
            Route("POST", "/1/queries/{dataset}", .askQuestions, lane: .query) {
                call throws(HTTPRefusal) in
                let specification = try QueryDataRoutes.object(call)
                let dataset = call.parameters[0]
                _ = try Question(specification: specification, dataset: dataset)
                let id = saved.save(
                    .init(dataset: dataset, specification: specification),
                    environment: call.principal.environment)
                return .json(QueryDataRoutes.named(specification, id))
            },
            Route("GET", "/1/queries/{dataset}/{id}", .askQuestions) { call throws(HTTPRefusal) in
                let query = try query(call.parameters[1], call)
                return .json(QueryDataRoutes.named(query.specification, call.parameters[1]))
            },
            Route("POST", "/1/query_results/{dataset}", .askQuestions, lane: .query, replying: run),
            Route("GET", "/1/query_results/{dataset}/{id}", .askQuestions) {
                call throws(HTTPRefusal) in
                try result(call)
            },
        ]
    }

    // MARK: - Making a result

    /// Answers at once that the result is under way, and then works it out.
    private func run(_ call: RouteCall, _ reply: @escaping Route.Reply) {
        do throws(HTTPRefusal) {
            let request = try QueryDataRoutes.object(call)
            guard let queryID = request["query_id"]?.string else {
                throw HTTPRefusal(.error(400, "/query_id: expected the id of a query"))
            }
            let query = try query(queryID, call)
            var question = try Question(
                specification: query.specification, dataset: query.dataset)
            let hasSeries = request["disable_series"]?.bool != true
            if hasSeries { question.addSeries() } else { question.query.step = nil }
            question.options.wantsTotals =
                request["disable_total_by_aggregate"]?.bool == false
                || request["disable_other_by_aggregate"]?.bool == false
            if let limit = request["limit"]?.integer {
                guard !hasSeries, 1...Int64(QueryLimits.rowsMax) ~= limit else {
                    throw HTTPRefusal(
                        .error(400, "/limit: 1 to \(QueryLimits.rowsMax), with disable_series"))
                }
                question.query.limit = Int(limit)
            }
            let id = hexadecimal(random.nextUInt64(), digits: 16)
            let name = SavedQueries.Name(environment: call.principal.environment, id: id)
            let shown = QueryDataRoutes.named(query.specification, queryID)
            saved.save(.running(query: shown), as: name)
            var response = created(id, shown, call)
            response.note(question.query)
            reply(response)
            saved.save(.done(document(question, shown, id, call)), as: name)
        } catch {
            reply(error.response)
        }
    }

    private func created(_ id: String, _ query: JSONValue, _ call: RouteCall) -> HTTPResponse {
        var response = HTTPResponse.json(
            ["query": query, "id": .string(id), "complete": false, "links": links(call)],
            status: 201)
        let dataset = percentEncoded(call.parameters[0])
        response.headers["Location"] = "/1/query_results/\(dataset)/\(id)"
        return response
    }

    private func document(
        _ question: Question, _ query: JSONValue, _ id: String, _ call: RouteCall
    ) -> [UInt8] {
        var head: [(name: String, value: JSONValue)] = [
            ("query", query), ("id", .string(id)), ("complete", true), ("links", links(call)),
        ]
        do throws(HTTPRefusal) {
            let answer = try service.answer(question, environment: call.principal.environment)
            var document = ResultDocument(answer, hasSeries: question.query.step != nil)
            return document.document(head: head)
        } catch {
            // A failed result is one, in the shape of one.
            let reason = try? JSONValue(parsing: error.response.body)["error"]
            head.append(("error", reason ?? "the query failed"))
            return Array(
                JSONValue.object(JSONObject(head.map { .init($0.name, $0.value) })).text.utf8)
        }
    }

    // MARK: - Fetching

    private func result(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let id = call.parameters[1]
        let name = SavedQueries.Name(environment: call.principal.environment, id: id)
        switch saved.result(name) {
        case nil: throw HTTPRefusal(.error(404, "query result not found"))
        case .running(let query):
            return .json(["query": query, "id": .string(id), "complete": false])
        case .done(let document):
            var response = HTTPResponse.json(document)
            response.headers["Cache-Control"] = "private, max-age=86400"
            return response
        }
    }

    private func query(
        _ id: String, _ call: RouteCall
    ) throws(HTTPRefusal) -> SavedQueries.SavedQuery {
        guard let query = saved.query(id, environment: call.principal.environment) else {
            throw HTTPRefusal(.error(404, "query not found"))
        }
        return query
    }

    // MARK: - Bodies

    private static func object(_ call: RouteCall) throws(HTTPRefusal) -> JSONValue {
        let value = try call.request.json()
        guard value.object != nil else {
            throw HTTPRefusal(.error(400, "expected an object, found \(value.typeName)"))
        }
        return value
    }

    private static func named(_ specification: JSONValue, _ id: String) -> JSONValue {
        var object = specification.object ?? JSONObject()
        object["id"] = .string(id)
        return .object(object)
    }

    private func links(_ call: RouteCall) -> JSONValue {
        ["query_url": .string("http://\(call.head.headers["Host"] ?? "localhost")/")]
    }
}
