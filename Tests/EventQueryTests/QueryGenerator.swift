import Compute
import EventQuery
import Events

/// Draws queries of every form from a seed; equal seeds give equal queries.
struct QueryGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
        state = next()
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    mutating func list<Element>(
        _ counts: ClosedRange<Int>, _ make: (inout QueryGenerator) -> Element
    ) -> [Element] {
        (0..<counts.lowerBound + below(counts.count)).map { _ in make(&self) }
    }
}

// MARK: - Names and values

extension QueryGenerator {
    private static let names = [
        "a", "service.name", "duration_ms", "app/flag:x-1", "_x", "and", "count", "exists", "desc",
        "two words", "`tick`", "é", "", "last", "1st", "a\"b", "null", "by", "min", "field",
        "now-2h",
    ]

    mutating func name() -> String { pick(QueryGenerator.names) }

    mutating func value() -> FieldValue {
        switch below(6) {
        case 0: .bool(chance(50))
        case 1: .int(Int64(bitPattern: next()) >> Int64(below(64)))
        case 2: pick([.int(.min), .int(.max), .int(0)])
        case 3: FieldValue(number: Double(below(2000) - 1000) / 8)
        case 4: pick([.float(1e300), .float(-2.5e-7), .float(1e16), .float(3)])
        default: .string(pick(["", "x", "a\"b'c\\", "ü\n\t\u{1}", "😀", "null", "[a-z]+"]))
        }
    }

    mutating func reference() -> FieldReference {
        if chance(10) {
            return .related(pick(Relation.allCases), pick(["a", "two words", "b.c", "é"]))
        }
        if chance(15) { return pick([.timestamp, .received, .dataset, .sampleRate]) }
        return .named(chance(5) ? "timestamp" : name())
    }
}

// MARK: - Expressions

extension QueryGenerator {
    mutating func expression(depth: Int = 4) -> Expression {
        if depth == 0 || chance(25) {
            return chance(70) ? .field(reference()) : .literal(chance(5) ? .missing : value())
        }
        let below = depth - 1
        switch self.below(11) {
        case 0: return .not(expression(depth: below))
        case 1: return .and(list(2...3) { $0.expression(depth: below) })
        case 2: return .or(list(2...3) { $0.expression(depth: below) })
        case 3, 4:
            let sign = pick(ComparisonOperator.allCases)
            return .compare(sign, expression(depth: below), expression(depth: below))
        case 5:
            let values = list(1...3) { $0.value() }
            return .membership(expression(depth: below), values, negated: chance(50))
        case 6:
            let match = pick(MatchOperator.allCases)
            return .match(match, expression(depth: below), "p\"\\.", negated: chance(50))
        case 7: return .exists(expression(depth: below), negated: chance(50))
        case 8: return .negate(expression(depth: below))
        case 9:
            let sign = pick(ArithmeticOperator.allCases)
            return .arithmetic(sign, expression(depth: below), expression(depth: below))
        default:
            let function = pick(FunctionName.allCases)
            let count = min(function.arity.upperBound, function.arity.lowerBound + self.below(3))
            return function.calling(
                arguments(of: function, (0..<count).map { _ in expression(depth: below) }))
        }
    }

    /// The arguments with those that must be written out.
    mutating func arguments(
        of function: FunctionName, _ arguments: [Expression]
    ) -> [Expression] {
        var arguments = arguments
        if function.takesPattern {
            arguments[1] = .literal(.string(pick(["v(\\d)", "[a-v]\\d*", "\\d", "(x)|v", "^v1"])))
        }
        if function == .formatTime {
            let formats = ["%F %T", "%a %b %e %j %p %I", "%G-W%V-%u %U %W %w", "%y%C%h%%%D%r"]
            arguments[0] = .literal(.string(pick(formats)))
        }
        return arguments
    }
}

// MARK: - Queries

