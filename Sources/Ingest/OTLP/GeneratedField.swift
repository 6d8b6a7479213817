/// The fields that events of OTLP have besides their attributes.
enum GeneratedField: Int, CaseIterable {
    case traceID, spanID, parentID, linkTraceID, linkSpanID, traceState
    case name, parentName, type, spanKind, duration, statusCode, statusMessage, error
    case eventCount, linkCount, signal, annotation, sinceStart, invalidDuration, invalidSinceStart
    case exceptionType, exceptionMessage, exceptionStacktrace, exceptionEscaped
    case severity, severityCode, severityText, flags, eventName

    var text: String {
        switch self {
        case .traceID: "trace.trace_id"
        case .spanID: "trace.span_id"
        case .parentID: "trace.parent_id"
        case .linkTraceID: "trace.link.trace_id"
        case .linkSpanID: "trace.link.span_id"
        case .traceState: "trace.trace_state"
        case .name: "name"
        case .parentName: "parent_name"
        case .type: "type"
        case .spanKind: "span.kind"
        case .duration: "duration_ms"
        case .statusCode: "status_code"
        case .statusMessage: "status_message"
        case .error: "error"
        case .eventCount: "span.num_events"
        case .linkCount: "span.num_links"
        case .signal: "meta.signal_type"
        case .annotation: "meta.annotation_type"
        case .sinceStart: "meta.time_since_span_start_ms"
        case .invalidDuration: "meta.invalid_duration"
        case .invalidSinceStart: "meta.invalid_time_since_span_start"
        case .exceptionType: "exception.type"
        case .exceptionMessage: "exception.message"
        case .exceptionStacktrace: "exception.stacktrace"
        case .exceptionEscaped: "exception.escaped"
        case .severity: "severity"
        case .severityCode: "severity_code"
        case .severityText: "severity_text"
        case .flags: "flags"
        case .eventName: "event.name"
        }
    }
}

/// Text that is part of the program, as the bytes that a builder takes.
@inline(__always)
func bytes(_ text: StaticString) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
}

extension UnsafeBufferPointer<UInt8> {
    /// No bytes.
    static var none: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: nil, count: 0) }
}
