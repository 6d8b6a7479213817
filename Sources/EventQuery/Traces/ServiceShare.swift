internal import Events

/// A service's part in a trace.
public struct ServiceShare: Sendable {
    public let service: String
    public internal(set) var spans = 0
    /// Nanoseconds: the self times of its spans together, at most what 64 bits hold.
    public internal(set) var selfTime: Int64 = 0
    /// Nanoseconds of the critical path that were spent in its spans, likewise.
    public internal(set) var criticalTime: Int64 = 0
}

extension Trace {
    /// Each service with its part, the one that took most of the critical path first.
    public var services: [ServiceShare] {
        var shares: [String: ServiceShare] = [:]
        for node in nodes where node.kind == .span {
            var share = shares[node.service] ?? ServiceShare(service: node.service)
            share.spans += 1
            share.selfTime = share.selfTime.addingSaturated(node.selfTime ?? 0)
            share.criticalTime = share.criticalTime.addingSaturated(node.criticalTime)
            shares[node.service] = share
        }
        return shares.values.sorted {
            ($1.criticalTime, $0.service) < ($0.criticalTime, $1.service)
        }
    }

    /// Nanoseconds from the start of the first span to the end of the last; nil without spans.
    public var duration: Int64? {
        bounds.map { $0.upperBound.subtractingSaturated($0.lowerBound) }
    }

    /// Nanoseconds from the start of the first span to that of a node.
    public func delay(of node: TraceNode) -> Int64 {
        node.start.subtractingSaturated(bounds?.lowerBound ?? node.start)
    }
}
