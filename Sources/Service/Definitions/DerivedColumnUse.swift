internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Metrics

/// Who is there without being asked again and speaks of a derived column: SLOs, triggers and metrics.
///
/// Without the column, or under another name, they would be about a field that no event has: an SLO that
/// counts nothing, a trigger that finds nothing, an alert that ends though nothing is well again.
struct DerivedColumnUse {
    private let column: StoredColumn

    /// Nil for a document that is no derived column.
    init?(of column: Definitions.Document) {
        guard let alias = column.body["alias"]?.string,
            let expression = column.body["expression"]?.string
        else { return nil }
        self.column = StoredColumn(
            alias: alias, datasets: column.dataset == Query.allDatasets ? nil : [column.dataset],
            expression: expression)
    }

    /// What speaks of the column, as people call it; nil when nothing does.
    ///
    /// - Parameter configured: SLOs and metrics that no call made.
    func user(
        in all: Definitions, _ configured: [ServiceLevelObjective], _ metrics: [MetricDefinition]
    ) -> String? {
        let stored = all.all(.slos).compactMap {
            try? ServiceLevelObjective($0.id, DefinitionBody($0.definition))
        }
        for slo in configured + stored where speaks(slo.total) || speaks(slo.bad) {
            return "the SLO \(slo.title.isEmpty ? slo.id : slo.title)"
        }
        for trigger in all.all(.triggers) {
            // One that is disabled is enabled again.
            guard let query = try? TriggerDefinition.query(of: trigger), speaks(query) else {
                continue
            }
            return "the trigger \(trigger.body["name"]?.string ?? trigger.id)"
        }
        let defined = all.all(.metrics).compactMap {
            try? MetricDefinition($0.id, DefinitionBody($0.body))
        }
        return (metrics + defined).first(where: speaks).map { "the metric \($0.name)" }
    }

    private func speaks(_ metric: MetricDefinition) -> Bool {
        var query = Query()
        query.source = metric.source
        query.transforms = metric.filter.map { [.filter($0)] } ?? []
        let values = metric.value.map { [Calculation(.sum, of: $0)] } ?? []
        query.shape = .statistics(
            Statistics(
                calculations: values,
                groupBy: metric.labels.map { GroupKey(name: $0.name, expression: $0.value) }))
        return speaks(query)
    }

    private func speaks(_ query: Query) -> Bool {
        let found = query.definitions(from: [column])
        return !found.definitions.isEmpty || !found.warnings.isEmpty
    }
}
