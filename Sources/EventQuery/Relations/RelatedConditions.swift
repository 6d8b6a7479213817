internal import Compute
internal import Events

/// What a query wants to know of the events of one relation.
struct RelatedNeed: Sendable {
    /// What one event must meet, in its own terms; nil for any.
    var condition: Expression?
    /// Whether only events that have such a relative are asked for, or of `none` those that have not.
    var isCondition = false
    /// Fields whose values are looked at.
    var fields: [String] = []
}

/// The relations that a query speaks of.
struct RelatedNeeds: Sendable {
    private(set) var byRelation: [Relation: RelatedNeed] = [:]
    /// What derives fields, of which a relative's may be asked for too; those that stand before what is
    /// taken next.
    var definitions: [String: Expression]

    init(_ definitions: [String: Expression]) { self.definitions = definitions }

    var isEmpty: Bool { byRelation.isEmpty }

    /// All that relatives must meet.
    var conditions: [Expression] { byRelation.values.compactMap(\.condition) }

    /// Takes the conditions that are about one relative alone, all those of a prefix about the same one;
    /// answers the rest.
    mutating func takeConditions(from conditions: [Expression]) -> [Expression] {
        conditions.filter { condition in
            let relations = Set(condition.fields.map(\.relation))
            guard relations.count == 1, let only = relations.first, let relation = only else {
                return true
            }
            var need = byRelation[relation] ?? RelatedNeed()
            let own = condition.inTermsOfRelative.substituting(definitions)
            need.condition = need.condition.map { .and([$0, own]) } ?? own
            need.isCondition = true
            byRelation[relation] = need
            return false
        }
    }

    /// Takes the fields of relatives that expressions speak of.
    ///
    /// - Parameter place: where the expressions stand.
    mutating func takeFields(
        of expressions: [Expression], in place: RelatedPlace
    ) throws(QueryFailure) {
        for expression in expressions {
            for case .related(let relation, let name) in expression.fields {
                if let message = place.refusal(of: relation, expression.text) {
                    throw .refused(message)
                }
                var need = byRelation[relation] ?? RelatedNeed()
                if !need.fields.contains(name) { need.fields.append(name) }
                byRelation[relation] = need
            }
            let many = Set(expression.fields.compactMap(\.relation).filter(\.isMany))
            if many.count > 1 {
                throw .refused("\(expression.text) speaks of several relatives of many")
            }
        }
    }

    /// What a field of a relative is in its own terms.
    func value(_ name: String) -> Expression {
        Expression.field(FieldReference(plainName: name)).substituting(definitions)
    }
}

/// Where an expression stands that speaks of relatives.
enum RelatedPlace {
    case condition
    case value
    case aggregate

    /// Why a relation cannot be spoken of here; nil when it can.
    func refusal(of relation: Relation, _ text: String) -> String? {
        switch (self, relation) {
        case (_, .none):
            "none. stands only in conditions that are about it alone, joined by and: \(text)"
        case (.condition, .child), (.condition, .any), (.condition, .any2), (.condition, .any3):
            "a condition on \(relation.rawValue). must be about it alone, and be joined to others "
                + "by and: \(text)"
        case (.aggregate, .any), (.aggregate, .any2), (.aggregate, .any3):
            "\(relation.rawValue). has no one value to aggregate; root., parent. and child. have: "
                + text
        default: nil
        }
    }
}

extension FieldReference {
    /// The relation whose field it is; nil for the event's own.
    var relation: Relation? {
        if case .related(let relation, _) = self { relation } else { nil }
    }
}

extension Expression {
    /// Whether it speaks of other events of the trace.
    var speaksOfRelatives: Bool { fields.contains { $0.relation != nil } }

    /// The condition with what it says of a relative, negated or not, met only where there is one.
    ///
    /// It takes a level more than the expression has.
    var requiringRelatives: Expression {
        speaksOfRelatives ? requiringRelatives(isNegated: false) : self
    }

    private func requiringRelatives(isNegated: Bool) -> Expression {
        switch self {
        case .not(let a): return a.requiringRelatives(isNegated: !isNegated)
        case .and(let all), .or(let all):
            let parts = all.map { $0.requiringRelatives(isNegated: isNegated) }
            if case .and = self { return isNegated ? .or(parts) : .and(parts) }
            return isNegated ? .and(parts) : .or(parts)
        default:
            let own = isNegated ? .not(self) : self
            let relations = Set(fields.compactMap(\.relation)).sorted { $0.rawValue < $1.rawValue }
            if relations.isEmpty || (!isNegated && needsValue) { return own }
            // Every event has a rate, and rates are few: the shortest way to ask whether there is one.
            let guards = relations.map {
                Expression.exists(.field(.related($0, "samplerate")), negated: false)
            }
            return .and(guards + [own])
        }
    }

    /// Whether the condition is surely false where a relative's field is missing.
    private var needsValue: Bool {
        let needed: Set<FieldReference> =
            switch self {
            case .compare(.notEqual, _, _): []
            case .compare(_, let a, let b): a.neededFields.union(b.neededFields)
            case .membership(let a, _, negated: false), .match(_, let a, _, negated: false),
                .exists(let a, negated: false):
                a.neededFields
            default: neededFields
            }
        return needed.isSuperset(of: fields.filter { $0.relation != nil })
    }

    /// Fields without which there is surely no value.
    private var neededFields: Set<FieldReference> {
        switch self {
        case .field(let field): [field]
        case .negate(let a): a.neededFields
        case .arithmetic(_, let a, let b): a.neededFields.union(b.neededFields)
        default: []
        }
    }

    /// The expression with the fields of a relative as its own.
    fileprivate var inTermsOfRelative: Expression {
        replacingFields { reference in
            guard case .related(_, let name) = reference else { return nil }
            return .field(FieldReference(plainName: name))
        }
    }
}
