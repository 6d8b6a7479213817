import Compute
import EventQuery
import Events

/// Queries that fit the fields of `randomEvents`, so that conditions hold for some events and groups
/// repeat.
extension QueryGenerator {
    private mutating func eventField() -> Expression {
        if chance(8) { return .field(pick([.timestamp, .received, .dataset, .sampleRate])) }
        return .field(.named("f\(below(13))"))
    }

    private mutating func eventValue() -> FieldValue {
        switch below(6) {
        case 0, 1: .string("v\(below(40))")
        case 2: pick([.string(""), .string("shop"), .missing])
        case 3: .int(Int64(below(7) - 3))
        case 4: pick([.int(.max), .float(0.5), .float(-1), .float(2), .float(0x1p63)])
        default: .bool(chance(50))
        }
    }

    mutating func eventCondition(depth: Int = 3) -> Expression {
        let deeper = depth - 1
        switch below(depth > 0 ? 9 : 5) {
        case 0, 1:
            let sign = pick(ComparisonOperator.allCases)
            let left = chance(80) ? eventField() : eventNumber(depth: 1)
            let right = chance(80) ? .literal(eventValue()) : eventField()
            return chance(15) ? .compare(sign, right, left) : .compare(sign, left, right)
        case 2:
            let values = list(1...5) { $0.eventValue() }
            let operand = chance(80) ? eventField() : eventText()
            return .membership(operand, values, negated: chance(40))
        case 3:
            let match = pick(MatchOperator.allCases)
            let pattern = pick(
                match == .matches
                    ? ["1$", "^v[0-5]$", "(?i)V\\d", "", "^$", "v1|v2"] : ["v1", "v", "3", "", "V"])
            let operand = chance(75) ? eventField() : eventText()
            return .match(match, operand, pattern, negated: chance(40))
        case 4:
            let operand = chance(80) ? eventField() : eventNumber(depth: 1)
            return chance(60) ? .exists(operand, negated: chance(40)) : operand
        case 5: return .not(eventCondition(depth: deeper))
        case 6, 7: return .and(list(2...3) { $0.eventCondition(depth: deeper) })
        default: return .or(list(2...3) { $0.eventCondition(depth: deeper) })
        }
    }

    /// An expression whose value is a text more often than not.
    private mutating func eventText() -> Expression {
        let function: FunctionName = pick([.lower, .upper, .string, .concat, .coalesce])
        let count = min(function.arity.upperBound, max(2, function.arity.lowerBound))
        return .call(function, (0..<count).map { _ in eventField() })
    }

    /// An expression whose value is a number more often than not.
    mutating func eventNumber(depth: Int = 2) -> Expression {
        if depth == 0 || chance(30) { return chance(75) ? eventField() : .literal(eventValue()) }
        let deeper = depth - 1
        switch below(4) {
        case 0: return .negate(eventNumber(depth: deeper))
        case 1: return eventCondition(depth: 1)
        case 2:
            let sign = pick(ArithmeticOperator.allCases)
            return .arithmetic(sign, eventNumber(depth: deeper), eventNumber(depth: deeper))
        default:
            let function = pick(FunctionName.allCases)
            let count = min(function.arity.upperBound, function.arity.lowerBound + below(2))
            return function.calling(
                arguments(of: function, (0..<count).map { _ in eventNumber(depth: deeper) }))
        }
    }

