internal import Compute
internal import Events
internal import Host

extension QueryEngine {
    /// Answers which fields tell the selection of a `bubbleup` from the other events.
    ///
    /// First the rows of both sets are found, source by source; then the fields are compared, field by
    /// field. What a field needs is freed before the next, so memory does not grow with their number.
    func bubbleUp(
        _ plan: QueryPlan, _ sources: [any EventSource], _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryAnswer {
        let work = SourceQueue(sources.count, deadline, clock, cancellation, memory)
        var chosen = try plan.planOfSelection(options)?.untraced
        if let plan = chosen {
            chosen = try findingRelatives(plan, sources, deadline, options, cancellation)
        }
        let rows = try rowsToCompare(plan, chosen: chosen, sources, work, options)
        var meta = AnswerMeta()
        meta.events = rows.events
        meta.rowsScanned = rows.rowsScanned
        let spilled = try spilledFields(rows.sources, work, options)
        let names = FieldNames(rows.sources, spilled, plan)
        meta.bytesScanned = rows.bytesScanned + names.storedBytes
        let fields = SourceQueue(names.names.count, deadline, clock, cancellation, memory)
        let scans = (0..<pool.parallelism).map { _ in
            FieldScan(
                plan, rows.sources, spilled, rows.sizes, fields,
                bytesMax: max(1, options.memoryLimit / 2 / pool.parallelism))
        }
        let lanes = Lanes(scans)
        pool.parallelFor(scans.count) { lane in
            while let index = fields.next() {
                do {
                    let bytes = try lanes[lane].scan(names.names[index])
                    if fields.hold(bytes) > options.listingLimit {
                        fields.fail(.tooLarge(limit: options.listingLimit))
                    }
                } catch {
                    fields.fail(QueryFailure(scanning: error))
                }
            }
        }
        if let failure = fields.failure { throw failure }
        meta.isPartial = work.isOverdue || fields.isOverdue
        var found = scans.flatMap(\.found)
        let disparity = Disparity(rows.sizes, squares: rows.squares, fields: found.count)
        for index in found.indices { found[index].comparison.setScore(disparity) }
        found.sort {
            ($1.comparison.score, $0.name) < ($0.comparison.score, $1.name)
        }
        var comparisons = FieldComparisons(
            sizes: rows.sizes, disparity: disparity, fields: found)
        if !meta.isPartial {
            comparisons.pairs = try pairs(
                FieldPairs(found, plan, rows.sources, disparity), deadline, cancellation)
        }
        return QueryAnswer(content: .comparison(comparisons), meta: meta)
    }

    private struct RowsToCompare {
        /// In the order of the query's sources.
        var sources: [ComparedSource] = []
        var sizes = ComparedCount()
        var squares = (selection: 0.0, baseline: 0.0)
        var events = 0
        var rowsScanned = 0
        var bytesScanned = 0
    }

    private func rowsToCompare(
        _ plan: QueryPlan, chosen: QueryPlan?, _ sources: [any EventSource], _ work: SourceQueue,
        _ options: QueryOptions
    ) throws(QueryFailure) -> RowsToCompare {
        let scans = (0..<pool.parallelism).map { _ in ComparedSourceScan(plan, chosen: chosen) }
        let lanes = Lanes(scans)
        pool.parallelFor(scans.count) { lane in
            let scan = lanes[lane]
            var held = 0
            while let index = work.next() {
                do {
                    try scan.scan(sources[index], place: index, work)
                } catch is Interrupted {
                    break
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
                if work.hold(scan.byteCount - held) > options.memoryLimit / 2 {
                    work.fail(.outOfMemory(limit: options.memoryLimit))
                }
                held = scan.byteCount
            }
        }
        if let failure = work.failure { throw failure }
        var rows = RowsToCompare()
        for scan in scans {
            rows.sizes.selection += scan.sizes.selection
            rows.sizes.baseline += scan.sizes.baseline
            rows.squares.selection += scan.squares.selection
            rows.squares.baseline += scan.squares.baseline
            rows.events += scan.events
            rows.rowsScanned += scan.rowsScanned
            rows.bytesScanned += scan.bytesScanned
        }
        rows.sources = scans.flatMap(\.sources).sorted { $0.place < $1.place }.map(\.source)
        return rows
    }

    private func spilledFields(
        _ sources: [ComparedSource], _ work: SourceQueue, _ options: QueryOptions
    ) throws(QueryFailure) -> SpilledFields {
        var spilled = SpilledFields()
        do {
            for source in sources {
                try spilled.add(source, bytesMax: options.memoryLimit / 2)
                if !work.mayGoOn { break }
            }
        } catch {
            throw QueryFailure(scanning: error)
        }
        if let failure = work.failure { throw failure }
        return spilled
    }
}

/// The fields that the sources of a comparison have, those that take most bytes first: threads that
/// begin with the largest pieces end at about the same time.
private struct FieldNames {
    let names: [String]
    /// Bytes of all of them, as they are kept.
    let storedBytes: Int

    init(_ sources: [ComparedSource], _ spilled: SpilledFields, _ plan: QueryPlan) {
        var bytes: [String: Int] = [:]
        for name in spilled.values.keys { bytes[name] = 0 }
        for compared in sources {
            let source = compared.source
            for name in source.fieldNames where name != EventBatch.spillName {
                let stored = source.storedByteCount(ofColumn: name)
                bytes[name, default: 0] += stored
            }
        }
        // What is derived hides what was sent, and takes the time of an expression for each row.
        for name in plan.definitions.keys { bytes[name] = 0 }
        storedBytes = bytes.values.reduce(0, +)
        for name in plan.definitions.keys { bytes[name] = .max }
        names = bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }
}
