internal import Bytes
internal import Compute
internal import Events

/// The relatives of one source's rows.
final class RelatedRows: RelatedColumns {
    /// The group of each row in `RelatedEvents`, by relation; all places share what was found.
    private final class Groups {
        var byRelation: [Relation: [UInt32]] = [:]
    }

    private let spans: RelatedSpans
    /// Which one of several relatives is meant, from 0.
    private let place: Int
    private let groups: Groups

    convenience init(_ spans: RelatedSpans) { self.init(spans, place: 0, Groups()) }

    private init(_ spans: RelatedSpans, place: Int, _ groups: Groups) {
        self.spans = spans
        self.place = place
        self.groups = groups
    }

    /// The same rows with another one of several relatives.
    func at(place: Int) -> RelatedRows { RelatedRows(spans, place: place, groups) }

    private func groups(_ relation: Relation, _ columns: SourceEvaluator) throws -> [UInt32] {
        if let known = groups.byRelation[relation] { return known }
        guard let events = spans.events[relation] else { return [] }
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
        var found = [UInt32](repeating: 0, count: count)
        having.forEachRow { row in
            let key = second.map { trace[row].combined(with: $0[row]) } ?? trace[row]
            found[row] = events.group(of: key)
        }
        groups.byRelation[relation] = found
        return found
    }

    /// The rows that have more than `place` relatives.
    func rows(having relation: Relation, _ columns: SourceEvaluator) throws -> Bitmap {
        var rows = Bitmap(count: columns.rows)
        guard let events = spans.events[relation] else { return rows }
        for (row, group) in try groups(relation, columns).enumerated()
        where events.count(ofGroup: group) > place {
            rows[row] = true
        }
        return rows
    }

    /// The relatives of the row that has most.
    func most(_ relation: Relation, _ columns: SourceEvaluator) throws -> Int {
        guard let events = spans.events[relation] else { return 0 }
        return try groups(relation, columns).reduce(0) { max($0, events.count(ofGroup: $1)) }
    }

    func column(
        _ relation: Relation, _ name: String, for source: SourceEvaluator
    ) throws -> Column? {
        guard let events = spans.events[relation],
            let field = spans.needs.byRelation[relation]?.fields.firstIndex(of: name)
        else { return nil }
        var codes = [UInt32](repeating: 0, count: source.rows)
        var highest: UInt32 = 0
        for (row, group) in try groups(relation, source).enumerated()
        where events.count(ofGroup: group) > place {
            codes[row] = events.code(ofGroup: group, place: place, field: field)
            highest = max(highest, codes[row])
        }
        if highest == 0 { return nil }
        var dictionary = events.dictionaries[field]
        // What is done once a distinct value is not to be done for those of all other sources.
        if dictionary.count > source.rows { dictionary = codes.takeOwn(of: dictionary) }
        return Column(
            rows: source.rows,
            coded: CodedLane(
                dictionary: dictionary,
                codes: CodeArray(codes, highest: UInt32(dictionary.count))))
    }
}

extension [UInt32] {
    /// Changes codes of a dictionary to those of one that has only the values met here, and answers that.
    fileprivate mutating func takeOwn(of dictionary: ValueDictionary) -> ValueDictionary {
        let own = DictionaryBuilder()
        var known = [UInt32](repeating: 0, count: dictionary.count + 1)
        for index in indices where self[index] != 0 {
            let code = Int(self[index])
            if known[code] == 0 { known[code] = own.code(of: dictionary[code - 1]) }
            self[index] = known[code]
        }
        return own.dictionary()
    }
}
