internal import Bytes
public import SeriesStore

/// The HTTP API of Prometheus over a source of series: what Grafana and `promtool` ask.
///
/// Takes parameters that have been decoded and gives documents; it knows no HTTP and no clock but those
/// that it is given.
public struct PrometheusAPI: Sendable {
    /// What a metric is, as its definition says.
    public struct Metadata: Hashable, Sendable {
        /// `counter`, `gauge`, `histogram`, `summary` or `unknown`.
        public let type: String
        public let help: String
        public let unit: String

        public init(type: String, help: String, unit: String) {
            self.type = type
            self.help = help
            self.unit = unit
        }
    }

    /// What a request is to be answered with.
    public struct Answer: Sendable {
        /// The status of HTTP.
        public let status: Int
        /// A document in JSON.
        public let body: [UInt8]
    }

    private let source: any SeriesSource
    private let exemplars: DerivedExemplars?
    private let metadata: [(name: String, metadata: Metadata)]
    private let notes: SeriesNotes?
    private let options: PromQLEngine.Options
    /// The version of the program that answers.
    private let version: String

    /// - Parameters:
    ///   - metadata: of metrics, by their names ascending.
    ///   - exemplars: nil for none.
    ///   - notes: what the source notes while a query reads it.
    public init(
        _ source: any SeriesSource, metadata: [(name: String, metadata: Metadata)] = [],
        exemplars: DerivedExemplars? = nil, notes: SeriesNotes? = nil,
        options: PromQLEngine.Options = PromQLEngine.Options(), version: String
    ) {
        self.exemplars = exemplars
        self.source = source
        self.metadata = metadata
        self.notes = notes
        self.options = options
        self.version = version
    }