extension QueryGenerator {
    mutating func query() -> Query {
        var query = Query()
        query.source = chance(20) ? .all : .named(list(1...3) { $0.name() + "s" })
        query.timeRange = timeRange()
        query.transforms = list(0...3) { generator in
            generator.chance(70)
                ? .filter(generator.expression())
                : .evaluate(name: generator.name(), generator.expression())
        }
        if chance(70) {
            let statistics = statistics()
            query.shape = .statistics(statistics)
            if chance(50) { query.step = chance(30) ? .automatic : .every(duration()) }
            if chance(20) { query.compareOffset = duration() }
            let keys = columns(of: statistics)
            query.sort = list(0...2) { SortKey($0.pick(keys), descending: $0.chance(50)) }
        } else if chance(30) {
            query.shape = .bubbleUp(BubbleUp(selection: expression()))
        } else {
            let names = list(1...3) { $0.name() }
            query.shape = .events(EventListing(fields: chance(50) ? nil : names))
            query.sort = list(0...2) { SortKey($0.name(), descending: $0.chance(50)) }
        }
        if chance(50) { query.limit = 1 + below(QueryLimits.rowsMax) }
        query.isUnweighted = chance(20)
        if chance(10) {
            // Events of no whole number of others can be listed or counted as one each.
            if case .events = query.shape { query.isUnweighted = true }
            query.sampleShare = pick([1, 0.5, 0.01, 1e-9, query.isUnweighted ? 0.3 : 0.25])
        }
        return query
    }

    private mutating func duration() -> Int64 {
        pick([1, 1000, 1_000_000, 1_000_000_000, 90_000_000_000, 7_200_000_000_000])
            * Int64(1 + below(1000))
    }

    private mutating func timeRange() -> TimeRange {
        switch below(4) {
        case 0, 1: return .last(duration())
        case 2:
            let start = Int64(bitPattern: next()) / 2
            return .between(.absolute(start), .absolute(start + duration()))
        default:
            let end = duration()
            let ends: [TimePoint] = [.beforeNow(end), .beforeNow(0), .beforeNow(-end)]
            return .between(.beforeNow(end + duration()), pick(ends))
        }
    }

    private func columns(of statistics: Statistics) -> [String] {
        statistics.calculations.map(\.key) + statistics.formulas.map(\.name)
            + statistics.groupBy.map(\.name)
    }

    mutating func calculation() -> Calculation {
        let shares = [0, 0.001, 0.05, 0.33, 0.5, 0.99, 0.999, 0.99995, 1]
        let others: [Aggregate] = [
            .sum, .avg, .min, .max, .distinct, .latest, .heatmap, .exponentialHistogram, .rateSum,
            .rateAvg, .rateMax,
        ]
        var calculation: Calculation
        switch below(5) {
        case 0: calculation = Calculation(.count, of: chance(30) ? expression(depth: 1) : nil)
        case 1: calculation = Calculation(.quantile(pick(shares)), of: expression(depth: 1))
        case 2: calculation = Calculation(.concurrency)
        default: calculation = Calculation(pick(others), of: expression(depth: 1))
        }
        if chance(30) { calculation.filter = expression(depth: 2) }
        if chance(30) { calculation.alias = name() + "0" }
        return calculation
    }

    private mutating func statistics() -> Statistics {
        var names = Set<String>()
        var statistics = Statistics(calculations: [Calculation(.count)])
        names.insert("COUNT")
        for calculation in list(0...3, { $0.calculation() })
        where names.insert(calculation.key).inserted {
            statistics.calculations.append(calculation)
        }
        if chance(30) {
            addFormulas(to: &statistics)
            names.formUnion(statistics.formulas.map(\.name))
        }
        for _ in 0..<below(3) {
            let expression = expression(depth: 2)
            let name = chance(50) ? name() + "1" : expression.text
            // A group without an alias is named as the language names it.
            let isBareField = if case .field = expression { true } else { false }
            if !isBareField, names.insert(name).inserted {
                let isEach = chance(20) && !statistics.groupBy.contains(where: \.isEach)
                statistics.groupBy.append(
                    GroupKey(name: name, expression: expression, isEach: isEach))
            }
        }
        if names.insert("service.name").inserted {
            let field = Expression.field(.named("service.name"))
            statistics.groupBy.append(GroupKey(name: "service.name", expression: field))
        }
        if chance(40) {
            let columns = columns(of: statistics).filter { name in
                statistics.heatmap(in: .field(.named(name))) == nil
            }
            let column = Expression.field(.named(pick(columns)))
            statistics.having = .compare(
                pick(ComparisonOperator.allCases), column, .literal(value()))
            if chance(30), let having = statistics.having {
                let other = Expression.call(
                    .max, [.field(.named(pick(columns))), .literal(value())])
                statistics.having = .and([having, .not(other)])
            }
        }
        return statistics
    }
}
