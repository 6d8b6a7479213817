internal import Alerting
internal import EventQuery
internal import EventStore
internal import Host
internal import Metrics
internal import SeriesStore

/// The metrics of an environment: those of spans, which are always there, and those that were defined.
struct DerivedMetrics: Sendable {
    let service: QueryService
    let stored: SeriesStores
    let past: EventsPast
    /// Of all environments, from the configuration.
    let configured: [MetricDefinition]
    /// Whose events are counted by metrics of their own.
    let levels: ServiceLevels

    /// The metrics that no call made and none can change.
    var fixed: [FixedMetric] {
        BuiltInMetrics.definitions.map { FixedMetric(definition: $0, origin: .builtin) }
            + configured.map { FixedMetric(definition: $0, origin: .configured) }
    }

    /// The series of this moment: those that are counted from the environment's events when they are
    /// asked for, and those that were written.
    ///
    /// - Parameters:
    ///   - isSettled: whether cells are left out whose events may still be under way.
    ///   - servesRules: whether alerts of SLOs ask, one after the other.
    func series(
        of environment: String, _ cancellation: QueryCancellation,
        notes: SeriesNotes = SeriesNotes(), isSettled: Bool = true, servesRules: Bool = false
    ) throws -> any SeriesSource {
        let derived = try derived(
            of: environment, cancellation, notes: notes,
            settling: isSettled ? DerivedSeries.settling : 0, readsOpenCells: !isSettled)
        var all: any SeriesSource = derived
        if let told = levelSeries(of: environment, over: derived, servesRules: servesRules) {
            all = JoinedSeries(told, all)
        }
        guard let written = try stored.written(in: environment) else { return all }
        return JoinedSeries(all, written)
    }

    /// Those of them that are counted from events.
    ///
    /// - Parameter settling: milliseconds for which events of a cell may still be under way.
    func derived(
        of environment: String, _ cancellation: QueryCancellation,
        notes: SeriesNotes = SeriesNotes(),
        settling: Int64 = DerivedSeries.settling, readsOpenCells: Bool = false
    ) throws -> DerivedSeries {
        DerivedSeries(
            definitions(of: environment), now: service.clock.wallNanoseconds() / 1_000_000,
            past: try past.series(of: environment, notes: notes), settling: settling,
            readsOpenCells: readsOpenCells, ask(environment, cancellation))
    }

    /// What is told of the environment's SLOs; nil when it has none.
    func levelSeries(
        of environment: String, over derived: DerivedSeries, servesRules: Bool = false
    ) -> SLOSeries? {
        let objectives = levels.objectives(of: environment)
        if objectives.isEmpty { return nil }
        let now = service.clock.wallNanoseconds() / 1_000_000
        return SLOSeries(objectives, over: derived, now: now, servesRules: servesRules)
    }

    /// The exemplars of the series that are counted from events.
    func exemplars(of environment: String, _ cancellation: QueryCancellation) -> DerivedExemplars {
        DerivedExemplars(
            definitions(of: environment), now: service.clock.wallNanoseconds() / 1_000_000,
            ask(environment, cancellation))
    }

    /// How the queries behind metrics are answered.
    ///
    /// - Parameter timeLimit: nanoseconds that one may take; nil for what others may.
    func ask(
        _ environment: String, _ cancellation: QueryCancellation, timeLimit: Int64? = nil
    ) -> DerivedSeries.Ask {
        { query in
            guard let query = known(query, in: environment) else { return .empty }
            let answer: QueryAnswer
            do throws(HTTPRefusal) {
                var question = Question(query)
                if let timeLimit { question.options.timeLimit = timeLimit }
                answer = try service.answer(
                    question, environment: environment, cancellation: cancellation)
            } catch {
                throw DerivedMetrics.failure(error)
            }
            return try DerivedMetrics.table(answer)
        }
    }

    /// The same query about the datasets that are there; nil when none is.
    private func known(_ query: Query, in environment: String) -> Query? {
        guard case .named(let names) = query.source else { return query }
        // Nothing was sent to the others yet, or all of it is gone.
        let known = names.filter { service.datasets.knows($0, in: environment) }
        if known.isEmpty { return nil }
        var query = query
        query.source = .named(known)
        return query
    }

    /// Counts events of counters without labels in cells, many of them in one pass.
    ///
    /// - Parameters:
    ///   - range: milliseconds since 1970, whole cells.
    ///   - width: milliseconds of a cell.
    func cells(
        of counters: [MetricDefinition], in environment: String, _ range: Range<Int64>,
        width: Int64, _ cancellation: QueryCancellation
    ) throws -> [[CellCount]] {
        try CounterCells(of: counters, in: range, width: width).counts(
            now: service.clock.wallNanoseconds() / 1_000_000,
            past: try past.series(of: environment)
        ) {
            let events = try service.store.snapshot(environment: environment)
                .narrowingHead(to: range.lowerBound * 1_000_000..<range.upperBound * 1_000_000)
            return { query in
                guard let query = known(query, in: environment) else { return .empty }
                let answer: QueryAnswer
                do throws(HTTPRefusal) {
                    answer = try service.answer(
                        query, over: events, environment: environment, cancellation: cancellation)
                } catch {
                    throw DerivedMetrics.failure(error)
                }
                return try DerivedMetrics.table(answer)
            }
        }
    }

    /// How metrics are counted of events that are about to go.
    var countingOfPast: EventsPast.Counting {
        EventsPast.Counting(definitions: { definitions(of: $0) }) { environment, events in
            guard let events else { return ask(environment, QueryCancellation()) }
            return { query in
                let answer: QueryAnswer
                do throws(HTTPRefusal) {
                    answer = try service.answer(query, over: events, environment: environment)
                } catch {
                    // What passes by itself is tried again; the events stay so long.
                    if error.response.status >= 500 { throw error }
                    throw DerivedMetrics.failure(error)
                }
                return try DerivedMetrics.table(answer)
            }
        }
    }

    private static func failure(_ refusal: HTTPRefusal) -> PromQLError {
        PromQLError(.execution, refusal.response.message ?? "the events cannot be counted")
    }

    private static func table(_ answer: QueryAnswer) throws(PromQLError) -> StatisticsTable {
        if answer.meta.isPartial {
            throw PromQLError(.timeout, "counting the events of a metric took too long")
        }
        guard case .statistics(let table) = answer.content else {
            preconditionFailure("BUG: the query of a metric is about events")
        }
        return table
    }

    func definitions(of environment: String) -> [MetricDefinition] {
        let stored = service.definitions.definitions(of: environment).all(.metrics)
            .compactMap { try? MetricDefinition($0.id, DefinitionBody($0.body)) }
        return fixed.map(\.definition) + stored + levels.metrics(of: environment)
    }

    /// What is known of each metric, by name.
    func metadata(
        of environment: String
    ) -> [(name: String, metadata: PrometheusAPI.Metadata)] {
        let counted = definitions(of: environment).map {
            (
                name: $0.name,
                metadata: PrometheusAPI.Metadata(
                    type: $0.typeName, help: $0.help, unit: $0.unit)
            )
        }
        if levels.objectives(of: environment).isEmpty {
            return counted.sorted { $0.name < $1.name }
        }
        let told = SLOSeries.descriptions.map {
            (
                name: $0.name,
                metadata: PrometheusAPI.Metadata(type: "gauge", help: $0.help, unit: "")
            )
        }
        return (counted + told).sorted { $0.name < $1.name }
    }
}

/// A metric that is there without a call.
struct FixedMetric: Sendable {
    enum Origin: String, Sendable {
        case builtin, configured
    }

    let definition: MetricDefinition
    let origin: Origin
}
