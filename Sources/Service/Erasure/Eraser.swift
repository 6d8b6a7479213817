internal import Bytes
internal import Compute
internal import EventQuery
internal import EventStore
internal import Events
internal import Host

/// Takes events out of everything that keeps them, and leaves a receipt.
struct Eraser: Sendable {
    let queries: QueryService
    let stores: [any Erasable]
    let machine: Machine
    /// Writes what the server is about to tell of its requests, so that it can be erased.
    var settleTelemetry: @Sendable () -> Void = {}

    /// Erases the events that meet the conditions of a query, of all times when it names none.
    ///
    /// Throws the refusal to send.
    func forget(_ text: String, environment: String) throws(HTTPRefusal) -> JSONValue {
        let query = try Eraser.query(text)
        try queries.checkDatasets(of: query, in: environment)
        // For the refusals that only a plan knows, before anything is done.
        _ = try selectedRows(of: query, [], environment)
        let proof =
            hexadecimal(machine.random.nextUInt64(), digits: 16)
            + hexadecimal(machine.random.nextUInt64(), digits: 16)
        let digest = sha256(Array((proof + text).utf8))
        let texts = query.namedValues.compactMap(\.tracedText)
        let receipt = try erase(query, digest, texts, environment)
        try eraseElsewhere(query, texts, environment)
        var document = receipt.document
        document["proof"] = .string(proof)
        document["definitions"] = .array(definitions(holding: texts, environment))
        return .object(document)
    }

    /// Erases a dataset's events and all that was defined of it.
    ///
    /// Throws the refusal to send.
    func deleteDataset(_ name: String, environment: String) throws(HTTPRefusal) {
        var query = Query()
        query.source = .named([name])
        query.timeRange = .between(.absolute(.min), .absolute(.max))
        if queries.store.environments.contains(environment) {
            _ = try erase(query, [], [], environment)
        }
        let key = DatasetName.key(name)
        try queries.definitions.change(environment) { $0.removeAll(of: key) }
        let left = queries.store.snapshot(environment: environment).datasets
        // What came meanwhile is a dataset of that name anew.
        if !left.contains(where: { DatasetName.key($0) == key }) {
            queries.datasets.forget(key, in: environment)
        }
    }

    /// What was erased from an environment, the latest last.
    func receipts(environment: String) throws(HTTPRefusal) -> JSONValue {
        do throws(EventStoreError) {
            return .array(
                try queries.store.receipts(environment: environment).map { .object($0.document) })
        } catch {
            throw HTTPRefusal(error.erasureResponse)
        }
    }

    /// Reads what may be asked of an erasure: datasets, a time range, conditions.
    static func query(_ text: String) throws(HTTPRefusal) -> Query {
        // "from" may be left out, which the language does not allow.
        let start = text.drop { $0.isWhitespace }.hasPrefix("from") ? "" : "from * | "
        var query: Query
        do throws(QueryError) {
            query = try Query(parsing: start + text, defaultRange: .max)
        } catch {
            throw HTTPRefusal(error.shifted(by: -start.utf8.count).response)
        }
        if case .last(.max) = query.timeRange {
            query.timeRange = .between(.absolute(.min), .absolute(.max))
        }
        var plain = Query()
        (plain.source, plain.timeRange, plain.transforms) =
            (query.source, query.timeRange, query.transforms)
        guard query == plain, plain.transforms.contains(where: \.isFilter) else {
            throw HTTPRefusal(
                .error(
                    400,
                    "an erasure names datasets, a time and conditions: "
                        + "[from DATASET |] [last DURATION |] where CONDITION"))
        }
        return query
    }
}

// MARK: - Events

extension Eraser {
    private func erase(
        _ query: Query, _ digest: [UInt8], _ texts: [String], _ environment: String
    ) throws(HTTPRefusal) -> ErasureReceipt {
        let erasure = Erasure(
            environment: environment,
            id: hexadecimal(machine.random.nextUInt64(), digits: 16),
            condition: query.withoutValues.erasureText, digest: digest,
            texts: texts.map { Array($0.utf8) }
        ) { [self] sources in
            try selectedRows(of: query, sources, environment)
        }
        do throws(EventStoreError) {
            return try queries.store.erase(erasure)
        } catch {
            throw HTTPRefusal(error.erasureResponse)
        }
    }

