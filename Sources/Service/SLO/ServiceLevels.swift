internal import Alerting
internal import Bytes
internal import Events
internal import Metrics

/// The SLOs of each environment: those of the configuration, and those that calls made.
struct ServiceLevels: Sendable {
    let definitions: DefinitionStore
    /// Of all environments, from the configuration.
    let configured: [ServiceLevelObjective]

    /// Those of the configuration first; all with the burn alerts that were made of them.
    func objectives(of environment: String) -> [ServiceLevelObjective] {
        let all = definitions.definitions(of: environment)
        let stored = all.all(.slos).compactMap {
            try? ServiceLevelObjective($0.id, DefinitionBody($0.definition))
        }
        let alerts = all.budgetAlerts
        return (configured + stored).map { objective in
            var objective = objective
            objective.budgetAlerts = alerts[objective.id] ?? []
            return objective
        }
    }

    func objective(_ id: String, of environment: String) -> ServiceLevelObjective? {
        objectives(of: environment).first { $0.id == id }
    }

    /// Whether an SLO is there without a call.
    func isConfigured(_ id: String) -> Bool { configured.contains { $0.id == id } }

    /// What is counted for them.
    func metrics(of environment: String) -> [MetricDefinition] {
        objectives(of: environment).flatMap { [$0.total, $0.bad] }
    }
}

extension Definitions.Document {
    /// The keys of the datasets whose events an SLO counts; empty for all.
    var countedDatasets: [String] {
        let several = body["datasets"]?.array?.compactMap(\.string)
        let one = body["dataset"]?.string.map { [$0] }
        return (several ?? one ?? []).map(DatasetName.key)
    }

    /// What was defined, without when.
    var definition: JSONObject {
        JSONObject(body.members.filter { !["created_at", "updated_at"].contains($0.key) })
    }
}
