internal import Bytes
internal import Compute
internal import EventQuery
internal import Host
internal import Metrics
internal import SeriesStore

/// The metrics of an environment: those of spans, which are always there, and those that were defined.
struct DerivedMetrics: Sendable {
    let service: QueryService
    let stored: SeriesStores

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
        return (SpanMetrics.definitions + stored).filter { definition in
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
                PrometheusAPI.Metadata(type: $0.typeName, help: $0.help, unit: $0.unit)
            )
        }.sorted { $0.name < $1.name }
    }
}

// MARK: - Definitions as JSON

extension MetricDefinition {
    /// Reads a definition; throws a problem that names the member that is wrong.
    ///
    /// ```
    /// {"type": "histogram", "help": "…", "unit": "ms", "dataset": "shop",
    ///  "filter": "error = true", "value": "duration_ms", "buckets": [10, 50],
    ///  "labels": {"service": "service.name"}}
    /// ```
    init(_ name: String, _ body: DefinitionBody) throws(HTTPRefusal) {
        let members = [
            "name", "type", "help", "unit", "dataset", "filter", "value", "buckets", "labels",
        ]
        if let unknown = body.names.first(where: { !members.contains($0) }) {
            let hint = nearestName(to: unknown, among: members).map { "; did you mean \($0)?" }
            throw body.wrong(unknown, "is no member of a metric" + (hint ?? ""))
        }
        let labels = try body.object("labels")
        var dimensions: [Dimension] = []
        for label in labels.names {
            guard let value = try MetricDefinition.expression(labels, label) else { continue }
            dimensions.append(Dimension(label, value))
        }
        let kind: Kind
        switch try body.text("type", charactersMax: 20) ?? "counter" {
        case "counter": kind = .counter
        case "histogram": kind = .histogram(bounds: try body.numbers("buckets"))
        default: throw body.wrong("type", "is neither counter nor histogram")
        }
        self.init(
            name: name, help: try body.text("help", charactersMax: 1023) ?? "",
            unit: try body.text("unit", charactersMax: 64) ?? "", kind: kind,
            source: try body.text("dataset", charactersMax: 255).map { .named([$0]) } ?? .all,
            filter: try MetricDefinition.expression(body, "filter"),
            value: try MetricDefinition.expression(body, "value"), labels: dimensions)
        do throws(Flaw) {
            try check()
        } catch {
            throw body.wrong(error.member, "is wrong: \(error)")
        }
    }

    private static func expression(
        _ body: DefinitionBody, _ member: String
    ) throws(HTTPRefusal) -> Expression? {
        guard let text = try body.text(member, charactersMax: 4095) else { return nil }
        do throws(QueryError) {
            return try Expression(parsingCondition: text)
        } catch {
            throw body.wrong(member, "is no expression: \(error)")
        }
    }
}

extension DefinitionBody {
    /// A list of numbers; empty when it is absent.
    fileprivate func numbers(_ name: String) throws(HTTPRefusal) -> [Double] {
        guard has(name) else { return [] }
        let numbers = member(name)?.array?.map(\.number)
        guard let numbers, !numbers.contains(nil) else {
            throw wrong(name, "is not a list of numbers", code: "incorrect_type")
        }
        return numbers.compactMap { $0 }
    }
}
