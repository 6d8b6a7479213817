public import Events

/// Another event of the same trace, as a field's prefix names it.
public enum Relation: String, Hashable, Sendable, CaseIterable {
    /// The span of the trace that has no parent.
    case root
    /// The span that an event names as its parent.
    case parent
    /// An event that names this span as its parent.
    case child
    /// Any event of the trace; the numbered ones are others than the first.
    case any
    case any2
    case any3
    /// No event of the trace.
    case none

    /// Whether there may be several of them.
    public var isMany: Bool { self != .root && self != .parent }
}

/// Gives a source's rows the fields of related events; one for each source.
public protocol RelatedColumns: AnyObject {
    /// The values of a field; nil when no row has one.
    func column(
        _ relation: Relation, _ name: String, for source: SourceEvaluator
    ) throws -> Column?
}
