public import Bytes
internal import Compute
public import Events
internal import Host

extension QueryEngine {
    /// The rows of each source that a query's conditions select, for whoever does something with them.
    ///
    /// Time and memory are not bounded but by the sources: a bitmap for each. What the query asks of
    /// these rows does not matter.
    ///
    /// - Parameters:
    ///   - sources: batches and row groups; dead rows among them are rows like others.
    ///   - now: what `now` means in the query, nanoseconds since 1970.
    /// - Returns: one entry a source, nil where no row is selected.
    /// - Throws: `QueryFailure`.
    public func selectedRows(
        of query: Query, over sources: [any EventSource], now: Int64, options: QueryOptions
    ) throws(QueryFailure) -> [Bitmap?] {
        let cancellation = QueryCancellation()
        let deadline = Int64.max
        let plan = try findingRelatives(
            try QueryPlan(query, now: now, options: options), sources, deadline, options,
            cancellation)
        let work = SourceQueue(sources.count, deadline, clock, cancellation, memory)
        let scans = (0..<pool.parallelism).map { _ in SelectingScan(plan) }
        let lanes = Lanes(scans)
        pool.parallelFor(scans.count) { lane in
            while let index = work.next() {
                do {
                    try lanes[lane].scan(sources[index], place: index)
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
            }
        }
        if let failure = work.failure { throw failure }
        var selected = [Bitmap?](repeating: nil, count: sources.count)
        for scan in scans {
            for (place, rows) in scan.found { selected[place] = rows }
        }
        return selected
    }
}

/// One thread's share of selecting.
private final class SelectingScan {
    private let plan: QueryPlan
    private let memo = DictionaryMemo()
    private(set) var found: [(place: Int, rows: Bitmap)] = []

    init(_ plan: QueryPlan) { self.plan = plan }

    func scan(_ source: any EventSource, place: Int) throws {
        guard let rows = try plan.selectedRows(plan.columns(of: source, memo)) else { return }
        found.append((place, rows.rows ?? Bitmap(count: source.rows, repeating: true)))
    }
}
