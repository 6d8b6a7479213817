internal import Compute
internal import EventQuery

/// The metrics of spans that are there without a definition: calls, errors and durations.
///
/// Names, labels and buckets are those of OpenTelemetry's span metrics connector, as Prometheus has
/// them; durations are in milliseconds.
public enum SpanMetrics {
    public static let definitions: [MetricDefinition] = [
        MetricDefinition(
            name: "traces_span_metrics_calls_total", help: "Spans, by what they were.",
            filter: isSpan, labels: labels),
        MetricDefinition(
            name: "traces_span_metrics_duration_milliseconds", help: "How long spans took.",
            unit: "milliseconds", kind: .histogram(bounds: bounds), filter: isSpan,
            value: .field(.named("duration_ms")), labels: labels),
    ]

    private static let bounds: [Double] = [
        2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1_000, 1_400, 2_000, 5_000, 10_000, 15_000,
    ]

    private static let isSpan = expression("trace.span_id exists and duration_ms exists")

    private static let labels: [MetricDefinition.Dimension] = [
        MetricDefinition.Dimension(
            "service_name", expression("coalesce(service.name, service_name, dataset)")),
        MetricDefinition.Dimension("span_name", expression("name")),
        MetricDefinition.Dimension(
            "span_kind",
            expression(
                #"if(span.kind exists, concat("SPAN_KIND_", upper(span.kind)), "SPAN_KIND_UNSPECIFIED")"#
            )),
        MetricDefinition.Dimension(
            "status_code",
            expression(
                #"""
                if(error or status_code = 2, "STATUS_CODE_ERROR", status_code = 1, "STATUS_CODE_OK",
                   "STATUS_CODE_UNSET")
                """#)),
    ]

    private static func expression(_ text: String) -> Expression {
        do throws(QueryError) {
            return try Expression(parsingCondition: text)
        } catch {
            preconditionFailure("BUG: \(text): \(error)")
        }
    }
}
