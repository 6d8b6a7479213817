internal import Events

/// All that is known of one trace: its spans as a tree, and what belongs to each of them.
public struct Trace: Sendable {
    public let id: String
    /// A parent before its children, those by time.
    public internal(set) var nodes: [TraceNode] = []
    /// Nanoseconds since 1970 at which the first span begins and the last one ends; nil without spans.
    public internal(set) var bounds: ClosedRange<Int64>?
    /// More events than `QueryLimits.traceEventsMax`: the latest are left out.
    public internal(set) var isTruncated = false

    public var isEmpty: Bool { nodes.isEmpty }

    /// How many nodes are of a kind.
    public func count(_ kind: TraceNode.Kind) -> Int {
        nodes.reduce(0) { $0 + ($1.kind == kind ? 1 : 0) }
    }
}

/// A place in a trace: a span, something that belongs to one, or a span that others name and nobody
/// sent.
public struct TraceNode: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case span
        case spanEvent = "span_event"
        case link
        case log
        /// Named as parent by other events, but not among them.
        case missing
    }

    public let kind: Kind
    public let spanID: String?
    /// As the event says it, whether there is such a span or not.
    public let parentID: String?
    /// The place of the parent among the nodes; nil at the top.
    public internal(set) var parent: Int?
    public internal(set) var depth = 0
    public let name: String
    public let service: String
    public let spanKind: String?
    public let dataset: String
    public let sampleRate: UInt32
    public let isError: Bool
    public let link: TraceLink?
    /// Nanoseconds since 1970, as the event says it; of a missing span the start of its first child.
    public let start: Int64
    /// Nanoseconds; nil when nobody says.
    public let duration: Int64?
    /// Nanoseconds of the duration in which no child span was under way; nil without a duration.
    public internal(set) var selfTime: Int64?
    /// Nanoseconds of the trace that went by in this span and nowhere else that mattered: what would
    /// have to be quicker for the trace to end sooner.
    public internal(set) var criticalTime: Int64 = 0
    /// Nanoseconds by which the clock of this span is not that of its parent, as far as one can tell.
    ///
    /// Negative when it begins before its parent, positive when a call's server ends after its client.
    /// Times are never corrected by it.
    public internal(set) var clockSkew: Int64 = 0
    /// Its parents lead back to it; it is shown at the top.
    public internal(set) var isInCycle = false

    public var end: Int64 {
        start.addingSaturated(duration ?? 0)
    }

    init(_ event: TraceEvent) {
        kind = Kind(event.kind)
        spanID = event.spanID
        parentID = event.parentID
        name = event.name
        service = event.service
        spanKind = event.spanKind
        dataset = event.dataset
        sampleRate = event.sampleRate
        isError = event.isError
        link = event.link
        start = event.start
        duration = event.duration
    }

    /// A span that was named by others, the first of which begins at `start`.
    init(missing spanID: String, start: Int64) {
        kind = .missing
        self.spanID = spanID
        parentID = nil
        name = ""
        service = ""
        spanKind = nil
        dataset = ""
        sampleRate = 1
        isError = false
        link = nil
        self.start = start
        duration = nil
    }
}

extension TraceNode.Kind {
    fileprivate init(_ kind: TraceEvent.Kind) {
        switch kind {
        case .span: self = .span
        case .spanEvent: self = .spanEvent
        case .link: self = .link
        case .log: self = .log
        }
    }
}
