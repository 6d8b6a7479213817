internal import Bytes
internal import Compute
internal import Events

/// The relatives that a query asks for, found among all events of its time range.
struct RelatedSpans: Sendable {
    /// One event of a relation.
    struct Relative: Sendable {
        let time: Int64
        /// One a field that is asked for.
        let values: [FieldValue]

        /// The order of several: by time, then by their values, so that it is the same always.
        static func precedes(_ a: Relative, _ b: Relative) -> Bool {
            if a.time != b.time { return a.time < b.time }
            return a.values.lexicographicallyPrecedes(b.values)
        }
    }

    let needs: RelatedNeeds
    let naming: TraceNaming
    fileprivate(set) var relatives: [Relation: [ValueHashes.Hash: [Relative]]] = [:]
    /// Bytes held, about.
    fileprivate(set) var byteCount = 0

    init(_ needs: RelatedNeeds, _ naming: TraceNaming) {
        self.needs = needs
        self.naming = naming
        for relation in needs.byRelation.keys { relatives[relation] = [:] }
    }

    mutating func add(_ other: RelatedSpans) {
        for (relation, theirs) in other.relatives {
            relatives[relation, default: [:]].merge(theirs) { $0 + $1 }
        }
        byteCount += other.byteCount
    }

    /// Puts the relatives of each event in order; of a root or a parent there is one.
    mutating func settle() {
        for relation in relatives.keys {
            relatives[relation] = relatives[relation]?.mapValues { all in
                let sorted = all.sorted(by: Relative.precedes)
                return relation.isMany ? sorted : Array(sorted.prefix(1))
            }
        }
    }

    // MARK: - Finding

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
            var found = members
            switch relation {
            case .root:
                found.formIntersection(span.present)
                var rootless = parent.present
                rootless.invert()
                found.formIntersection(rootless)
            case .parent: found.formIntersection(span.present)
            case .child: found.formIntersection(parent.present)
            case .any, .any2, .any3, .none: break
            }
            if let condition = need.condition {
                found.formIntersection(try columns.rows(where: condition))
            }
            let fields = try need.fields.map { try columns.column(needs.value($0)) }
            found.forEachRow { row in
                let key =
                    switch relation {
                    case .parent: trace[row].combined(with: span[row])
                    case .child: trace[row].combined(with: parent[row])
                    case .root, .any, .any2, .any3, .none: trace[row]
                    }
                // That there is one is all that is asked of it.
                if fields.isEmpty, !relation.isCounted, relatives[relation]?[key] != nil { return }
                let values = fields.map { $0?.value(at: row) ?? .missing }
                relatives[relation]?[key, default: []].append(
                    Relative(time: times[row], values: values))
                byteCount += 96 + values.reduce(0) { $0 + $1.byteCount }
            }
        }
    }
}

extension Relation {
    /// Whether it matters how many there are, to aggregates.
    fileprivate var isCounted: Bool { self == .child }
}

extension FieldValue {
    fileprivate var byteCount: Int {
        if case .string(let text) = self { 24 + text.utf8.count } else { 24 }
    }
}

/// The relatives of one source's rows.
final class RelatedRows: RelatedColumns {
    private let spans: RelatedSpans
    /// Which one of several relatives is meant, from 0.
    private let place: Int
    private var known: [Relation: [[RelatedSpans.Relative]]] = [:]

    init(_ spans: RelatedSpans, place: Int) {
        self.spans = spans
        self.place = place
    }

    /// The relatives of each row.
    private func relatives(
        _ relation: Relation, _ columns: SourceEvaluator
    ) throws -> [[RelatedSpans.Relative]] {
        if let known = known[relation] { return known }
        let table = spans.relatives[relation] ?? [:]
        let count = columns.rows
        func hashes(_ part: KeyPath<TraceFields, [String]>) throws -> ValueHashes {
            ValueHashes(try columns.column(spans.naming.value(of: part)), rows: count)
        }
        let trace = try hashes(\.traceID)
        var having = trace.present
        var second: ValueHashes?
        if relation == .parent || relation == .child {
            let own = try hashes(relation == .parent ? \.parentID : \.spanID)
            having.formIntersection(own.present)
            second = own
        }
        var found = [[RelatedSpans.Relative]](repeating: [], count: count)
        having.forEachRow { row in
            let key = second.map { trace[row].combined(with: $0[row]) } ?? trace[row]
            if let relatives = table[key] { found[row] = relatives }
        }
        known[relation] = found
        return found
    }

    /// The rows that have more than `place` relatives.
    func rows(having relation: Relation, _ columns: SourceEvaluator) throws -> Bitmap {
        let all = try relatives(relation, columns)
        var rows = Bitmap(count: all.count)
        for (row, relatives) in all.enumerated() where relatives.count > place { rows[row] = true }
        return rows
    }

    /// The relatives of the row that has most.
    func most(_ relation: Relation, _ columns: SourceEvaluator) throws -> Int {
        try relatives(relation, columns).map(\.count).max() ?? 0
    }

    func column(
        _ relation: Relation, _ name: String, for source: SourceEvaluator
    ) throws -> Column? {
        guard let field = spans.needs.byRelation[relation]?.fields.firstIndex(of: name) else {
            return nil
        }
        let values = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: source.rows)
        for (row, relatives) in try relatives(relation, source).enumerated()
        where relatives.count > place {
            codes[row] = values.code(of: relatives[place].values[field])
        }
        if values.count == 0 { return nil }
        return Column(
            rows: source.rows,
            coded: CodedLane(
                dictionary: values.dictionary(),
                codes: CodeArray(codes, highest: UInt32(values.count))))
    }
}
