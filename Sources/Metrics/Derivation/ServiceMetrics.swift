internal import Compute
internal import EventQuery

/// The metrics of services that are there without a definition: who calls whom, and who is silent.
///
/// Those of calls have the names of OpenTelemetry's service graph connector and of Tempo; an edge is a
/// span whose parent is one of another service.
enum ServiceMetrics {
    static let definitions: [MetricDefinition] = [
        graph("request_total", .counter, "Spans that another service called."),
        graph(
            "request_failed_total", .counter, "Those that failed.", only: "error or status_code = 2"
        ),
        graph(
            "request_server_seconds", .histogram(bounds: bounds), "How long they took.",
            value: "duration_ms / 1000"),
        graph(
            "request_client_seconds", .histogram(bounds: bounds),
            "How long they took their callers.",
            value: "parent.duration_ms / 1000"),
        presence("up", .presence, "Whether events of the service come, where any come at all."),
        presence(
            "last_seen_seconds", .gauge(.last), "When its last event happened, since 1970.",
            value: "timestamp / 1000000000"),
    ]

    /// Tempo's, in seconds.
    private static let bounds: [Double] = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]

    private static let service = "coalesce(service.name, service_name, dataset)"
    private static let caller = "coalesce(parent.service.name, parent.service_name, parent.dataset)"

    private static func graph(
        _ name: String, _ kind: MetricDefinition.Kind, _ help: String, only filter: String? = nil,
        value: String? = nil
    ) -> MetricDefinition {
        let isEdge = "trace.span_id exists and \(caller) exists and \(caller) != \(service)"
        var definition = MetricDefinition(
            name: "traces_service_graph_" + name, help: help,
            unit: name.hasSuffix("_seconds") ? "seconds" : "", kind: kind,
            filter: .builtIn(filter.map { "\(isEdge) and (\($0))" } ?? isEdge),
            value: value.map(Expression.builtIn),
            labels: [.init("client", .builtIn(caller)), .init("server", .builtIn(service))])
        definition.staleAfter = MetricDefinition.relativesRestart
        return definition
    }

    private static func presence(
        _ name: String, _ kind: MetricDefinition.Kind, _ help: String, value: String? = nil
    ) -> MetricDefinition {
        var definition = MetricDefinition(
            name: name, help: help, kind: kind, value: value.map(Expression.builtIn),
            labels: [.init("service", .builtIn(service))])
        definition.staleAfter = 86_400_000
        return definition
    }
}

/// All metrics that are there without a definition.
public enum BuiltInMetrics {
    public static let definitions = SpanMetrics.definitions + ServiceMetrics.definitions
}
