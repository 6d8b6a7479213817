internal import EventQuery
internal import Host
internal import Metrics
internal import SeriesStore

/// The metrics of an environment: those of spans, which are always there, and those that were defined.
struct DerivedMetrics: Sendable {
    let service: QueryService
    let stored: SeriesStores
    /// Of all environments, from the configuration.
    let configured: [MetricDefinition]

    /// The metrics that no call made and none can change.
    var fixed: [FixedMetric] {
        BuiltInMetrics.definitions.map { FixedMetric(definition: $0, origin: .builtin) }
            + configured.map { FixedMetric(definition: $0, origin: .configured) }
    }

    /// The series of this moment: those that are counted from the environment's events when they are
    /// asked for, and those that were written.
    func series(
        of environment: String, _ cancellation: QueryCancellation
    ) throws -> any SeriesSource {
        let derived = DerivedSeries(
            definitions(of: environment), now: service.clock.wallNanoseconds() / 1_000_000,
            ask(environment, cancellation))
        guard let written = try stored.written(in: environment) else { return derived }
        return JoinedSeries(derived, written)
    }

    /// The exemplars of the series that are counted from events.
    func exemplars(of environment: String, _ cancellation: QueryCancellation) -> DerivedExemplars {
        DerivedExemplars(
            definitions(of: environment), now: service.clock.wallNanoseconds() / 1_000_000,
            ask(environment, cancellation))
    }

    /// How the queries behind metrics are answered.
    func ask(_ environment: String, _ cancellation: QueryCancellation) -> DerivedSeries.Ask {
        { query in
            let answer: QueryAnswer
            do throws(HTTPRefusal) {
                answer = try service.answer(
                    Question(query), environment: environment, cancellation: cancellation)
            } catch {
                let message = error.response.message ?? "the events cannot be counted"
                throw PromQLError(.execution, message)
            }
            if answer.meta.isPartial {
                throw PromQLError(.timeout, "counting the events of a metric took too long")
            }
            guard case .statistics(let table) = answer.content else {
                preconditionFailure("BUG: the query of a metric is about events")
            }
            return table
        }
    }

    func definitions(of environment: String) -> [MetricDefinition] {
        let stored = service.definitions.definitions(of: environment).all(.metrics)
            .compactMap { try? MetricDefinition($0.id, DefinitionBody($0.body)) }
        return (fixed.map(\.definition) + stored).filter { definition in
            // Nothing was sent to the dataset yet, or it is gone.
            guard case .named(let names) = definition.source else { return true }
            return names.allSatisfy { service.datasets.knows($0, in: environment) }
        }
    }

    /// What is known of each metric, by name.
    func metadata(
        of environment: String
    ) -> [(name: String, metadata: PrometheusAPI.Metadata)] {
        definitions(of: environment).map {
            (
                $0.name,
                PrometheusAPI.Metadata(type: $0.kind.typeName, help: $0.help, unit: $0.unit)
            )
        }.sorted { $0.name < $1.name }
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