    /// A query over `count` events, a microsecond apart from 1970 on.
    mutating func answerableQuery(over count: Int) -> Query {
        var query = Query()
        let datasets = ["shop", "pay", "none"]
        query.source = chance(40) ? .all : .named(Array(datasets[below(2)...].prefix(1 + below(2))))
        let start = chance(50) ? 0 : Int64(below(count)) * 1000
        let end = chance(50) ? Int64(count) * 1000 : start + Int64(below(count)) * 1000 + 1
        query.timeRange = .between(.absolute(start), .absolute(end))
        query.transforms = list(0...3) { generator in
            generator.chance(80)
                ? .filter(generator.eventCondition())
                : .evaluate(name: "f\(generator.below(14))", generator.eventNumber())
        }
        query.isUnweighted = chance(15)
        if chance(15) { query.sampleShare = pick([0.5, 0.25, 0.1, 1]) }
        if chance(20) { addRelations(to: &query) }
        if chance(20) {
            query.shape = .bubbleUp(BubbleUp(selection: eventCondition()))
        } else if chance(25) {
            let names = list(1...4) { "f\($0.below(13))" }
            query.shape = .events(EventListing(fields: chance(50) ? nil : names))
            if chance(60) { query.sort = eventSort() }
        } else {
            query.shape = .statistics(answerableStatistics())
            if chance(40) { query.step = .every(Int64(1 + below(4)) * Int64(count) * 100) }
            if query.step != nil { addSpanning(to: &query) }
            if chance(15) { query.compareOffset = Int64(1 + below(count)) * 1000 }
            if case .statistics(let statistics) = query.shape { query.sort = safeSort(statistics) }
        }
        if chance(70) { query.limit = 1 + below(chance(50) ? 10 : 1000) }
        query.dropDerivedRelatives()
        return query
    }

    /// By some fields, then by time, which no two events share.
    private mutating func eventSort() -> [SortKey] {
        list(0...2) { SortKey("f\($0.below(13))", descending: $0.chance(50)) }
            + [SortKey("timestamp", descending: chance(50))]
    }

    private mutating func answerableStatistics() -> Statistics {
        var statistics = Statistics(calculations: [Calculation(.count)])
        let aggregates: [Aggregate] = [
            .count, .sum, .avg, .min, .max, .distinct, .quantile(0.5), .quantile(0.99),
            .quantile(0.05), .quantile(0), .quantile(1), .heatmap, .latest, .exponentialHistogram,
        ]
        for index in 0..<below(5) {
            var calculation = Calculation(pick(aggregates), of: eventField())
            if chance(20) { calculation.argument = eventNumber() }
            if chance(10) { calculation.argument = relatedField([.root, .parent, .child]) }
            if chance(25) { calculation.filter = eventCondition(depth: 1) }
            calculation.alias = "c\(index)"
            statistics.calculations.append(calculation)
        }
        for index in 0..<(chance(3) ? 3 : pick([0, 1, 1, 1, 2])) {
            var expression = chance(80) ? eventField() : eventNumber()
            if chance(10) { expression = relatedField([.root, .parent, .child, .any]) }
            let isEach = chance(20) && !statistics.groupBy.contains(where: \.isEach)
            statistics.groupBy.append(
                GroupKey(name: "g\(index)", expression: expression, isEach: isEach))
        }
        if chance(30) { addFormulas(to: &statistics) }
        if chance(30) {
            let count = Expression.field(.named("COUNT"))
            let sign = pick(ComparisonOperator.allCases)
            let limit = FieldValue.int(Int64(1 + below(30)))
            statistics.having = .compare(sign, count, .literal(limit))
            if !statistics.groupBy.isEmpty, chance(40) {
                let key = Expression.exists(.field(.named("g0")), negated: chance(30))
                statistics.having = .or([.compare(sign, count, .literal(limit)), key])
            } else if chance(40) {
                statistics.having = havingOfExact(statistics)
            }
        }
        return statistics
    }

    /// A condition on calculations whose values are exact, so that rounding cannot decide it.
    private mutating func havingOfExact(_ statistics: Statistics) -> Expression {
        let exact: [Aggregate] = [.count, .distinct, .min, .max]
        let keys = statistics.calculations.filter { exact.contains($0.aggregate) }.map(\.key)
        func column(_ generator: inout QueryGenerator) -> Expression {
            .field(.named(generator.pick(keys)))
        }
        let sign = pick(ComparisonOperator.allCases)
        switch below(4) {
        case 0: return .compare(sign, column(&self), column(&self))
        case 1:
            return .membership(column(&self), list(1...4) { $0.eventValue() }, negated: chance(50))
        case 2: return .not(.compare(sign, column(&self), .literal(eventValue())))
        default:
            let sum = Expression.arithmetic(.add, column(&self), .literal(.int(1)))
            return .and([
                .compare(sign, sum, column(&self)), .exists(column(&self), negated: false),
            ])
        }
    }

