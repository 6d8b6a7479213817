public import EventStore
internal import Events

/// How many segments a question opens, and why not the others: the manifest alone says so.
public struct SegmentPruning: Sendable {
    public private(set) var all = 0
    public private(set) var byTime = 0
    public private(set) var byDataset = 0

    /// - Parameter now: what `now` means in the query, nanoseconds since 1970.
    public init(_ query: Query, _ snapshot: EventStoreSnapshot, now: Int64) {
        let range = query.absoluteRange(now: now)
        var wanted: Set<String>?
        if case .named(let names) = query.source { wanted = Set(names.map(DatasetName.key)) }
        for segment in snapshot.segments {
            all += 1
            let named = segment.datasets.filter {
                wanted?.contains(DatasetName.key($0.name)) ?? true
            }
            if named.isEmpty {
                byDataset += 1
            } else if !named.contains(where: { $0.timeBounds.overlaps(range) }) {
                byTime += 1
            }
        }
    }
}
