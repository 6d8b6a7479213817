internal import Events

/// One event of a trace, as far as its place in the tree needs it.
struct TraceEvent {
    enum Kind: String {
        case span
        case spanEvent = "span_event"
        case link
        case log
    }

    let kind: Kind
    /// The event's own time, nanoseconds since 1970; of a span its start.
    let start: Int64
    /// Nanoseconds, not below 0; nil when the event does not say.
    let duration: Int64?
    let spanID: String?
    /// Of a span the span that called it; of all others the span they belong to.
    let parentID: String?
    let name: String
    let service: String
    let spanKind: String?
    let isError: Bool
    let dataset: String
    let sampleRate: UInt32
    let link: TraceLink?

    var end: Int64 {
        start.addingSaturated(duration ?? 0)
    }

    /// Reads an event by the names of its dataset.
    ///
    /// A log line names the span in which it was written as a span names itself: of events with a span
    /// id, those are lines that say they are, that have a message but neither a name nor a span's kind
    /// (a line of an access log has a duration), or a severity but neither a duration nor a kind.
    init(_ row: EventRow, _ fields: TraceFields) {
        let values = Dictionary(row.fields.map { ($0.name, $0.value) }) { first, _ in first }
        func value(_ names: [String]) -> FieldValue? {
            for name in names { if let value = values[name] { return value } }
            return nil
        }
        func text(_ names: [String]) -> String? {
            value(names).map(\.text).flatMap { $0.isEmpty ? nil : $0 }
        }
        start = row.timestamp
        duration = value(fields.duration).flatMap(TraceEvent.nanoseconds)
        spanKind = text(fields.spanKind)
        let severity = text(fields.logSeverity)
        let message = text(fields.logMessage)
        let ownID = text(fields.spanID)
        switch text(fields.annotation) {
        case "link": kind = .link
        case let annotation:
            let looksLikeLog = severity ?? message != nil
            let isNamed = text(fields.name) != nil || spanKind != nil
            if values[TraceFields.signal]?.text == "log" {
                kind = .log
            } else if annotation == "span_event" {
                kind = .spanEvent
            } else if message != nil && !isNamed {
                kind = .log
            } else if duration == nil && spanKind == nil && (looksLikeLog || ownID == nil) {
                kind = looksLikeLog ? .log : .spanEvent
            } else {
                kind = .span
            }
        }
        let parent = text(fields.parentID)
        spanID = kind == .span ? ownID : nil
        parentID = kind == .span ? parent : parent ?? ownID
        name = text(fields.name) ?? message ?? ""
        service = text(fields.service) ?? ""
        isError = value(fields.error).map(TraceEvent.isTrue) ?? false
        dataset = row.dataset
        sampleRate = row.sampleRate
        if kind == .link {
            link = TraceLink(
                traceID: text(fields.linkedTraceID) ?? "", spanID: text(fields.linkedSpanID) ?? "")
        } else {
            link = nil
        }
    }

    /// Milliseconds as nanoseconds; nil for what is no number, 0 for what is below 0.
    private static func nanoseconds(_ value: FieldValue) -> Int64? {
        switch value {
        case .int(let whole): min(max(0, whole), .max / 1_000_000) * 1_000_000
        case .float(let float): Int64(exactly: (max(0, float) * 1e6).rounded()) ?? .max
        default: nil
        }
    }

    /// `error` may be a flag or, as some libraries have it, the error's text.
    private static func isTrue(_ value: FieldValue) -> Bool {
        switch value {
        case .missing, .bool(false): false
        case .bool(true): true
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .string(let text): !["", "false", "0"].contains(text.lowercased())
        }
    }
}

/// The span of any trace that a link points to.
public struct TraceLink: Hashable, Sendable {
    public let traceID: String
    public let spanID: String

    public init(traceID: String, spanID: String) {
        self.traceID = traceID
        self.spanID = spanID
    }
}

extension FieldValue {
    /// The value as one writes it; empty for none.
    fileprivate var text: String {
        switch self {
        case .missing: ""
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .float(let value): value.description
        case .string(let value): value
        }
    }
}
