internal import Compute
internal import Events

/// Under which names events say what trace they belong to, and what their part in it is.
///
/// Of several names the first counts that an event has. The names are those of OpenTelemetry as
/// Honeycomb translates it, of its beelines, and of logs as common libraries write them; a dataset
/// can have names of its own (`/1/dataset_definitions`).
public struct TraceFields: Hashable, Sendable {
    public var traceID = ["trace.trace_id", "trace_id", "traceId"]
    public var spanID = ["trace.span_id", "span_id", "spanId"]
    public var parentID = [
        "trace.parent_id", "parent_id", "parentId", "parent_span_id", "parentSpanId",
    ]
    public var name = ["name"]
    public var service = ["service.name", "service_name", "service"]
    /// Milliseconds.
    public var duration = ["duration_ms"]
    public var spanKind = ["span.kind"]
    public var error = ["error"]
    /// `span_event` or `link`; spans have none.
    public var annotation = ["meta.annotation_type"]
    public var linkedTraceID = ["trace.link.trace_id"]
    public var linkedSpanID = ["trace.link.span_id"]
    public var logMessage = ["body", "message", "msg"]
    public var logSeverity = ["severity", "severity_text", "level"]

    /// `trace`, `log` or `metric`, as OpenTelemetry's signals are marked.
    static let signal = "meta.signal_type"

    public init() {}

    /// Every name of any part.
    var all: Set<String> {
        Set(
            traceID + spanID + parentID + name + service + duration + spanKind + error + annotation
                + linkedTraceID + linkedSpanID + logMessage + logSeverity + [TraceFields.signal])
    }
}

/// The names of each dataset, where it has names of its own.
public struct TraceNaming: Sendable {
    public var usual = TraceFields()
    /// By `DatasetName.key`.
    public var byDataset: [String: TraceFields] = [:]
    /// What datasets are called, by `DatasetName.key`; those that are not there are called so.
    public var datasets: [String: [String]] = [:]

    public init() {}

    func fields(of dataset: String) -> TraceFields {
        byDataset.isEmpty ? usual : byDataset[DatasetName.key(dataset)] ?? usual
    }

    /// The part's value in an event: that of the first name that it has, of those of its dataset.
    func value(of part: KeyPath<TraceFields, [String]>) -> Expression {
        func first(_ names: [String]) -> Expression {
            let fields = names.map { Expression.field(.named($0)) }
            return fields.count == 1 ? fields[0] : .call(.coalesce, fields)
        }
        let usual = first(self.usual[keyPath: part])
        var parts: [Expression] = []
        for (key, fields) in byDataset.sorted(by: { $0.key < $1.key })
        where fields[keyPath: part] != self.usual[keyPath: part] {
            let names = datasets[key] ?? [key]
            parts += [
                .membership(.field(.dataset), names.map { .string($0) }, negated: false),
                first(fields[keyPath: part]),
            ]
        }
        return parts.isEmpty ? usual : .call(.if, parts + [usual])
    }

    /// Every name that says which trace an event belongs to.
    var traceIDs: [String] { union(\.traceID) }

    /// Every name of any part.
    var all: [String] {
        byDataset.values.reduce(into: usual.all) { $0.formUnion($1.all) }.sorted()
    }

    private func union(_ part: KeyPath<TraceFields, [String]>) -> [String] {
        var names = usual[keyPath: part]
        for fields in byDataset.values {
            for name in fields[keyPath: part] where !names.contains(name) { names.append(name) }
        }
        return names
    }
}
