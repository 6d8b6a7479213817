internal import Bytes
internal import Compute
internal import Events
internal import Host

extension QueryEngine {
    /// The plan with the relatives that it asks for, looked for among all events of the environment in
    /// its time range.
    func findingRelatives(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryPlan {
        if plan.needs.isEmpty { return plan }
        let work = SourceQueue(sources.count, deadline, clock, cancellation, memory)
        let lanes = Lanes((0..<pool.parallelism).map { _ in RelatedScan(plan, options) })
        pool.parallelFor(lanes.count) { lane in
            while let index = work.next() {
                do {
                    let held = try lanes[lane].scan(sources[index], work)
                    if work.hold(held) > options.memoryLimit / 2 {
                        work.fail(.outOfMemory(limit: options.memoryLimit))
                    }
                } catch is Interrupted {
                    break
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
            }
        }
        if let failure = work.failure { throw failure }
        // Where time was up nothing more is looked at, so what was not found does no harm.
        do {
            var finder = lanes[0].takeFinder()
            for lane in 1..<lanes.count {
                try work.checkpoint()
                finder.add(lanes[lane].takeFinder())
            }
            return plan.with(try finder.settled(work))
        } catch {
            if let failure = work.failure { throw failure }
            return plan
        }
    }
}

/// One thread's share of looking for relatives.
private final class RelatedScan {
    private let plan: QueryPlan
    private let memo = DictionaryMemo()
    private var finder: RelatedSpansFinder

    init(_ plan: QueryPlan, _ options: QueryOptions) {
        self.plan = plan.forRelatives.untraced
        finder = RelatedSpansFinder(plan.needs, options.naming)
    }

    /// Gives away what was found, so that it is not there twice.
    func takeFinder() -> RelatedSpansFinder {
        defer { finder = RelatedSpansFinder(plan.needs, finder.naming) }
        return finder
    }

    /// Answers how many bytes more are held.
    func scan(_ source: any EventSource, _ work: SourceQueue) throws -> Int {
        let columns = SourceEvaluator(source, plan.evaluator, memo: memo)
        columns.checkpoint = { try work.checkpoint() }
        guard let rows = try plan.selectedRows(columns) else { return 0 }
        let before = finder.byteCount
        try finder.add(rows, of: columns)
        return finder.byteCount - before
    }
}

extension QueryPlan {
    /// The values of a source's fields, those of relatives among them.
    ///
    /// - Parameter rows: which one of several relatives is meant; the first unless it is given.
    func columns(
        of source: any EventSource, _ memo: DictionaryMemo, relatives rows: RelatedRows? = nil
    ) -> SourceEvaluator {
        SourceEvaluator(
            source, evaluator, memo: memo, related: rows ?? related.map { RelatedRows($0) })
    }

    /// The rows of a source whose relatives are as the query's conditions want them.
    func narrowByRelatives(
        _ columns: SourceEvaluator, _ narrow: (Bitmap) -> Bool
    ) throws -> Bool {
        guard let rows = columns.related as? RelatedRows else { return true }
        for (relation, need) in needs.byRelation where need.isCondition {
            var having = try rows.rows(having: relation, columns)
            if relation == .none { having.invert() }
            if !narrow(having) { return false }
        }
        return true
    }
}
