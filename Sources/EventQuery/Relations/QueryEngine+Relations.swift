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
                    let held = try lanes[lane].scan(sources[index])
                    if work.hold(held) > options.memoryLimit / 2 {
                        work.fail(.outOfMemory(limit: options.memoryLimit))
                    }
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
            }
        }
        if let failure = work.failure { throw failure }
        // Where time was up nothing more is looked at, so what was not found does no harm.
        var spans = RelatedSpans(plan.needs, options.naming)
        for lane in 0..<lanes.count { spans.add(lanes[lane].spans) }
        spans.settle()
        return plan.with(spans)
    }
}

/// One thread's share of looking for relatives.
private final class RelatedScan {
    private let plan: QueryPlan
    private let memo = DictionaryMemo()
    private(set) var spans: RelatedSpans

    init(_ plan: QueryPlan, _ options: QueryOptions) {
        self.plan = plan.forRelatives.untraced
        spans = RelatedSpans(plan.needs, options.naming)
    }

    /// Answers how many bytes more are held.
    func scan(_ source: any EventSource) throws -> Int {
        let columns = SourceEvaluator(source, plan.evaluator, memo: memo)
        guard let rows = try plan.selectedRows(columns) else { return 0 }
        let before = spans.byteCount
        try spans.add(rows, of: columns)
        return spans.byteCount - before
    }
}

extension QueryPlan {
    /// The values of a source's fields, those of relatives among them.
    ///
    /// - Parameter place: which one of several relatives is meant, from 0.
    func columns(
        of source: any EventSource, _ memo: DictionaryMemo, relative place: Int = 0
    ) -> SourceEvaluator {
        SourceEvaluator(
            source, evaluator, memo: memo, related: related.map { RelatedRows($0, place: place) })
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
