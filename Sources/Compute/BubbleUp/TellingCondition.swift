public import Events

/// What of a field tells the selection from the baseline best, alone.
public enum TellingCondition: Hashable, Sendable {
    case value(FieldValue)
    /// One of the elements of an array.
    case element(FieldValue)
    case missing
    case present
    /// Numbers on one side of an edge, which is among them or not.
    case above(Double, orEqual: Bool)
    case below(Double, orEqual: Bool)

    /// The condition on the value that an expression gives.
    public func expression(_ field: Expression) -> Expression {
        func number(_ edge: Double) -> Expression {
            .literal(Int64(exactly: edge).map { .int($0) } ?? FieldValue(number: edge))
        }
        return switch self {
        case .value(let value): .compare(.equal, field, .literal(value))
        case .element(let value): .call(.has, [field, .literal(value)])
        case .missing: .exists(field, negated: true)
        case .present: .exists(field, negated: false)
        case .above(let edge, let orEqual):
            .compare(orEqual ? .greaterOrEqual : .greater, field, number(edge))
        case .below(let edge, let orEqual):
            .compare(orEqual ? .lessOrEqual : .less, field, number(edge))
        }
    }
}

extension Disparity {
    /// What of a field tells most; nil when nothing does beyond chance.
    public func tellingCondition(_ field: FieldComparison) -> TellingCondition? {
        if let cut = field.cut { return field.score > 0 ? cut : nil }
        var best: (score: Double, condition: TellingCondition)?
        func consider(_ count: ComparedCount, _ condition: TellingCondition) {
            let score = surplus(count, alternatives: field.distinct + 1)
            if score > best?.score ?? 0 { best = (score, condition) }
        }
        for value in field.values {
            consider(value.count, field.isSet ? .element(value.value) : .value(value.value))
        }
        consider(field.missing, .missing)
        consider(present(field), .present)
        return best?.condition
    }

    /// How much more of the selection than of the baseline meets something, at least, when the best of
    /// so many was taken in each field.
    public func surplus(_ count: ComparedCount, alternatives: Int) -> Double {
        surplus(count, squaredZ(alternatives))
    }

    /// The same of conditions on two fields: any two could have been taken.
    public func surplusOfPair(_ count: ComparedCount, alternatives: Int) -> Double {
        surplus(count, squaredZ(alternatives * fieldCount))
    }
}
