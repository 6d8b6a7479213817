internal import Bytes
internal import Compute
internal import EventQuery
internal import Host
internal import Synchronization

/// Honeycomb's Query Data API: a query is saved, a result is made of it, the result is fetched.
final class QueryDataRoutes: Sendable {
    private let service: QueryService
    private let watch: ClientWatch
    private let scheme: String
    private let results: SavedResults
    /// Results that are made anew because somebody fetches them.
    private let renewals = Atomic(0)

    /// - Parameter scheme: of the server's own addresses.
    init(service: QueryService, results: SavedResults, watch: ClientWatch, scheme: String) {
        self.service = service
        self.results = results
        self.watch = watch
        self.scheme = scheme
    }

    var routes: [Route] {
        [
            Route("POST", "/1/queries/{dataset}", .askQuestions, lane: .query) {
                [self] call throws(HTTPRefusal) in
                let dataset = try service.datasets.scope(of: call)
                let specification = try QueryDataRoutes.object(call)
                let query = Definitions.SavedQuery(
                    dataset: call.parameters[0], specification: specification)
                _ = try Question(specification: specification, dataset: query.dataset)
                guard specification.text.utf8.count <= ServiceLimits.savedQueryBytesMax else {
                    throw HTTPRefusal(.error(413, "the query is too long to be kept"))
                }
                try service.definitions.change(call.principal.environment) {
                    $0.save(query, of: dataset)
                }
                return .json(QueryDataRoutes.named(specification, query.id))
            },
            Route("GET", "/1/queries/{dataset}/{id}", .askQuestions) {
                [self] call throws(HTTPRefusal) in
                let id = call.parameters[1]
                return .json(QueryDataRoutes.named(try query(id, call).specification, id))
            },
            Route("POST", "/1/query_results/{dataset}", .askQuestions, lane: .query) {
                [self] call, reply in
                run(call, reply)
            },
            Route("GET", "/1/query_results/{dataset}/{id}", .askQuestions) {
                [self] call throws(HTTPRefusal) in
                try fetch(call)
            },
        ]
    }

    // MARK: - Making a result

    /// A result that is to be made, with all that its document needs.
    private struct Task: Sendable {
        let request: ResultRequest
        let question: Question
        let specification: JSONValue
        let environment: String
        let links: JSONValue

        var name: SavedResults.Name {
            SavedResults.Name(environment: environment, id: request.id)
        }

        /// The members that a result has from the beginning on.
        func head(isComplete: Bool) -> [(name: String, value: JSONValue)] {
            [
                ("query", QueryDataRoutes.named(specification, request.queryID)),
                ("id", .string(request.id)), ("complete", .bool(isComplete)), ("links", links),
            ]
        }
    }

    private func task(_ request: ResultRequest, _ call: RouteCall) throws(HTTPRefusal) -> Task {
        let query = try query(request.queryID, call)
        let question = try request.question(query.specification, of: query.dataset)
        return Task(
            request: request, question: question, specification: query.specification,
            environment: call.principal.environment, links: links(question, request, call))
    }

    /// Answers at once that the result is under way, and then works it out.
    private func run(_ call: RouteCall, _ reply: @escaping Route.Reply) {
        do throws(HTTPRefusal) {
            let request = try ResultRequest(
                QueryDataRoutes.object(call), askedAt: service.clock.wallNanoseconds())
            let task = try task(request, call)
            results.save(.running, as: task.name)
            var response = QueryDataRoutes.underWay(task, status: 201)
            let dataset = percentEncoded(call.parameters[0])
            response.headers["Location"] =
                origin(call) + "/1/query_results/\(dataset)/\(request.id)"
            response.note(task.question.query)
            reply(response)
            results.save(.done(document(task)), as: task.name)
        } catch {
            reply(error.response)
        }
    }

    private static func underWay(_ task: Task, status: Int) -> HTTPResponse {
        let members = task.head(isComplete: false).map { JSONObject.Member($0.name, $0.value) }
        return .json(.object(JSONObject(members)), status: status)
    }

    private func document(_ task: Task) -> [UInt8] {
        var head = task.head(isComplete: true)
        do throws(HTTPRefusal) {
            let (request, question) = (task.request, task.question)
            let answer = try service.answer(
                question, environment: task.environment, now: request.askedAt)
            var document = ResultDocument(answer, hasSeries: request.hasSeries)
            document.hasTotal = request.hasTotal
            document.hasOther = request.hasOther
            if request.hasTotal, request.hasSeries {
                document.totalSeries = try service.answer(
                    question.ofAllGroups, environment: task.environment, now: request.askedAt)
            }
            return document.document(head: head)
        } catch {
            // A failed result is one, in the shape of one.
            head.append(("error", .string(error.response.message ?? "the query failed")))
            let members = head.map { JSONObject.Member($0.name, $0.value) }
            return Array(JSONValue.object(JSONObject(members)).text.utf8)
        }
    }

    // MARK: - Fetching

    private func fetch(_ call: RouteCall) throws(HTTPRefusal) -> HTTPResponse {
        let id = call.parameters[1]
        let name = SavedResults.Name(environment: call.principal.environment, id: id)
        guard let request = ResultRequest(id: id) else {
            throw HTTPRefusal(.error(404, "query result not found"))
        }
        if case .done(let document) = results.result(name) {
            var response = HTTPResponse.json(document)
            response.headers["Cache-Control"] = "private, max-age=86400"
            response.headers["Last-Modified"] = TimeFormat.text(
                "%a, %d %b %Y %H:%M:%S GMT", seconds: Double(request.askedAt / 1_000_000_000))
            return response
        }
        let task = try task(request, call)
        if results.begin(name) { try renew(task) }
        return QueryDataRoutes.underWay(task, status: 200)
    }

    /// Makes a result that is not kept any more, on a thread of its own: this one answers many.
    private func renew(_ task: Task) throws(HTTPRefusal) {
        let isTooMany =
            renewals.add(1, ordering: .relaxed).newValue > ServiceLimits.renewedResultsMax
        do throws(HostError) {
            if !isTooMany {
                _ = try HostThread(name: "result") { [self] in
                    results.save(.done(document(task)), as: task.name)
                    renewals.subtract(1, ordering: .relaxed)
                }
                return
            }
        } catch {}
        renewals.subtract(1, ordering: .relaxed)
        results.forget(task.name)
        throw HTTPRefusal(.busy(503, "too many results are being made", retryAfterSeconds: 1))
    }

    private func query(
        _ id: String, _ call: RouteCall
    ) throws(HTTPRefusal) -> Definitions.SavedQuery {
        let dataset = try service.datasets.scope(of: call)
        let definitions = service.definitions.definitions(of: call.principal.environment)
        guard let query = definitions.savedQuery(id, of: dataset) else {
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

    private func origin(_ call: RouteCall) -> String {
        "\(scheme)://\(call.head.headers["Host"] ?? "localhost")"
    }

    /// The page with the same question about the same time.
    private func links(
        _ question: Question, _ request: ResultRequest, _ call: RouteCall
    ) -> JSONValue {
        let text = question.query.fixed(at: request.askedAt).text
        return ["query_url": .string("\(origin(call))/#q=\(percentEncoded(text))")]
    }
}
