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
        return replacingFields { reference in
            if case .named(let name) = reference { definitions[name] } else { nil }
        }
    }

    /// The expression with each field replaced by what `replacement` says; nil leaves it.
    public func replacingFields(
        _ replacement: (FieldReference) -> Expression?
    ) -> Expression {
        switch self {
        case .literal: return self
        case .field(let reference): return replacement(reference) ?? self
        case .not(let a): return .not(a.replacingFields(replacement))
        case .and(let all): return .and(all.map { $0.replacingFields(replacement) })
        case .or(let all): return .or(all.map { $0.replacingFields(replacement) })
        case .compare(let operation, let a, let b):
            return .compare(
                operation, a.replacingFields(replacement), b.replacingFields(replacement))
        case .membership(let a, let values, let negated):
            return .membership(a.replacingFields(replacement), values, negated: negated)
        case .match(let operation, let a, let text, let negated):
            return .match(operation, a.replacingFields(replacement), text, negated: negated)
        case .exists(let a, let negated):
            return .exists(a.replacingFields(replacement), negated: negated)
        case .negate(let a): return .negate(a.replacingFields(replacement))
        case .arithmetic(let operation, let a, let b):
            return .arithmetic(
                operation, a.replacingFields(replacement), b.replacingFields(replacement))
        case .call(let name, let all):
            return .call(name, all.map { $0.replacingFields(replacement) })
        }
    }
}
