internal import Bytes
internal import EventQuery
internal import EventStore
internal import Events
internal import Host

/// Answers questions about one environment at a time, from a snapshot of the moment they are asked.
struct QueryService: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let engine: QueryEngine
    let definitions: DefinitionStore
    let clock: any HostClock

    /// Answers a question.
    ///
    /// - Parameter now: what `now` means in it, nanoseconds since 1970; nil for the present.
    /// - Throws: the refusal to send.
    func answer(
        _ question: Question, environment: String, now: Int64? = nil,
        cancellation: QueryCancellation = QueryCancellation()
    ) throws(HTTPRefusal) -> QueryAnswer {
        var query = question.query
        try checkDatasets(of: query, in: environment)
        let now = now ?? clock.wallNanoseconds()
        let sources = try sources(for: &query, environment: environment, now: now)
        let options = options(of: question.options, for: query, in: environment)
        do throws(QueryFailure) {
            return try engine.answer(
                query, over: sources, now: now, options: options, cancellation: cancellation)
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    /// Answers a query about some events alone, without looking at what was counted before.
    ///
    /// Throws the refusal to send.
    func answer(
        _ query: Query, over events: EventStoreSnapshot, environment: String,
        cancellation: QueryCancellation = QueryCancellation()
    ) throws(HTTPRefusal) -> QueryAnswer {
        var query = query
        let now = clock.wallNanoseconds()
        let sources = try sources(for: &query, in: events, now: now)
        var options = options(of: QueryOptions(), for: query, in: environment)
        options.usesCache = false
        do throws(QueryFailure) {
            return try engine.answer(
                query, over: sources, now: now, options: options, cancellation: cancellation)
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    /// Says how a question is answered, and if it is to be analyzed, what that took.
    ///
    /// Throws the refusal to send.
    func explanation(
        of question: Question, environment: String, isAnalyzed: Bool,
        cancellation: QueryCancellation
    ) throws(HTTPRefusal) -> ExplanationDocument {
        var query = question.query
        try checkDatasets(of: query, in: environment)
        let now = clock.wallNanoseconds()
        let segments = SegmentPruning(query, store.snapshot(environment: environment), now: now)
        let sources = try sources(for: &query, environment: environment, now: now)
        var options = options(of: question.options, for: query, in: environment)
        // What was counted before would hide what it takes to count.
        options.usesCache = false
        do throws(QueryFailure) {
            let explanation = try engine.explain(query, over: sources, now: now, options: options)
            guard isAnalyzed else {
                return ExplanationDocument(
                    query: question.query, explanation: explanation, segments: segments,
                    analysis: nil)
            }
            let trace = QueryTrace(clock: clock)
            options.trace = trace
            let answer = try engine.answer(
                query, over: sources, now: now, options: options, cancellation: cancellation)
            return ExplanationDocument(
                query: question.query, explanation: explanation, segments: segments,
                analysis: (trace.steps, answer.meta))
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    /// Finds a trace among all datasets of an environment.
    ///
    /// Throws the refusal to send, 404 when no event names the trace.
    func trace(
        _ id: String, environment: String, cancellation: QueryCancellation = QueryCancellation()
    ) throws(HTTPRefusal) -> TraceAnswer {
        let now = clock.wallNanoseconds()
        var all = Query()
        all.timeRange = .between(.absolute(.min), .absolute(.max))
        let sources = try sources(for: &all, environment: environment, now: now)
        let answer: TraceAnswer
        do throws(QueryFailure) {
            answer = try engine.trace(
                id, definitions.definitions(of: environment).traceNaming, over: sources, now: now,
                cancellation: cancellation)
        } catch {
            throw HTTPRefusal(error.response)
        }
        guard !answer.trace.isEmpty else {
            throw HTTPRefusal(.error(404, "no event belongs to this trace"))
        }
        return answer
    }

    /// How a query is to be answered, with what the environment defines of its fields and traces.
    func options(
        of asked: QueryOptions, for query: Query, in environment: String
    ) -> QueryOptions {
        var options = asked
        options.naming = naming(in: environment)
        (options.definitions, options.warnings) = query.definitions(
            from: storedColumns(of: environment))
        return options
    }

    /// The names by which traces are put together.
    private func naming(in environment: String) -> TraceNaming {
        var naming = definitions.definitions(of: environment).traceNaming
        if !naming.byDataset.isEmpty {
            naming.datasets = Dictionary(
                grouping: datasets.names(in: environment), by: DatasetName.key)
        }
        return naming
    }

    private func storedColumns(of environment: String) -> [StoredColumn] {
        let all = definitions.definitions(of: environment)
        if all.all(.derivedColumns).isEmpty { return [] }
        return all.storedColumns(
            Dictionary(grouping: datasets.names(in: environment), by: DatasetName.key))
    }

    private func sources(
        for query: inout Query, environment: String, now: Int64
    ) throws(HTTPRefusal) -> [any EventSource] {
        try sources(for: &query, in: store.snapshot(environment: environment), now: now)
    }

    private func sources(
        for query: inout Query, in events: EventStoreSnapshot, now: Int64
    ) throws(HTTPRefusal) -> [any EventSource] {
        do {
            return try events.sources(for: &query, now: now)
        } catch {
            throw HTTPRefusal(.error(500, "a segment cannot be read: \(error)"))
        }
    }

    /// Throws a 404 when a query names a dataset that is not there.
    func checkDatasets(of query: Query, in environment: String) throws(HTTPRefusal) {
        guard case .named(let names) = query.source else { return }
        for name in names where !datasets.knows(name, in: environment) {
            throw HTTPRefusal(unknown(name, in: environment))
        }
    }

    private func unknown(_ name: String, in environment: String) -> HTTPResponse {
        let known = datasets.names(in: environment)
        let hint = nearestName(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
        return .error(404, "dataset not found: there is no '\(name)'\(hint)")
    }
}

extension QueryFailure {
    var response: HTTPResponse {
        switch self {
        case .refused(let message): .error(400, message)
        case .outOfMemory, .tooLarge: .error(422, description)
        case .memoryIsShort: .busy(503, description, retryAfterSeconds: 1)
        case .cancelled: .error(503, description)
        case .storage(let message): .error(500, "stored events cannot be read: \(message)")
        }
    }
}