    private func selectedRows(
        of query: Query, _ sources: [any EventSource], _ environment: String
    ) throws(HTTPRefusal) -> [Bitmap?] {
        do throws(QueryFailure) {
            return try queries.engine.selectedRows(
                of: query, over: sources, now: queries.clock.wallNanoseconds(),
                options: queries.options(of: QueryOptions(), for: query, in: environment))
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    // MARK: - Elsewhere

    /// What was counted and answered before, and what the server told of those who asked.
    private func eraseElsewhere(
        _ query: Query, _ texts: [String], _ environment: String
    ) throws(HTTPRefusal) {
        queries.engine.forgetCounts()
        do {
            for store in stores { try store.erase(texts, in: environment) }
        } catch {
            throw HTTPRefusal(
                .error(
                    500,
                    "the events are erased; what else may tell of them is not: \(error); "
                        + "ask for the same again"))
        }
        settleTelemetry()
        guard !texts.isEmpty, queries.store.environments.contains(SelfTelemetry.environment),
            environment != SelfTelemetry.environment
        else { return }
        var told = Query()
        told.timeRange = .between(.absolute(.min), .absolute(.max))
        told.transforms = [.filter(.or(texts.flatMap(Eraser.tellsOf)))]
        _ = try erase(told, [], texts, SelfTelemetry.environment)
    }

    /// The requests of which the server told a question with a text in it, or a path.
    private static func tellsOf(_ text: String) -> [Expression] {
        // As the text of a query has it: with escapes.
        let written = JSONValue.string(text).text.dropFirst().dropLast()
        return [
            .match(.contains, .field(.named("query.text")), String(written), negated: false),
            .match(.contains, .field(.named("url.path")), text, negated: false),
            .match(.contains, .field(.named("url.path")), percentEncoded(text), negated: false),
        ]
    }

    /// What people defined and what holds one of the texts; it stays theirs to change.
    private func definitions(holding texts: [String], _ environment: String) -> [JSONValue] {
        let all = queries.definitions.definitions(of: environment)
        return Definitions.Kind.allCases.flatMap { kind in
            all.all(kind).filter { document in
                let text = JSONValue.object(document.body).text
                return texts.contains {
                    text.contains(JSONValue.string($0).text.dropFirst().dropLast())
                }
            }.map { ["kind": .string(kind.rawValue), "id": .string($0.id)] }
        }
    }
}

extension QueryError {
    /// The same error in a text without what stood before the first line.
    fileprivate func shifted(by columns: Int) -> QueryError {
        line > 1
            ? self
            : QueryError(
                line: line, column: max(1, column + columns), message: message,
                expected: expected)
    }
}

extension FieldValue {
    /// The text by which traces of a value are known outside of events; nil for values that are so
    /// short, or so common, that they would be found where they mean something else.
    fileprivate var tracedText: String? {
        switch self {
        case .string(let text): text.utf8.count >= 3 ? text : nil
        case .int(let number): number.magnitude >= 100_000 ? String(number) : nil
        case .float, .bool, .missing: nil
        }
    }
}

extension Transform {
    fileprivate var isFilter: Bool {
        if case .filter = self { true } else { false }
    }
}

extension Query {
    /// The text of a receipt; all of time is no part of it.
    fileprivate var erasureText: String {
        guard timeRange == .between(.absolute(.min), .absolute(.max)) else { return text }
        let stages = text.split(separator: " | ", maxSplits: 2).map(String.init)
        return ([stages[0]] + stages.dropFirst(2)).joined(separator: " | ")
            .replacing(" | fields *", with: "")
    }
}

extension ErasureReceipt {
    /// As the API answers it.
    fileprivate var document: JSONObject {
        var document = JSONObject()
        document["id"] = .string(id)
        document["condition"] = .string(condition)
        if !digest.isEmpty { document["digest"] = .string(hexadecimal(digest)) }
        document["erased_at"] = .string(RFC3339.text(nanoseconds: erasedAt))
        document["events"] = .int(Int64(events))
        document["segments"] = .array(segments.map { .int(Int64(clamping: $0)) })
        document["finished"] = .bool(isFinished)
        return document
    }
}

extension EventStoreError {
    /// Why an erasure or a backup was not made.
    var erasureResponse: HTTPResponse {
        isTemporary
            ? .busy(503, description, retryAfterSeconds: 10) : .error(500, description)
    }
}
