import Compute
import EventQuery
import Events
import TestSupport

/// Another event of a trace, behind a reference: rows hold rows.
final class NaiveRelative {
    let row: NaiveRow

    init(_ row: NaiveRow) { self.row = row }

    func value(_ reference: FieldReference) -> FieldValue { row.value(reference) }
}

extension NaiveRow {
    /// Whether a condition holds.
    ///
    /// What is said of a relative that is not there neither holds nor does not: it is unknown, as is what
    /// depends on that alone.
    func meets(_ condition: Expression) -> Bool { truth(condition) == true }

    private func truth(_ condition: Expression) -> Bool? {
        switch condition {
        case .not(let operand): return truth(operand).map { !$0 }
        case .and(let operands):
            let truths = operands.map(truth)
            return truths.contains(false) ? false : truths.contains(nil) ? nil : true
        case .or(let operands):
            let truths = operands.map(truth)
            return truths.contains(true) ? true : truths.contains(nil) ? nil : false
        default:
            let isUnknown = condition.fields.contains { field in
                field.naiveRelation.map { relatives[$0] == nil } ?? false
            }
            return isUnknown ? nil : NaiveExpression(value: value).isTrue(condition)
        }
    }
}

extension FieldReference {
    init(naivePlainName name: String) {
        switch name {
        case "timestamp": self = .timestamp
        case "received": self = .received
        case "dataset": self = .dataset
        case "samplerate": self = .sampleRate
        default: self = .named(name)
        }
    }

    var naiveRelation: Relation? {
        if case .related(let relation, _) = self { relation } else { nil }
    }
}

/// Relatives by the shortest road: every event is looked at for every event.
struct NaiveRelations {
    private let events: [NaiveRow]
    private let transforms: [Transform]
    /// With the places of their filters among the transforms.
    private let conditions: [Relation: [(condition: Expression, place: Int)]]
    private let fields: [Relation: [String]]
    /// Whether the query speaks of any relative.
    private let isAsked: Bool

    /// - Parameter events: all in the time range, of all datasets.
    init(_ events: [ModelEvent], _ query: Query) {
        self.events = events.map { NaiveRow(event: $0) }
        transforms = query.transforms
        var conditions: [Relation: [(condition: Expression, place: Int)]] = [:]
        for (place, transform) in query.transforms.enumerated() {
            guard case .filter(let filter) = transform else { continue }
            for part in NaiveRelations.conjuncts(filter) {
                if let relation = NaiveRelations.onlyRelation(part) {
                    conditions[relation, default: []].append((part, place))
                }
            }
        }
        self.conditions = conditions
        var fields: [Relation: [String]] = [:]
        if case .statistics(let statistics) = query.shape {
            let all =
                statistics.groupBy.map(\.expression)
                + statistics.calculations.flatMap { [$0.argument, $0.filter].compactMap { $0 } }
            for case .related(let relation, let name) in all.flatMap(\.fields) {
                fields[relation, default: []].append(name)
            }
        }
        self.fields = fields
        let transformed = query.transforms.flatMap { transform in
            switch transform {
            case .filter(let expression), .evaluate(_, let expression): expression.fields
            }
        }
        var selected: Set<FieldReference> = []
        if case .bubbleUp(let bubbleUp) = query.shape { selected = bubbleUp.selection.fields }
        isAsked =
            !fields.isEmpty || transformed.contains { $0.naiveRelation != nil }
            || selected.contains { $0.naiveRelation != nil }
    }

    static func conjuncts(_ condition: Expression) -> [Expression] {
        if case .and(let all) = condition { return all.flatMap(conjuncts) }
        return [condition]
    }

    static func onlyRelation(_ condition: Expression) -> Relation? {
        let relations = Set(condition.fields.map(\.naiveRelation))
        return relations.count == 1 ? relations.first ?? nil : nil
    }

    private func text(_ row: NaiveRow, _ name: String) -> String? {
        guard case .string(let text) = row.value(.named(name)) else { return nil }
        return text
    }

    /// All events of a relation to one that meet the relation's conditions, by time.
    func relatives(_ relation: Relation, of row: NaiveRow) -> [NaiveRow] {
        guard let trace = text(row, "trace.trace_id") else { return [] }
        let found = events.filter { other in
            guard text(other, "trace.trace_id") == trace else { return false }
            let isRelated =
                switch relation {
                case .root:
                    text(other, "trace.parent_id") == nil && text(other, "trace.span_id") != nil
                case .parent:
                    text(other, "trace.span_id") != nil
                        && text(other, "trace.span_id") == text(row, "trace.parent_id")
                case .child:
                    text(other, "trace.parent_id") != nil
                        && text(other, "trace.parent_id") == text(row, "trace.span_id")
                case .any, .any2, .any3, .none: true
                }
            return isRelated
                && (conditions[relation] ?? []).allSatisfy { condition, place in
                    var candidate = row
                    candidate.relatives = deriving([relation: NaiveRelative(other)], before: place)
                    return NaiveExpression(value: candidate.value).isTrue(condition)
                }
        }
        return found.sorted { $0.event.timestamp < $1.event.timestamp }
    }

    /// The relatives with the fields that the transforms before a place derive of them.
    func deriving(
        _ relatives: [Relation: NaiveRelative], before place: Int
    ) -> [Relation: NaiveRelative] {
        relatives.mapValues { relative in
            var row = relative.row
            for case .evaluate(let name, let formula) in transforms.prefix(place) {
                row.derived[name] = NaiveExpression(value: row.value).evaluate(formula)
            }
            return NaiveRelative(row)
        }
    }

    /// The row with the first of its relatives of each kind; nil when a condition on them fails.
    func related(_ row: NaiveRow) -> NaiveRow? {
        if !isAsked { return row }
        var row = row
        let wanted = Set(conditions.keys).union(fields.keys).union([.root, .parent])
        for relation in wanted {
            let found = relatives(relation, of: row)
            if conditions[relation] != nil, found.isEmpty != (relation == .none) { return nil }
            if relation != .none { row.relatives[relation] = found.first.map { NaiveRelative($0) } }
        }
        return row
    }

    /// The row once for each of its children, for what is aggregated over them.
    func spread(_ row: NaiveRow, _ calculation: Calculation) -> [NaiveRow] {
        let fields = [calculation.argument, calculation.filter].compactMap { $0 }.flatMap(\.fields)
        guard fields.contains(where: { $0.naiveRelation == .child }) else { return [row] }
        return relatives(.child, of: row).map { child in
            var row = row
            let children = deriving([.child: NaiveRelative(child)], before: transforms.count)
            row.relatives.merge(children) { _, child in child }
            return row
        }
    }
}
