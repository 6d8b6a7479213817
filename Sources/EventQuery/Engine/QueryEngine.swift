internal import Compute
public import Events
public import Host

/// Answers queries over batches and row groups, on all threads of a pool.
///
/// Query → plan → partials per thread → one partial → table. Head batches and row groups of segments
/// go through the same lines of code.
public struct QueryEngine: Sendable {
    let pool: WorkerPool
    let clock: any HostClock
    private let cache: PartialCache

    /// An engine on the threads of a pool.
    ///
    /// - Parameter cacheBytes: what partials of sealed segments may take; 0 to keep none.
    public init(
        pool: WorkerPool, clock: any HostClock, cacheBytes: Int = QueryLimits.partialCacheBytes
    ) {
        self.pool = pool
        self.clock = clock
        cache = PartialCache(bytesMax: cacheBytes)
    }

    /// Answers a query.
    ///
    /// - Parameters:
    ///   - sources: batches and row groups; those of one segment one after the other.
    ///   - now: what `now` means in the query, nanoseconds since 1970.
    /// - Throws: `QueryFailure`.
    public func answer(
        _ query: Query, over sources: [any EventSource], now: Int64,
        options: QueryOptions = QueryOptions(), cancellation: QueryCancellation = .init()
    ) throws(QueryFailure) -> QueryAnswer {
        let started = clock.monotonicNanoseconds()
        let deadline = started &+ options.timeLimit
        let plan = try QueryPlan(query, now: now, options: options)
        var answer: QueryAnswer
        switch query.shape {
        case .events:
            answer = try events(plan, sources, deadline, options, cancellation)
        case .statistics:
            answer = try statistics(plan, sources, deadline, options, cancellation)
            if let offset = query.compareOffset {
                let earlier = try QueryPlan(query, now: now, options: options, shift: offset)
                let before = try statistics(earlier, sources, deadline, options, cancellation)
                answer.compare(with: before)
            }
        case .bubbleUp:
            answer = try bubbleUp(plan, sources, deadline, options, cancellation)
        }
        answer.meta.timeRange = plan.timeRange
        answer.meta.step = plan.buckets?.width
        answer.meta.warnings += plan.warnings(sources)
        answer.meta.elapsedNanoseconds = clock.monotonicNanoseconds() &- started
        return answer
    }

    // MARK: - Statistics

