import Events

extension Expression {
    /// Every field the expression speaks of.
    public var fields: Set<FieldReference> {
        var found: Set<FieldReference> = []
        collectFields(into: &found)
        return found
    }

    private func collectFields(into found: inout Set<FieldReference>) {
        switch self {
        case .literal: break
        case .field(let reference): found.insert(reference)
        default: for part in parts { part.collectFields(into: &found) }
        }
    }

    /// The expressions this one is made of, one level down.
    public var parts: [Expression] {
        switch self {
        case .literal, .field: []
        case .not(let a), .negate(let a), .exists(let a, _), .membership(let a, _, _),
            .match(_, let a, _, _):
            [a]
        case .and(let all), .or(let all), .call(_, let all): all
        case .compare(_, let a, let b), .arithmetic(_, let a, let b): [a, b]
        }
    }

    /// The expression with each field that `definitions` names replaced by what defines it.
    public func substituting(_ definitions: [String: Expression]) -> Expression {
        if definitions.isEmpty { return self }
        switch self {
        case .literal: return self
        case .field(.named(let name)): return definitions[name] ?? self
        case .field: return self
        case .not(let a): return .not(a.substituting(definitions))
        case .and(let all): return .and(all.map { $0.substituting(definitions) })
        case .or(let all): return .or(all.map { $0.substituting(definitions) })
        case .compare(let operation, let a, let b):
            return .compare(operation, a.substituting(definitions), b.substituting(definitions))
        case .membership(let a, let values, let negated):
            return .membership(a.substituting(definitions), values, negated: negated)
        case .match(let operation, let a, let text, let negated):
            return .match(operation, a.substituting(definitions), text, negated: negated)
        case .exists(let a, let negated):
            return .exists(a.substituting(definitions), negated: negated)
        case .negate(let a): return .negate(a.substituting(definitions))
        case .arithmetic(let operation, let a, let b):
            return .arithmetic(operation, a.substituting(definitions), b.substituting(definitions))
        case .call(let name, let all): return .call(name, all.map { $0.substituting(definitions) })
        }
    }
}
