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
        let parted = parts(of: sources, plan, options)
        let pieces =
            parted.known.map { StatisticsLane.Piece.known($0) }
            + parted.parts.flatMap { part in
                part.sources.map { StatisticsLane.Piece.source($0, of: part) }
            }
        let work = SourceQueue(pieces.count, deadline, clock, cancellation)
        let question = PartialCache.Question(plan)
        // To copy a few partials takes less than to wake a thread for them.
        let threads = pieces.count - parted.known.count + parted.known.count / 8
        let lanes = Lanes(
            (0..<min(pool.parallelism, max(1, threads))).map { _ in
                StatisticsLane(plan, work, memoryLimit: options.memoryLimit) { [cache] in
                    cache.insert($0, of: $1, for: question)
                }
            })
        pool.parallelFor(lanes.count) { lanes[$0].run(pieces) }
        if let failure = work.failure { throw failure }
        var (meta, partials) = (AnswerMeta(), [GroupPartial]())
        for lane in 0..<lanes.count {
            meta.add(lanes[lane].meta)
            partials += lanes[lane].partials.partials
        }
        if work.isOverdue {
            meta.isPartial = true
            partials += parted.parts.compactMap { $0.unfinished(for: plan) }
        }
        let partial =
            partials.isEmpty
            ? plan.emptyPartial()
            : GroupPartial.merging(partials, showing: plan.leadingGroups(options))
        for calculation in plan.calculations {
            let slot = plan.slots[calculation.slot]
            meta.approximate[calculation.name] = slot.error(of: calculation.reading)
            let ignored = partial.states[calculation.slot].ignored
            if ignored > 0 { meta.ignored[calculation.name] = ignored }
        }
        return QueryAnswer(
            content: .statistics(try plan.table(partial, options: options)), meta: meta)
    }

    /// The sources as what was counted before and what is to be counted.
    private func parts(
        of sources: [any EventSource], _ plan: QueryPlan, _ options: QueryOptions
    ) -> (known: [SegmentPartial], parts: [StatisticsPart]) {
        guard options.usesCache else { return ([], [StatisticsPart(sources, plan)]) }
        var (known, parts) = ([SegmentPartial](), [StatisticsPart]())
        let question = PartialCache.Question(plan)
        let parted = CachedStatistics(sources, plan)
        for segment in parted.whole {
            if let partial = cache.partial(of: segment.segment, for: question) {
                known.append(partial)
            } else {
                let buckets = segment.buckets(of: plan.buckets?.width)
                parts.append(
                    StatisticsPart(
                        segment.sources, plan.with(buckets), keptFor: segment.segment))
            }
        }
        return (known, parts + [StatisticsPart(parted.rest, plan)])
    }

    // MARK: - Events

    private func events(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryAnswer {
        var scan = EventListingScan(plan)
        var meta = AnswerMeta()
        do {
            meta.isPartial = try find(&scan, sources, deadline, cancellation)
            var reader = EventRowReader(plan, sources, scan.memo, pool)
            let rows = try reader.rows(at: scan.places(), bytesMax: options.listingLimit)
            meta.events = scan.events
            meta.rowsScanned = scan.rowsScanned
            meta.bytesScanned = scan.bytesScanned + reader.bytesScanned
            return QueryAnswer(content: .events(rows), meta: meta)
        } catch {
            throw QueryFailure(scanning: error)
        }
    }

    /// Looks for the events of a listing in all sources that can hold any.
    ///
    /// Returns whether time was up before.
    func find(
        _ scan: inout EventListingScan, _ sources: [any EventSource], _ deadline: Int64,
        _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> Bool {
        do {
            for index in scan.order(sources) {
                if cancellation.isCancelled { throw QueryFailure.cancelled }
                if clock.monotonicNanoseconds() > deadline { return true }
                if scan.canSkip(sources[index]) { continue }
                try scan.scan(sources[index], index: index)
            }
            return false
        } catch {
            throw QueryFailure(scanning: error)
        }
    }
}

extension AnswerMeta {
    /// Adds what was done for a part of the answer.
    fileprivate mutating func add(_ other: AnswerMeta) {
        events += other.events
        rowsScanned += other.rowsScanned
        bytesScanned += other.bytesScanned
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
