internal import Compute
internal import EventQuery

/// The metrics of spans that are there without a definition: calls, errors, durations, exceptions, and
/// how many spans are open.
///
/// Names, labels and buckets are those of OpenTelemetry's span metrics and exceptions connectors, as
/// Prometheus has them; durations are in milliseconds.
enum SpanMetrics {
    static let definitions: [MetricDefinition] =
        [
            MetricDefinition(
                name: "traces_span_metrics_calls_total", help: "Spans, by what they were.",
                filter: isSpan, labels: labels),
            MetricDefinition(
                name: "traces_span_metrics_duration_milliseconds", help: "How long spans took.",
                unit: "milliseconds", kind: .histogram(bounds: bounds), filter: isSpan,
                value: .field(.named("duration_ms")), labels: labels),
            MetricDefinition(
                name: "exceptions_total", help: "Spans with an exception, by its type.",
                filter: .builtIn("exception.type exists"),
                labels: labels + [.init("exception_type", .builtIn("exception.type"))]),
            MetricDefinition(
                name: "traces_span_metrics_concurrency", help: "Spans that are open, on average.",
                kind: .gauge(.concurrency), filter: isSpan, labels: [labels[0]]),
        ].map { definition in
            var definition = definition
            // Span names that are made of ids are many: those beyond it are one series.
            definition.seriesLimit = MetricsLimits.seriesOfSpans
            return definition
        }

    private static let bounds: [Double] = [
        2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1_000, 1_400, 2_000, 5_000, 10_000, 15_000,
    ]

    private static let isSpan = Expression.builtIn("trace.span_id exists and duration_ms exists")

    private static let labels: [MetricDefinition.Dimension] = [
        .init("service_name", .builtIn("coalesce(service.name, service_name, dataset)")),
        .init("span_name", .builtIn("name")),
        .init(
            "span_kind",
            .builtIn(
                #"if(span.kind exists, concat("SPAN_KIND_", upper(span.kind)), "SPAN_KIND_UNSPECIFIED")"#
            )),
        .init(
            "status_code",
            .builtIn(
                #"""
                if(error or status_code = 2, "STATUS_CODE_ERROR", status_code = 1, "STATUS_CODE_OK",
                   "STATUS_CODE_UNSET")
                """#)),
    ]
}

extension Expression {
    /// An expression that stands in this program.
    static func builtIn(_ text: String) -> Expression {
        do throws(QueryError) {
            return try Expression(parsingCondition: text)
        } catch {
            preconditionFailure("BUG: \(text): \(error)")
        }
    }
}
