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
    /// The expression with the fields of a relative as its own.
    fileprivate var inTermsOfRelative: Expression {
        replacingFields { reference in
            guard case .related(_, let name) = reference else { return nil }
            return .field(FieldReference(plainName: name))
        }
    }
}
