public import SeriesStore

/// Something in a query that is allowed and hardly meant.
public struct QueryAdvice: Hashable, Sendable {
    /// What it is and what to do.
    public let message: String
    /// `line:column` of the query.
    public let place: String
}

extension PromQLQuery {
    /// What is hardly meant in the query, in the order of its text.
    public var advice: [QueryAdvice] {
        var adviser = QueryAdviser()
        adviser.look(at: root)
        let bytes = Array(text.utf8)
        return adviser.found.sorted { $0.offset < $1.offset }.map {
            QueryAdvice(
                message: $0.message, place: QueryPosition.text(of: $0.offset, in: bytes))
        }
    }

    /// The conditions of each of its selectors, in the order of its text.
    public var selectors: [[LabelMatcher]] { root.selectors }

    /// Names of metrics that its selectors ask for by name.
    public var metricNames: Set<String> { root.metricNames }
}

/// Looks through a query for what is hardly meant.
private struct QueryAdviser {
    var found: [(offset: Int, message: String)] = []

    mutating func look(at node: PromQLNode) {
        switch node.kind {
        case .binary(let operation):
            if operation.sign.isComparison { look(atComparison: operation) }
            if operation.sign == .divide { look(atRatio: operation, node) }
        case .call(.histogramQuantile, let arguments): look(atQuantile: arguments[1])
        default: break
        }
        for inner in node.operands { look(at: inner) }
    }

    private mutating func tell(_ node: PromQLNode, _ message: String) {
        found.append((node.range.lowerBound, message))
    }

    // MARK: - Counters

    /// A counter only grows, so that a comparison of it with a number stays true once it is.
    private mutating func look(atComparison operation: BinaryOperation) {
        for (side, other) in [
            (operation.left, operation.right), (operation.right, operation.left),
        ] where other.type == .scalar {
            guard let name = side.bareCounter else { continue }
            tell(
                side,
                "the counter \(name) is compared with a number, and it only grows: take its "
                    + "rate() or increase()")
        }
    }

    // MARK: - Ratios

    /// Sides of one metric that differ in a label and match on that label, so that each series is
    /// divided by itself.
    private mutating func look(atRatio operation: BinaryOperation, _ node: PromQLNode) {
        guard let left = operation.left.source, let right = operation.right.source,
            !left.selector.name.isEmpty, left.selector.name == right.selector.name
        else { return }
        func text(_ matcher: LabelMatcher) -> String {
            "\(matcher.name)\(matcher.operation.rawValue)\(matcher.value)"
        }
        let rightTexts = Set(right.selector.matchers.map(text))
        let differing = left.selector.matchers.filter { !rightTexts.contains(text($0)) }
        let matching = operation.matching
        for matcher in differing where matcher.name != Labels.metricName {
            let name = matcher.name
            let isMatched =
                matching.labels.contains(name) == matching.isOn
                && left.keeps(name) && right.keeps(name)
            guard isMatched else { continue }
            tell(
                node,
                "both sides of the ratio keep the label \(name), so each series is divided by "
                    + "itself: sum without (\(name)) of each side, or leave it out of by (…)")
            return
        }
    }

    // MARK: - Quantiles

    private mutating func look(atQuantile argument: PromQLNode) {
        guard case .aggregation(let aggregation) = argument.unwrapped.kind,
            argument.drops("le"),
            aggregation.operand.metricNames.contains(where: { $0.hasSuffix("_bucket") })
        else { return }
        tell(
            argument,
            "histogram_quantile needs the label le of the buckets: aggregate by (le, …)")
    }
}

extension PromQLNode {
    /// The expressions directly within it.
    fileprivate var operands: [PromQLNode] {
        switch kind {
        case .number, .string, .selector, .window: []
        case .subquery(let subquery): [subquery.inner]
        case .call(_, let arguments): arguments
        case .aggregation(let aggregation):
            (aggregation.parameter.map { [$0] } ?? []) + [aggregation.operand]
        case .binary(let operation): [operation.left, operation.right]
        case .unary(_, let inner), .parenthesised(let inner): [inner]
        }
    }

    /// The conditions of selectors within it.
    fileprivate var selectors: [[LabelMatcher]] {
        switch kind {
        case .selector(let selector), .window(let selector, _): [selector.matchers]
        default: operands.flatMap(\.selectors)
        }
    }

    /// Names of metrics that selectors within it ask for by name.
    fileprivate var metricNames: Set<String> {
        switch kind {
        case .selector(let selector), .window(let selector, _):
            Set(
                selector.matchers.filter {
                    $0.name == Labels.metricName && $0.operation == .equal
                }.map(\.value))
        default: operands.reduce(into: []) { $0.formUnion($1.metricNames) }
        }
    }

    /// The name of the counter that its values are, or are totals of.
    fileprivate var bareCounter: String? {
        switch kind {
        case .selector(let selector):
            return ["_total", "_count", "_bucket"].contains { selector.name.hasSuffix($0) }
                ? selector.name : nil
        case .aggregation(let aggregation):
            switch aggregation.aggregator {
            case .sum, .avg, .min, .max, .topk, .bottomk: return aggregation.operand.bareCounter
            default: return nil
            }
        case .binary(let operation): return operation.bareCounter
        case .parenthesised(let inner): return inner.bareCounter
        default: return nil
        }
    }

    /// Whether an aggregation within it, that its values go through, leaves the label out.
    fileprivate func drops(_ label: String) -> Bool {
        guard case .aggregation(let aggregation) = unwrapped.kind else { return false }
        return aggregation.grouping.contains(label) == aggregation.isWithout
            || aggregation.operand.drops(label)
    }

    /// The one selector that its values come of, and the aggregations on the way, the outermost first.
    fileprivate var source: QuerySource? {
        switch kind {
        case .selector(let selector), .window(let selector, _):
            return QuerySource(selector: selector)
        case .aggregation(let aggregation):
            switch aggregation.aggregator {
            case .sum, .avg, .min, .max, .count:
                var source = aggregation.operand.source
                source?.aggregations.insert(aggregation, at: 0)
                return source
            default: return nil
            }
        case .call(let function, let arguments) where function.takesWindow:
            return arguments.compactMap { $0.type == .matrix ? $0.source : nil }.first
        case .parenthesised(let inner): return inner.source
        default: return nil
        }
    }
}

extension BinaryOperation {
    /// The name of the counter that its values are, but for a number that is added or multiplied.
    fileprivate var bareCounter: String? {
        switch sign {
        case .add, .subtract, .multiply, .divide:
            if right.type == .scalar { return left.bareCounter }
            return left.type == .scalar && sign != .subtract ? right.bareCounter : nil
        default: return nil
        }
    }
}

/// Where the values of one side of an operation come from.
private struct QuerySource {
    let selector: Selector
    var aggregations: [Aggregation] = []

    /// Whether series still have the label behind all aggregations.
    func keeps(_ name: String) -> Bool {
        aggregations.allSatisfy { $0.grouping.contains(name) != $0.isWithout }
    }
}
