internal import Compute
internal import Events

/// Finds the events of a query for events as they are; `EventRowReader` then reads their fields.
///
/// Sources are looked at in the order in which they can hold the first events, a few at a time, until
/// the others cannot hold any.
struct EventListingScan {
    private let order: ListingOrder
    /// Events that are looked for.
    private let limit: Int
    let lanes: Lanes<ListingLane>
    private(set) var found: [ListingCandidate] = []

    /// - Parameters:
    ///   - start: events before it were answered earlier; nil to begin with the first.
    ///   - lanes: how many threads may look at sources at once.
    init(_ plan: QueryPlan, limit: Int, from start: ListingPosition? = nil, lanes: Int) {
        let order = ListingOrder(plan.query.effectiveSort)
        self.order = order
        self.limit = limit
        self.lanes = Lanes(
            (0..<lanes).map { _ in ListingLane(plan, order, limit: limit, from: start) })
    }

    /// Sources in the order in which they are best looked at: those that can hold the first rows
    /// first, so that the others need not be.
    func order(_ sources: [any EventSource]) -> [Int] {
        guard order.isByTime else { return Array(sources.indices) }
        return sources.indices.sorted { a, b in
            order.isDescending
                ? sources[a].timeBounds.upperBound > sources[b].timeBounds.upperBound
                : sources[a].timeBounds.lowerBound < sources[b].timeBounds.lowerBound
        }
    }

    /// The last event that is in the answer as far as is known; nil while it has room.
    var bound: ListingPosition? { found.count >= limit ? found.last?.position : nil }

    /// Whether no row of the source can come before those that were found.
    func canSkip(_ source: any EventSource) -> Bool {
        bound.map { order.isBeyond(source.timeBounds, $0) } ?? false
    }

    /// Takes in what was found in some sources.
    mutating func add(_ candidates: [ListingCandidate]) {
        if candidates.isEmpty { return }
        found += candidates
        found.sort(by: order.precedes)
        if found.count > limit { found.removeLast(found.count - limit) }
    }

    /// How many events at the front are equal to a position.
    func count(equalTo position: ListingPosition) -> Int {
        found.prefix { order.precedes(position, $0.position) == nil }.count
    }

    /// Leaves out events at the front.
    mutating func dropFirst(_ count: Int) { found.removeFirst(count) }

    var rowsScanned: Int { sum(\.rowsScanned) }
    var bytesScanned: Int { sum(\.bytesScanned) }
    var events: Int { sum(\.events) }

    private func sum(_ count: (ListingLane) -> Int) -> Int {
        (0..<lanes.count).reduce(0) { $0 + count(lanes[$1]) }
    }
}
