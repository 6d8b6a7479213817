internal import Compute
public import Events

extension Query {
    /// The same question with "?" in the place of every value that it names.
    ///
    /// What is left are the names of datasets and fields, the operators and the time range.
    public var withoutValues: Query {
        var query = self
        query.transforms = transforms.map { transform in
            switch transform {
            case .filter(let condition): .filter(condition.withoutValues)
            case .evaluate(let name, let expression):
                .evaluate(name: name, expression.withoutValues)
            }
        }
        return query
    }

    /// The values that events must have to meet the conditions: what is compared for equality, or
    /// looked for in a text.
    public var namedValues: [FieldValue] {
        transforms.flatMap { transform in
            switch transform {
            case .filter(let condition): condition.namedValues
            case .evaluate(_, let expression): expression.namedValues
            }
        }
    }
}

extension Expression {
    fileprivate var withoutValues: Expression {
        let hidden = FieldValue.string("?")
        switch self {
        case .literal: return .literal(hidden)
        case .field: return self
        case .not(let a): return .not(a.withoutValues)
        case .and(let all): return .and(all.map(\.withoutValues))
        case .or(let all): return .or(all.map(\.withoutValues))
        case .compare(let operation, let a, let b):
            return .compare(operation, a.withoutValues, b.withoutValues)
        case .membership(let a, _, let negated):
            return .membership(a.withoutValues, [hidden], negated: negated)
        case .match(let operation, let a, _, let negated):
            return .match(operation, a.withoutValues, "?", negated: negated)
        case .exists(let a, let negated): return .exists(a.withoutValues, negated: negated)
        case .negate(let a): return .negate(a.withoutValues)
        case .arithmetic(let operation, let a, let b):
            return .arithmetic(operation, a.withoutValues, b.withoutValues)
        case .call(let name, let all): return .call(name, all.map(\.withoutValues))
        }
    }

    fileprivate var namedValues: [FieldValue] {
        switch self {
        case .compare(.equal, let a, let b): [a, b].flatMap { $0.literals + $0.namedValues }
        case .membership(_, let values, negated: false): values
        case .match(let operation, _, let text, negated: false) where operation != .matches:
            [.string(text)]
        case .call(_, let all): all.flatMap { $0.literals + $0.namedValues }
        case .match, .membership, .literal, .field: []
        default: parts.flatMap(\.namedValues)
        }
    }

    private var literals: [FieldValue] {
        if case .literal(let value) = self { [value] } else { [] }
    }
}