    private func statistics(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryAnswer {
        var meta = AnswerMeta()
        var kept = KeptPartials(memoryLimit: options.memoryLimit)
        var rest = sources
        if options.usesCache {
            let parted = CachedStatistics(sources, plan)
            rest = parted.rest
            let question = PartialCache.Question(plan)
            for segment in parted.whole {
                if let known = cache.partial(of: segment.segment, for: question) {
                    meta.events += known.events
                    try kept.add(known, plan)
                    continue
                }
                let buckets = segment.buckets(of: plan.buckets?.width)
                let counted = try count(
                    plan.with(buckets), segment.sources, deadline, options, cancellation)
                meta.add(counted.meta)
                let partial = SegmentPartial(
                    counted.partial, events: counted.meta.events, buckets: buckets)
                try kept.add(partial, plan)
                if counted.meta.isPartial { continue }
                cache.insert(partial, of: segment.segment, for: question)
            }
        }
        let counted = try count(plan, rest, deadline, options, cancellation)
        meta.add(counted.meta)
        let partial = kept.merged(with: counted.partial, events: counted.meta.events)
        for calculation in plan.calculations {
            let slot = plan.slots[calculation.slot]
            meta.approximate[calculation.name] = slot.error(of: calculation.reading)
            let ignored = partial.states[calculation.slot].ignored
            if ignored > 0 { meta.ignored[calculation.name] = ignored }
        }
        return QueryAnswer(
            content: .statistics(try plan.table(partial, options: options)), meta: meta)
    }

    /// Counts sources on all threads.
    private func count(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> (partial: GroupPartial, meta: AnswerMeta) {
        let scans = (0..<min(pool.parallelism, max(1, sources.count))).map { _ in
            StatisticsScan(plan)
        }
        let work = SourceQueue(sources.count, deadline, clock, cancellation)
        let lanes = Lanes(scans)
        pool.parallelFor(scans.count) { lane in
            let scan = lanes[lane]
            var held = 0
            while let index = work.next() {
                do {
                    try scan.scan(sources[index])
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
                let holds = scan.byteCount
                if work.hold(holds - held) > options.memoryLimit {
                    work.fail(.outOfMemory(limit: options.memoryLimit))
                }
                held = holds
            }
            scan.settle()
        }
        if let failure = work.failure { throw failure }
        var meta = AnswerMeta()
        meta.events = scans.reduce(0) { $0 + $1.events }
        meta.rowsScanned = scans.reduce(0) { $0 + $1.rowsScanned }
        meta.bytesScanned = scans.reduce(0) { $0 + $1.bytesScanned }
        meta.isPartial = work.isOverdue
        return (plan.merge(scans), meta)
    }

    // MARK: - Events

    private func events(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryAnswer {
        var scan = EventListingScan(plan)
        var meta = AnswerMeta()
        do {
            for index in scan.order(sources) {
                if cancellation.isCancelled { throw QueryFailure.cancelled }
                if clock.monotonicNanoseconds() > deadline {
                    meta.isPartial = true
                    break
                }
                if scan.canSkip(sources[index]) { continue }
                try scan.scan(sources[index], index: index)
            }
            let rows = try scan.rows(sources, bytesMax: options.listingLimit, pool)
            meta.events = scan.events
            meta.rowsScanned = scan.rowsScanned
            meta.bytesScanned = scan.bytesScanned
            return QueryAnswer(content: .events(rows), meta: meta)
        } catch {
            throw QueryFailure(scanning: error)
        }
    }
}

/// The partials of segments that an answer is put together from.
private struct KeptPartials {
    /// Partials before they are merged into one.
    private static let partialsMax = 16

    let memoryLimit: Int
    private var partials: [GroupPartial] = []

    init(memoryLimit: Int) { self.memoryLimit = memoryLimit }

    mutating func add(_ partial: SegmentPartial, _ plan: QueryPlan) throws(QueryFailure) {
        if partial.events == 0 { return }
        partials.append(partial.copy(for: plan))
        if partials.count >= KeptPartials.partialsMax { partials = [.merging(partials)] }
        if partials.reduce(0, { $0 + $1.byteCount }) > memoryLimit {
            throw .outOfMemory(limit: memoryLimit)
        }
    }

    /// All of them and that of what no partial was kept of.
    func merged(with rest: GroupPartial, events: Int) -> GroupPartial {
        // A partial of no rows has dimensions of no dictionary, and would be merged by value.
        if partials.isEmpty { return rest }
        return .merging(events > 0 ? partials + [rest] : partials)
    }
}

extension AnswerMeta {
    /// Adds what was done for a part of the answer.
    fileprivate mutating func add(_ other: AnswerMeta) {
        events += other.events
        rowsScanned += other.rowsScanned
        bytesScanned += other.bytesScanned
        isPartial = isPartial || other.isPartial
    }
}

extension QueryAnswer {
    /// Puts the rows of an earlier time beside these.
    fileprivate mutating func compare(with earlier: QueryAnswer) {
        guard case .statistics(var table) = content,
            case .statistics(let before) = earlier.content
        else { return }
        table.compared = StatisticsTable.Compared(rows: before.rows, series: before.series)
        content = .statistics(table)
        meta.rowsScanned += earlier.meta.rowsScanned
        meta.bytesScanned += earlier.meta.bytesScanned
        meta.isPartial = meta.isPartial || earlier.meta.isPartial
    }
}

extension QueryPlan {
    /// Names that no event has, with the nearest one that some have.
    fileprivate func warnings(_ sources: [any EventSource]) -> [String] {
        var wanted: Set<String> = []
        for expression in conditions + groupBy.map(\.expression) + slots.compactMap(\.argument)
            + slots.compactMap(\.filter) + [selection].compactMap({ $0 })
        {
            for case .named(let name) in expression.fields { wanted.insert(name) }
        }
        // Nearly always all are found here, and no name is looked at that was not asked for.
        for source in sources {
            if wanted.isEmpty { return [] }
            wanted = wanted.filter { source.storedByteCount(ofColumn: $0) == 0 }
        }
        if wanted.isEmpty { return [] }
        var known: Set<String> = []
        var seen: Set<ObjectIdentifier> = []
        for source in sources { known.formUnion(source.newFieldNames(&seen) ?? []) }
        // Where fields spilled, a name may be there without a column.
        if known.contains(EventBatch.spillName) || known.isEmpty { return [] }
        return wanted.subtracting(known).sorted().map { name in
            let nearest = nearestName(to: name, among: known)
            return "no event has a field \"\(name)\""
                + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        }
    }
}

extension EventSource {
    /// The source's names, unless another row group of its segment was asked before.
    fileprivate func newFieldNames(_ seen: inout Set<ObjectIdentifier>) -> [String]? {
        guard let owner = nameOwner else { return fieldNames }
        return seen.insert(ObjectIdentifier(owner)).inserted ? fieldNames : nil
    }
}