    /// Conditions on other events of the trace.
    private mutating func addRelations(to query: inout Query) {
        for _ in 0..<1 + below(2) {
            let relation = pick(Relation.allCases)
            let condition = eventCondition(depth: 1).replacingFields { reference in
                .field(.related(relation, reference.plainText))
            }
            query.transforms.insert(.filter(condition), at: 0)
        }
    }

    /// A field of another event of the trace, in a group or an aggregate.
    private mutating func relatedField(_ relations: [Relation]) -> Expression {
        .field(.related(pick(relations), "f\(below(13))"))
    }

    /// Calculations that speak of several time buckets.
    private mutating func addSpanning(to query: inout Query) {
        guard case .statistics(var statistics) = query.shape, chance(50) else { return }
        var calculation = Calculation(
            pick([.rateSum, .rateAvg, .rateMax, .concurrency]), alias: "spanning")
        if calculation.aggregate != .concurrency { calculation.argument = eventField() }
        if chance(30) { calculation.filter = eventCondition(depth: 1) }
        statistics.calculations.append(calculation)
        query.shape = .statistics(statistics)
    }

    /// Formulas over whatever is computed; what is hidden goes on being spoken of.
    mutating func addFormulas(to statistics: inout Statistics) {
        for index in 0..<1 + below(3) {
            let names =
                statistics.calculations.map(\.key).filter {
                    statistics.heatmap(in: .field(.named($0))) == nil
                } + statistics.formulas.map(\.name)
            func column(_ generator: inout QueryGenerator) -> Expression {
                generator.chance(85)
                    ? .field(.named(generator.pick(names))) : .literal(generator.eventValue())
            }
            var expression = Expression.arithmetic(
                pick(ArithmeticOperator.allCases), column(&self), column(&self))
            if chance(20) { expression = .call(.if, [expression, column(&self), column(&self)]) }
            if chance(10) { expression = .compare(.less, expression, column(&self)) }
            statistics.formulas.append(Formula(name: "r\(index)", expression: expression))
        }
        for place in statistics.calculations.indices {
            statistics.calculations[place].isHidden = chance(30)
        }
    }

    /// Sort keys whose values are exact, so that rounding cannot change the order.
    private mutating func safeSort(_ statistics: Statistics) -> [SortKey] {
        let exact: [Aggregate] = [.count, .distinct, .min, .max]
        let keys =
            statistics.calculations.filter { exact.contains($0.aggregate) }.map(\.key)
            + statistics.groupBy.map(\.name)
        return list(0...2) { SortKey($0.pick(keys), descending: $0.chance(50)) }
    }
}

extension Query {
    /// Leaves to relatives only fields that were sent or are derived from these: those that are derived from
    /// relatives of relatives are refused.
    fileprivate mutating func dropDerivedRelatives() {
        var expressions = transforms.map { transform in
            switch transform {
            case .filter(let expression), .evaluate(_, let expression): expression
            }
        }
        if case .statistics(let statistics) = shape {
            expressions += statistics.groupBy.map(\.expression)
            for calculation in statistics.calculations {
                expressions += [calculation.argument, calculation.filter].compactMap { $0 }
            }
        }
        if case .bubbleUp(let bubbleUp) = shape { expressions.append(bubbleUp.selection) }
        var related: Set<String> = []
        for case .related(_, let name) in expressions.flatMap(\.fields) { related.insert(name) }
        transforms.removeAll { transform in
            guard case .evaluate(let name, let formula) = transform else { return false }
            return related.contains(name)
                && formula.fields.contains {
                    if case .related = $0 { true } else { false }
                }
        }
    }
}

extension FieldReference {
    /// The name of a sent field or a property.
    fileprivate var plainText: String {
        switch self {
        case .named(let name), .related(_, let name): name
        case .timestamp: "timestamp"
        case .received: "received"
        case .dataset: "dataset"
        case .sampleRate: "samplerate"
        }
    }
}