    /// Answers a request.
    ///
    /// - Parameter path: what follows `/api/v1/`, such as `query` or `label/job/values`.
    /// - Returns: nil when there is nothing at the path.
    public func answer(_ path: String, _ request: PrometheusRequest) -> Answer? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let work: (inout PrometheusDocument) throws(PrometheusFault) -> Void
        switch (parts.first, parts.count) {
        case ("query", 1):
            work = { document throws(PrometheusFault) in
                try query(request, &document)
            }
        case ("query_range", 1):
            work = { document throws(PrometheusFault) in
                try queryRange(request, &document)
            }
        case ("format_query", 1):
            work = { document throws(PrometheusFault) in
                document.string(try request.query().description)
            }
        case ("series", 1):
            work = { document throws(PrometheusFault) in
                try series(request, &document)
            }
        case ("labels", 1):
            work = { document throws(PrometheusFault) in
                try labels(request, of: nil, &document)
            }
        case ("label", 3) where parts[2] == "values":
            work = { document throws(PrometheusFault) in
                try labels(request, of: LabelNames.unescaped(String(parts[1])), &document)
            }
        case ("query_exemplars", 1):
            work = { document throws(PrometheusFault) in
                try exemplars(request, &document)
            }
        case ("metadata", 1):
            work = { document throws(PrometheusFault) in
                try metadata(request, &document)
            }
        case ("status", 2) where parts[1] == "buildinfo":
            work = { document throws(PrometheusFault) in document.buildInfo(version) }
        default: return nil
        }
        return PrometheusDocument.answer(work)
    }

    // MARK: - Queries

    private func query(
        _ request: PrometheusRequest, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        let limit = try request.limit()
        let time = try request.time("time") ?? request.now
        let engine = try engine(request)
        let query = try request.query()
        let answer = try PrometheusFault.mapping { () throws(PromQLError) in
            try engine.answer(query, at: time)
        }
        document.write(answer, notes, limit: limit)
    }

    private func queryRange(
        _ request: PrometheusRequest, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        let limit = try request.limit()
        let start = try request.neededTime("start")
        let end = try request.neededTime("end")
        guard end >= start else {
            throw PrometheusFault("end", "end timestamp must not be before start time")
        }
        let step = try request.duration("step") ?? 0
        guard step > 0 else {
            throw PrometheusFault(
                "step",
                "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        guard (end - start) / step <= PrometheusAPI.steps else {
            throw PrometheusFault(
                .badData,
                "exceeded maximum resolution of 11,000 points per timeseries. "
                    + "Try decreasing the query resolution (?step=XX)")
        }
        let engine = try engine(request)
        let query = try request.query()
        let answer = try PrometheusFault.mapping { () throws(PromQLError) in
            try engine.answer(query, from: start, to: end, step: step)
        }
        document.write(answer, notes, limit: limit)
    }

    /// Steps of a range query: a week by the minute.
    private static let steps: Int64 = 11_000

    private func engine(_ request: PrometheusRequest) throws(PrometheusFault) -> PromQLEngine {
        var options = options
        let allowed = try request.duration("timeout").map { max(0, $0) } ?? request.timeLimit
        let deadline = request.clock() &+ min(allowed, request.timeLimit)
        let (clock, isCanceled) = (request.clock, request.isCanceled)
        options.interruption = {
            if isCanceled() {
                return PromQLError(.canceled, "query was canceled in expression evaluation")
            }
            if clock() > deadline {
                return PromQLError(.timeout, "query timed out in expression evaluation")
            }
            return nil
        }
        if let lookback = try request.duration("lookback_delta") {
            guard lookback > 0 else {
                throw PrometheusFault(
                    .badData, "error parsing lookback delta duration: it must be above 0")
            }
            options.lookback = lookback
        }
        return PromQLEngine(source, options: options)
    }

    // MARK: - Series and labels

    private func read<Value>(_ work: () throws -> Value) throws(PrometheusFault) -> Value {
        do {
            return try work()
        } catch {
            throw PrometheusFault(.execution, "\(error)")
        }
    }

    private func series(
        _ request: PrometheusRequest, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        guard !request.values("match[]").isEmpty else {
            throw PrometheusFault(.badData, "no match[] parameter provided")
        }
        let limit = try request.limit()
        let (start, end) = try request.timeRange()
        var found: [Labels] = []
        for matchers in try request.matchers() {
            found += try read { try source.series(matchers, from: start, to: end) }
        }
        let all = Set(found).sorted()
        document.array(document.truncated(all, limit)) { document, labels in
            document.write(labels)
        }
    }

    /// Exemplars of every series that a query looks at, each series once.
    private func exemplars(
        _ request: PrometheusRequest, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        let start = try request.neededTime("start")
        let end = try request.neededTime("end")
        let query = try request.query()
        var found: [Labels: SeriesExemplars] = [:]
        for matchers in query.root.selectors {
            let more = try read { try exemplars?.select(matchers, from: start, to: end) ?? [] }
            for series in more { found[series.labels] = series }
        }
        document.array(found.values.sorted { $0.labels < $1.labels }) { document, series in
            document.write(series)
        }
    }

    /// The names of labels, or the values of one.
    private func labels(
        _ request: PrometheusRequest, of name: String?, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        if name == "" { throw PrometheusFault(.badData, "invalid label name: \"\"") }
        let limit = try request.limit()
        let (start, end) = try request.timeRange()
        let sets = try request.matchers()
        var found = Set<String>()
        for matchers in sets.isEmpty ? [[]] : sets {
            let more = try read {
                if let name {
                    try source.labelValues(of: name, matchers, from: start, to: end)
                } else {
                    try source.labelNames(matchers, from: start, to: end)
                }
            }
            found.formUnion(more)
        }
        let all = found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        document.array(document.truncated(all, limit)) { document, text in
            document.string(text)
        }
    }

    private func metadata(
        _ request: PrometheusRequest, _ document: inout PrometheusDocument
    ) throws(PrometheusFault) {
        let limit = try request.number("limit")
        let limitOfMetric = try request.number("limit_per_metric")
        let wanted = request.value("metric") ?? ""
        var found: [(name: String, all: [Metadata])] = []
        for (name, one) in metadata where wanted.isEmpty || wanted == name {
            if found.last?.name != name {
                if let limit, limit >= 0, found.count >= limit { break }
                found.append((name, []))
            }
            let place = found.count - 1
            if let limitOfMetric, limitOfMetric > 0, found[place].all.count >= limitOfMetric {
                continue
            }
            if !found[place].all.contains(one) { found[place].all.append(one) }
        }
        document.metadata(found)
    }
}

/// Names of labels as they stand in a path.
enum LabelNames {
    /// Undoes `U__`, behind which `_2e_` is a dot and `__` an underscore; what is not so stays.
    static func unescaped(_ name: String) -> String {
        guard name.hasPrefix("U__") else { return name }
        var rest = name.dropFirst(3)
        var result = ""
        while let character = rest.popFirst() {
            if character != "_" {
                result.append(character)
            } else if rest.first == "_" {
                rest.removeFirst()
                result.append("_")
            } else {
                guard let end = rest.firstIndex(of: "_"),
                    let scalar = UInt32(rest[..<end], radix: 16).flatMap(Unicode.Scalar.init)
                else { return name }
                result.unicodeScalars.append(scalar)
                rest = rest[rest.index(after: end)...]
            }
        }
        return result
    }
}

extension PromQLNode {
    /// The conditions of all selectors in it.
    fileprivate var selectors: [[LabelMatcher]] {
        switch kind {
        case .number, .string: []
        case .selector(let selector), .window(let selector, _): [selector.matchers]
        case .subquery(let subquery): subquery.inner.selectors
        case .call(_, let arguments): arguments.flatMap(\.selectors)
        case .aggregation(let aggregation):
            (aggregation.parameter?.selectors ?? []) + aggregation.operand.selectors
        case .binary(let operation): operation.left.selectors + operation.right.selectors
        case .unary(_, let inner), .parenthesised(let inner): inner.selectors
        }
    }
}
