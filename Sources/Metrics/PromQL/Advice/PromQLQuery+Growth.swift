extension PromQLQuery {
    /// Whether it is a condition on counted events that more events can only meet the more.
    ///
    /// So is a number that grows compared by `>` or `>=` with one that stands in the query, and what
    /// `and` and `or` make of such conditions. Numbers that grow are counters (metrics whose names end in
    /// `_total`, `_count` or `_bucket`), their `rate` and `increase`; sums, maxima and counts of numbers
    /// that grow; their sums with each other and products with numbers that are not negative. Ratios,
    /// quantiles, averages, minima and `<` are not.
    public var canOnlyBeMetMore: Bool { root.isGrowingCondition }
}

extension PromQLNode {
    fileprivate var isGrowingCondition: Bool {
        switch kind {
        case .parenthesised(let inner): return inner.isGrowingCondition
        case .binary(let operation):
            switch operation.sign {
            case .and, .or:
                return operation.left.isGrowingCondition && operation.right.isGrowingCondition
            default: return operation.isGrowingComparison
            }
        default: return false
        }
    }

    /// Whether its values, none of them negative, and the series that have one can only grow.
    fileprivate var isGrowing: Bool {
        switch kind {
        case .parenthesised(let inner): return inner.isGrowing
        case .selector(let selector): return selector.isCounter
        case .call(.rate, let arguments), .call(.increase, let arguments):
            if case .window(let selector, _)? = arguments.first?.unwrapped.kind {
                return selector.isCounter
            }
            return false
        case .aggregation(let aggregation):
            switch aggregation.aggregator {
            case .sum, .max, .count, .group: return aggregation.operand.isGrowing
            default: return false
            }
        case .binary(let operation): return operation.isGrowing
        default: return false
        }
    }

    /// A number that stands in the query and is not negative.
    fileprivate var constant: Double? {
        if case .number(let value, _) = unwrapped.kind, value >= 0 { return value }
        return nil
    }
}

extension BinaryOperation {
    /// A number that grows compared with one that does not.
    fileprivate var isGrowingComparison: Bool {
        if returnsBool { return false }
        switch sign {
        case .greater, .greaterOrEqual: return left.isGrowing && right.constant != nil
        case .less, .lessOrEqual: return right.isGrowing && left.constant != nil
        default: return false
        }
    }

    fileprivate var isGrowing: Bool {
        let (first, second) = (left.constant, right.constant)
        switch sign {
        case .add:
            return (left.isGrowing || first != nil) && (right.isGrowing || second != nil)
                && (first == nil || second == nil)
        case .multiply: return left.isGrowing && second != nil || first != nil && right.isGrowing
        case .divide: return left.isGrowing && second.map { $0 > 0 } == true
        case .greater, .greaterOrEqual: return left.isGrowing && isGrowingComparison
        default: return false
        }
    }
}

extension Selector {
    /// Whether it finds counters by their name, where they end.
    fileprivate var isCounter: Bool {
        ends == nil && shift.anchor == nil
            && ["_total", "_count", "_bucket"].contains { name.hasSuffix($0) }
    }
}
