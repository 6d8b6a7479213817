internal import Events

/// Writes requests as events; one thread's.
final class RequestEvents {
    private let builder = EventBatchBuilder()
    private var columns: [Int?] = []
    private var identifiers: TraceIdentifiers

    /// The fields that every request may have; what routes tell besides has names of its own.
    private enum Field: Int, CaseIterable {
        case name, service, method, path, status, error, cutOff, bytesReceived, bytesAnswered
        case duration, receiving, waiting, answering, client, userAgent
        case traceID, spanID, parentID, traceState, sampled, kind

        var text: String {
            switch self {
            case .name: "name"
            case .service: "service.name"
            case .method: "http.request.method"
            case .path: "url.path"
            case .status: "http.response.status_code"
            case .error: "error"
            case .cutOff: "http.cut_off"
            case .bytesReceived: "http.request.body.size"
            case .bytesAnswered: "http.response.body.size"
            case .duration: "duration_ms"
            case .receiving: "receive_ms"
            case .waiting: "lane_wait_ms"
            case .answering: "answer_ms"
            case .client: "client.address"
            case .userAgent: "user_agent.original"
            case .traceID: "trace.trace_id"
            case .spanID: "trace.span_id"
            case .parentID: "trace.parent_id"
            case .traceState: "trace.trace_state"
            case .sampled: "trace.sampled"
            case .kind: "span.kind"
            }
        }
    }

    /// `seed` is where the identifiers of traces and spans begin.
    init(seed: UInt64) {
        identifiers = TraceIdentifiers(seed: seed)
        columns = Field.allCases.map { field in
            var name = field.text
            return name.withUTF8 { builder.column(named: $0) }
        }
    }

    /// The events of requests, at most `EventLimits.rowsPerBatch`, in their order.
    func batch(
        of requests: [AnsweredRequest], dataset: String, receivedAt: Int64
    ) -> EventBatch {
        let code = builder.datasetCode(dataset)
        for request in requests {
            write(request)
            writeTrace(of: request)
            for note in request.notes { builder.append(note.value, named: note.name) }
            builder.finishEvent(
                timestamp: request.beganAt, received: receivedAt, sampleRate: 1, dataset: code)
        }
        return builder.finish()
    }

    private func write(_ request: AnsweredRequest) {
        let route = request.notes.first { $0.name == "http.route" }
        if case .string(let pattern) = route?.value {
            append("\(request.method) \(pattern)", .name)
        } else {
            append(request.method, .name)
        }
        append("widefield", .service)
        append("server", .kind)
        append(request.method, .method)
        append(request.path, .path)
        if request.status > 0 { append(.int(Int64(request.status)), .status) }
        let hasFailed = request.isFailure || request.status == 0 || request.status >= 500
        append(.bool(hasFailed), .error)
        if request.isCutOff { append(.bool(true), .cutOff) }
        append(.int(Int64(request.bytesReceived)), .bytesReceived)
        append(.int(Int64(request.bytesAnswered)), .bytesAnswered)
        append(milliseconds(request.duration), .duration)
        append(milliseconds(request.receiving), .receiving)
        append(milliseconds(request.waiting), .waiting)
        append(milliseconds(request.answering), .answering)
        append(request.remoteAddress, .client)
        if let userAgent = request.userAgent { append(userAgent, .userAgent) }
    }

    private func writeTrace(of request: AnsweredRequest) {
        let context = TraceContext(
            traceparents: request.traceparents, tracestates: request.tracestates)
        append(context?.traceID ?? identifiers.nextTraceID(), .traceID)
        append(identifiers.nextSpanID(), .spanID)
        guard let context else { return }
        append(context.parentID, .parentID)
        append(.bool(context.isSampled), .sampled)
        if !context.state.isEmpty { append(context.state.text, .traceState) }
    }

    private func append(_ text: String, _ field: Field) { append(.string(text), field) }

    private func append(_ value: FieldValue, _ field: Field) {
        if let column = columns[field.rawValue] { builder.append(value, to: column) }
    }

    /// To the microsecond: what is finer is noise, and would make every number a new one.
    private func milliseconds(_ duration: Duration) -> FieldValue {
        .float(((duration / .microseconds(1)).rounded()) / 1_000)
    }
}
