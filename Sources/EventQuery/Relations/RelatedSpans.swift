internal import Bytes
internal import Compute
internal import Events

/// The relatives that a query asks for, found among all events of its time range.
struct RelatedSpans: Sendable {
    let needs: RelatedNeeds
    let naming: TraceNaming
    let events: [Relation: RelatedEvents]
    /// Notes the memory that they take for as long as somebody reads them.
    let holding: SourceQueue
}

/// Looks for relatives; one thread each.
struct RelatedSpansFinder {
    private let needs: RelatedNeeds
    let naming: TraceNaming
    private var found: [Relation: RelatedEventsFound]

    init(_ needs: RelatedNeeds, _ naming: TraceNaming) {
        self.needs = needs
        self.naming = naming
        found = needs.byRelation.mapValues { RelatedEventsFound(fields: $0.fields.count) }
    }

    /// Bytes held, about.
    var byteCount: Int { found.values.reduce(0) { $0 + $1.byteCount } }

    mutating func add(_ other: RelatedSpansFinder) {
        for (relation, theirs) in other.found { found[relation]?.add(theirs) }
    }

    /// All that was found, in order; of a root or a parent there is one.
    ///
    /// Throws `Interrupted` when there is no time for it.
    func settled(_ work: SourceQueue) throws -> RelatedSpans {
        var events: [Relation: RelatedEvents] = [:]
        for (relation, found) in found {
            events[relation] = try RelatedEvents(
                found, isOne: !relation.isMany, checkpoint: work.checkpoint)
        }
        return RelatedSpans(needs: needs, naming: naming, events: events, holding: work)
    }

    /// Adds the relatives among some rows of a source.
    mutating func add(_ rows: SelectedRows, of columns: SourceEvaluator) throws {
        let count = columns.rows
        func hashes(_ part: KeyPath<TraceFields, [String]>) throws -> ValueHashes {
            ValueHashes(try columns.column(naming.value(of: part)), rows: count)
        }
        let (trace, span) = (try hashes(\.traceID), try hashes(\.spanID))
        let parent = try hashes(\.parentID)
        var members = trace.present
        if let rows = rows.rows { members.formIntersection(rows) }
        let times = try columns.source.loadTimestamps()
        for (relation, need) in needs.byRelation {
            try columns.checkpoint?()
            var wanted = members
            switch relation {
            case .root:
                wanted.formIntersection(span.present)
                var rootless = parent.present
                rootless.invert()
                wanted.formIntersection(rootless)
            case .parent: wanted.formIntersection(span.present)
            case .child: wanted.formIntersection(parent.present)
            case .any, .any2, .any3, .none: break
            }
            if let condition = need.condition {
                wanted.formIntersection(try columns.rows(where: condition))
            }
            let fields = try need.fields.map { try columns.column(needs.value($0)) }
            found[relation]?.add(wanted, times: times, columns: fields) { row in
                switch relation {
                case .parent: trace[row].combined(with: span[row])
                case .child: trace[row].combined(with: parent[row])
                case .root, .any, .any2, .any3, .none: trace[row]
                }
            }
        }
    }
}
