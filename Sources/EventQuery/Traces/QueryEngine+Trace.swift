internal import Compute
public import Events
internal import Host

/// A trace that was found, and the way to the fields of its events.
public struct TraceAnswer: Sendable {
    public let trace: Trace
    public internal(set) var meta: AnswerMeta
    /// Of each node where its event stands; nil for spans that are missing.
    let places: [EventPlace?]
    let plan: QueryPlan
    let sources: [any EventSource]
}

extension QueryEngine {
    /// Finds a trace: every event that says it belongs to it, whatever its dataset.
    public func trace(
        _ id: String, _ naming: TraceNaming, over sources: [any EventSource], now: Int64,
        options: QueryOptions = QueryOptions(),
        cancellation: QueryCancellation = QueryCancellation()
    ) throws(QueryFailure) -> TraceAnswer {
        let started = clock.monotonicNanoseconds()
        let deadline = started.addingReportingOverflow(options.timeLimit)
        let plan = try QueryPlan(
            .events(ofTrace: id, naming, fields: naming.all), now: now, options: options)
        var scan = EventListingScan(plan, limit: plan.query.rowLimit, lanes: pool.parallelism)
        var meta = AnswerMeta()
        meta.isPartial = try find(
            &scan, sources, deadline.overflow ? .max : deadline.partialValue, cancellation)
        var reader = EventRowReader(plan, sources, DictionaryMemo(), pool)
        var places = scan.found.map(\.place)
        var events: [TraceEvent] = []
        do {
            events = try reader.traceEvents(&places, of: id, naming)
        } catch {
            throw QueryFailure(scanning: error)
        }
        var (trace, order) = TraceBuilder(events).build(id: id)
        trace.isTruncated = scan.events > QueryLimits.traceEventsMax
        meta.events = events.count
        meta.rowsScanned = scan.rowsScanned
        meta.bytesScanned = scan.bytesScanned + reader.bytesScanned
        meta.elapsedNanoseconds = clock.monotonicNanoseconds() &- started
        let whole = try QueryPlan(
            .events(ofTrace: id, naming, fields: nil), now: now, options: options)
        return TraceAnswer(
            trace: trace, meta: meta, places: order.map { $0.map { places[$0] } }, plan: whole,
            sources: sources)
    }

    /// The events of some nodes of a trace with all their fields; nil for spans that are missing.
    ///
    /// A caller that goes through a trace in pieces holds one piece at a time.
    public func events(
        of answer: TraceAnswer, _ nodes: Range<Int>
    ) throws(QueryFailure) -> [EventRow?] {
        let places = answer.places[nodes]
        do {
            var reader = EventRowReader(answer.plan, answer.sources, DictionaryMemo(), pool)
            var rows = try reader.rows(at: places.compactMap { $0 }, bytesMax: .max)[...]
            return places.map { $0 == nil ? nil : rows.popFirst() }
        } catch {
            throw QueryFailure(scanning: error)
        }
    }
}

extension EventRowReader {
    /// The events at some places, piece by piece; places of events that only seem to be of the trace,
    /// because another dataset uses the name for something else, are taken out.
    fileprivate mutating func traceEvents(
        _ places: inout [EventPlace], of id: String, _ naming: TraceNaming
    ) throws -> [TraceEvent] {
        var events: [TraceEvent] = []
        var kept: [EventPlace] = []
        for start in stride(from: 0, to: places.count, by: EventRowReader.rowsPerPortion) {
            let end = min(start + EventRowReader.rowsPerPortion, places.count)
            let portion = Array(places[start..<end])
            for (place, row) in zip(portion, try rows(at: portion, bytesMax: .max)) {
                let fields = naming.fields(of: row.dataset)
                guard row.belongs(toTrace: id, fields) else { continue }
                events.append(TraceEvent(row, fields))
                kept.append(place)
            }
        }
        places = kept
        return events
    }
}

extension EventRow {
    /// Whether the first of the names that the event has says so.
    fileprivate func belongs(toTrace id: String, _ names: TraceFields) -> Bool {
        for name in names.traceID {
            guard let field = fields.first(where: { $0.name == name }) else { continue }
            switch field.value {
            case .string(let text): return text == id
            case .int(let number): return String(number) == id
            default: return false
            }
        }
        return false
    }
}

extension Query {
    /// All events that name the trace under any of the names that mean one, by time.
    fileprivate static func events(
        ofTrace id: String, _ naming: TraceNaming, fields: [String]?
    ) -> Query {
        var values: [FieldValue] = [.string(id)]
        if let number = Int64(id) { values.append(.int(number)) }
        var query = Query()
        query.timeRange = .between(.absolute(.min), .absolute(.max))
        query.transforms = [
            .filter(
                .or(
                    naming.traceIDs.flatMap { name in
                        values.map { .compare(.equal, .field(.named(name)), .literal($0)) }
                    }))
        ]
        query.shape = .events(EventListing(fields: fields))
        query.sort = [SortKey("timestamp", descending: false)]
        query.limit = QueryLimits.traceEventsMax
        return query
    }
}
