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
    let memory: QueryMemory

    /// An engine on the threads of a pool.
    ///
    /// - Parameters:
    ///   - cacheBytes: what partials of sealed segments may take; 0 to keep none.
    ///   - memory: what all questions may hold together.
    public init(
        pool: WorkerPool, clock: any HostClock, cacheBytes: Int = QueryLimits.partialCacheBytes,
        memory: QueryMemory = QueryMemory()
    ) {
        self.memory = memory
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
        let options = try fittingHeatmaps(
            of: query, over: sources, now: now, deadline, options, cancellation)
        let plan = try findingRelatives(
            try QueryPlan(query, now: now, options: options), sources, deadline, options,
            cancellation)
        var answer: QueryAnswer
        switch query.shape {
        case .events:
            answer = try events(plan, sources, deadline, options, cancellation)
        case .statistics:
            answer = try statistics(plan, sources, deadline, options, cancellation)
            if let offset = query.compareOffset {
                let earlier = try findingRelatives(
                    try QueryPlan(query, now: now, options: options, shift: offset), sources,
                    deadline, options, cancellation)
                let before = try statistics(earlier, sources, deadline, options, cancellation)
                answer.compare(with: before)
            }
        case .bubbleUp:
            answer = try bubbleUp(plan, sources, deadline, options, cancellation)
        }
        answer.meta.timeRange = plan.timeRange
        answer.meta.step = query.step == nil ? nil : plan.buckets?.width
        answer.meta.warnings += options.warnings + plan.warnings(sources)
        answer.meta.elapsedNanoseconds = clock.monotonicNanoseconds() &- started
        return answer
    }

    /// Forgets what was counted of segments, with the questions it was counted for.
    public func forgetCounts() { cache.removeAll() }

    // MARK: - Statistics

    func statistics(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryAnswer {
        let parted = parts(of: sources, plan, options)
        let pieces =
            parted.known.map { StatisticsLane.Piece.known($0) }
            + parted.parts.flatMap { part in
                part.sources.map { StatisticsLane.Piece.source($0, of: part) }
            }
        let work = SourceQueue(pieces.count, deadline, clock, cancellation, memory)
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
        let mergeStart = plan.trace?.now
        let partial =
            partials.isEmpty
            ? plan.emptyPartial()
            : GroupPartial.merging(partials, showing: plan.leadingGroups(options))
        plan.trace?.note(
            .merge, rowsIn: partials.reduce(0) { $0 + $1.groups.count },
            rowsOut: partial.groups.count, since: mergeStart)
        for calculation in plan.calculations {
            let slot = plan.slots[calculation.slot]
            meta.approximate[calculation.name] = slot.error(of: calculation.reading)
            let ignored = partial.states[calculation.slot].ignored
            if ignored > 0 { meta.ignored[calculation.name] = ignored }
        }
        let answerStart = plan.trace?.now
        var table = try plan.table(partial, options: options)
        table.heatmapBins = options.heatmapBins
        for bins in table.heatmapBins.values {
            let numbers = (table.rows.count + table.series.count) * (bins.count + 2)
            guard numbers <= QueryLimits.heatmapNumbersMax else {
                throw .refused(
                    "the heatmap would have \(numbers) numbers, more than "
                        + "\(QueryLimits.heatmapNumbersMax); take a longer step, fewer bins or a "
                        + "lower limit")
            }
        }
        plan.trace?.note(
            .answer, rowsIn: partial.groups.count, rowsOut: table.rows.count, since: answerStart)
        if plan.groupBy.contains(where: \.isEach) {
            meta.warnings.append(
                "events with several elements stand in several groups: groups add up to more than "
                    + "all events")
            if options.wantsTotals {
                // Added up over groups, an event would count several times.
                var options = options
                options.wantsTotals = false
                let whole = try statistics(
                    plan.ungrouped, sources, deadline, options, cancellation)
                table.total = whole.statistics?.rows.first?.values
                meta.isPartial = meta.isPartial || whole.meta.isPartial
            }
        }
        return QueryAnswer(content: .statistics(table), meta: meta)
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
        let cursor = options.cursor
        let limit = plan.query.rowLimit
        // One more than is shown tells whether there is a next page.
        var scan = EventListingScan(
            plan.part(from: cursor), limit: limit + 1 + (cursor?.answered ?? 0),
            from: cursor?.position, lanes: pool.parallelism)
        var meta = AnswerMeta()
        do {
            meta.isPartial = try find(&scan, sources, deadline, cancellation)
            if let cursor {
                scan.dropFirst(min(cursor.answered, scan.count(equalTo: cursor.position)))
            }
            let page = scan.found.prefix(limit)
            // A page that may lack events says nothing about where the next one begins.
            if scan.found.count > limit, !meta.isPartial {
                meta.cursor = plan.cursor(after: page, earlier: cursor)
            }
            var reader = EventRowReader(plan, sources, DictionaryMemo(), pool)
            let start = plan.trace?.now
            let rows = try reader.rows(
                at: page.map(\.place), bytesMax: options.listingLimit, MemoryShare(memory))
            plan.trace?.note(
                .fields, rowsIn: page.count, rowsOut: rows.count, bytes: reader.bytesScanned,
                since: start)
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
            var rest = scan.order(sources)[...]
            // The first source often holds all there is to find; only then are others looked at, on
            // all threads.
            var width = 1
            while true {
                if cancellation.isCancelled { throw QueryFailure.cancelled }
                if clock.monotonicNanoseconds() > deadline { return true }
                var wave: [Int] = []
                while wave.count < width, let index = rest.popFirst() {
                    if !scan.canSkip(sources[index]) { wave.append(index) }
                }
                if wave.isEmpty { return false }
                let (taken, lanes, bound) = (wave, scan.lanes, scan.bound)
                let work = SourceQueue(taken.count, deadline, clock, cancellation, memory)
                let found = pool.parallelMap(taken.count) { lane in
                    Result {
                        try lanes[lane].scan(
                            sources[taken[lane]], index: taken[lane], bound: bound, work)
                    }
                }
                for candidates in found {
                    if case .failure(let error) = candidates, error is Interrupted {
                        if let failure = work.failure { throw failure }
                        return true
                    }
                    scan.add(try candidates.get())
                }
                width = lanes.count
            }
        } catch {
            throw QueryFailure(scanning: error)
        }
    }
}

extension QueryPlan {
    /// The plan for what comes at and after a cursor.
    fileprivate func part(from cursor: ListingCursor?) -> QueryPlan {
        let order = ListingOrder(query.effectiveSort)
        guard let cursor, order.isByTime, timeRange.contains(cursor.position.time) else {
            return self
        }
        let time = cursor.position.time
        return order.isDescending
            ? with(timeRange.lowerBound..<time + 1) : with(time..<timeRange.upperBound)
    }

    /// The cursor behind a page, which is not empty.
    fileprivate func cursor(
        after page: ArraySlice<ListingCandidate>, earlier: ListingCursor?
    ) -> ListingCursor? {
        guard let last = page.last?.position else { return nil }
        let order = ListingOrder(query.effectiveSort)
        let equal = page.reversed().prefix { order.precedes($0.position, last) == nil }.count
        let isSame = earlier.map { order.precedes($0.position, last) == nil } ?? false
        return ListingCursor(
            query, timeRange, after: last, answered: equal + (isSame ? earlier?.answered ?? 0 : 0))
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
    var statistics: StatisticsTable? {
        if case .statistics(let table) = content { table } else { nil }
    }

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
