internal import Bytes
internal import EventQuery

/// A part that fields of a dataset can be defined to play, in the order in which Honeycomb lists them.
enum DatasetPart: String, CaseIterable, Sendable {
    case spanID = "span_id"
    case traceID = "trace_id"
    case parentID = "parent_id"
    case name
    case serviceName = "service_name"
    case duration = "duration_ms"
    case spanKind = "span_kind"
    case annotationType = "annotation_type"
    case linkSpanID = "link_span_id"
    case linkTraceID = "link_trace_id"
    case error
    case status
    case route
    case user
    case logSeverity = "log_severity"
    case logMessage = "log_message"

    /// Where traces look for it; nil for parts that traces do not have.
    private var traceField: WritableKeyPath<TraceFields, [String]>? {
        switch self {
        case .spanID: \TraceFields.spanID
        case .traceID: \TraceFields.traceID
        case .parentID: \TraceFields.parentID
        case .name: \TraceFields.name
        case .serviceName: \TraceFields.service
        case .duration: \TraceFields.duration
        case .spanKind: \TraceFields.spanKind
        case .annotationType: \TraceFields.annotation
        case .linkSpanID: \TraceFields.linkedSpanID
        case .linkTraceID: \TraceFields.linkedTraceID
        case .error: \TraceFields.error
        case .logSeverity: \TraceFields.logSeverity
        case .logMessage: \TraceFields.logMessage
        case .status, .route, .user: nil
        }
    }

    /// The fields that play the part where none is defined, the preferred one first.
    var usualFields: [String] {
        if let traceField { return TraceFields()[keyPath: traceField] }
        return switch self {
        case .status: ["http.response.status_code", "http.status_code", "response.status_code"]
        case .route: ["http.route", "request.route"]
        default: ["user.id", "enduser.id", "user_id"]
        }
    }

    /// Lets a field play the part in traces.
    fileprivate func define(_ field: String, in fields: inout TraceFields) {
        if let traceField { fields[keyPath: traceField] = [field] }
    }
}

extension Definitions {
    /// The fields that were defined to play parts in a dataset.
    func parts(of dataset: String) -> [DatasetPart: String] {
        guard let body = document(.datasetDefinitions, dataset, of: dataset)?.body else {
            return [:]
        }
        return Definitions.parts(body)
    }

    private static func parts(_ body: JSONObject) -> [DatasetPart: String] {
        var parts: [DatasetPart: String] = [:]
        for member in body.members {
            if let part = DatasetPart(rawValue: member.key), let field = member.value.string {
                parts[part] = field
            }
        }
        return parts
    }

    /// The names by which traces are put together.
    var traceNaming: TraceNaming {
        var naming = TraceNaming()
        for document in all(.datasetDefinitions) {
            var fields = TraceFields()
            for (part, field) in Definitions.parts(document.body) {
                part.define(field, in: &fields)
            }
            naming.byDataset[document.dataset] = fields
        }
        return naming
    }
}
