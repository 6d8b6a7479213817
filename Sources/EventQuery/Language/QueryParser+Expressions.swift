internal import Bytes
import Compute
import Events

/// A part of an expression with the height of its tree, which is bounded.
private struct Part {
    var expression: Expression
    var height = 1
}

extension QueryParser {
    /// What may follow a whole expression.
    static let afterExpression = [
        "and", "or", "=", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts-with",
        "ends-with", "matches", "exists", "+", "-", "*", "/", "%",
    ]

    mutating func expression() throws(QueryError) -> Expression { try disjunction().expression }

    private func join(
        _ parts: [Part], _ make: ([Expression]) -> Expression
    ) throws(QueryError) -> Part {
        let height = 1 + (parts.map(\.height).max() ?? 0)
        if height > QueryLimits.depthMax {
            throw fail("the expression has more than \(QueryLimits.depthMax) levels")
        }
        return Part(expression: make(parts.map(\.expression)), height: height)
    }

    private mutating func disjunction() throws(QueryError) -> Part {
        var parts = [try conjunction()]
        while take(word: "or") { parts.append(try conjunction()) }
        return parts.count == 1 ? parts[0] : try join(parts) { .or($0) }
    }

    private mutating func conjunction() throws(QueryError) -> Part {
        var parts = [try negation()]
        while take(word: "and") { parts.append(try negation()) }
        return parts.count == 1 ? parts[0] : try join(parts) { .and($0) }
    }

    private mutating func negation() throws(QueryError) -> Part {
        guard take(word: "not") else { return try condition() }
        let part = try nested { (parser) throws(QueryError) in try parser.negation() }
        return try join([part]) { .not($0[0]) }
    }
}

// MARK: - Conditions

extension QueryParser {
    private mutating func condition() throws(QueryError) -> Part {
        let left = try sum()
        if case .sign(let sign) = token.kind, let comparison = ComparisonOperator(rawValue: sign) {
            advance()
            let right = try sum()
            if case .sign(let next) = token.kind, ComparisonOperator(rawValue: next) != nil {
                throw fail("comparisons do not chain; join two with \"and\"")
            }
            return try join([left, right]) { .compare(comparison, $0[0], $0[1]) }
        }
        guard case .name(let word) = token.kind else { return left }
        if word == "not" {
            advance()
            guard case .name(let positive) = token.kind,
                let part = try wordCondition(positive, negated: true, left)
            else {
                throw unexpected([
                    "in", "exists", "contains", "starts-with", "ends-with", "matches",
                ])
            }
            return part
        }
        if let match = MatchOperator.allCases.first(where: { $0.negatedWord == word }) {
            return try wordCondition(match.rawValue, negated: true, left) ?? left
        }
        if word == "does-not-exist" {
            return try wordCondition("exists", negated: true, left) ?? left
        }
        return try wordCondition(word, negated: false, left) ?? left
    }

    /// The condition that a word makes of what stands before it; nil for any other word.
    private mutating func wordCondition(
        _ word: String, negated: Bool, _ left: Part
    ) throws(QueryError) -> Part? {
        if word == "exists" {
            advance()
            return try join([left]) { .exists($0[0], negated: negated) }
        }
        if word == "in" {
            advance()
            let values = try members()
            return try join([left]) { .membership($0[0], values, negated: negated) }
        }
        guard let match = MatchOperator(rawValue: word) else { return nil }
        advance()
        guard case .string(let pattern) = token.kind else { throw unexpected(["a string"]) }
        if match == .matches { try check(pattern: pattern, at: place) }
        advance()
        return try join([left]) { .match(match, $0[0], pattern, negated: negated) }
    }

    private func check(pattern: String, at place: Int) throws(QueryError) {
        do throws(RegularExpression.InvalidPattern) {
            _ = try RegularExpression(pattern)
        } catch {
            throw fail("the regular expression is not valid: \(error.reason)", at: place)
        }
    }

    private mutating func members() throws(QueryError) -> [FieldValue] {
        try expect("(")
        var values: [FieldValue] = []
        repeat {
            values.append(try value())
            if values.count > QueryLimits.membersMax {
                throw fail("more than \(QueryLimits.membersMax) values")
            }
        } while take(",")
        try expect(")", or: [shown(",")])
        return values
    }

    private mutating func value() throws(QueryError) -> FieldValue {
        let negative = take("-")
        let value: FieldValue
        switch token.kind {
        case .number(let digits): value = try number(digits, negative: negative)
        case .string(let text) where !negative: value = .string(text)
        case .time(let time) where !negative: value = .int(time)
        case .name("true") where !negative: value = .bool(true)
        case .name("false") where !negative: value = .bool(false)
        case .name("null") where !negative: value = .missing
        default: throw unexpected(["a string in quotes", "a number", "true", "false", "a time"])
        }
        advance()
        return value
    }
}

// MARK: - Arithmetic

extension QueryParser {
    private mutating func sum() throws(QueryError) -> Part {
        var left = try product()
        while case .sign(let sign) = token.kind, sign == "+" || sign == "-",
            let operation = ArithmeticOperator(rawValue: sign)
        {
            advance()
            let right = try product()
            left = try join([left, right]) { .arithmetic(operation, $0[0], $0[1]) }
        }
        return left
    }

    private mutating func product() throws(QueryError) -> Part {
        var left = try unary()
        while case .sign(let sign) = token.kind, sign == "*" || sign == "/" || sign == "%",
            let operation = ArithmeticOperator(rawValue: sign)
        {
            advance()
            let right = try unary()
            left = try join([left, right]) { .arithmetic(operation, $0[0], $0[1]) }
        }
        return left
    }

    private mutating func unary() throws(QueryError) -> Part {
        guard token.kind == .sign("-") else { return try primary() }
        if case .number = following { return Part(expression: .literal(try value())) }
        advance()
        let part = try nested { (parser) throws(QueryError) in try parser.unary() }
        return try join([part]) { .negate($0[0]) }
    }

    private mutating func primary() throws(QueryError) -> Part {
        let expected = ["a field", "a value", "a function", shown("("), "not", "-"]
        switch token.kind {
        case .number, .string, .time: return Part(expression: .literal(try value()))
        case .duration: throw fail("a duration stands only after last, step and compare")
        case .quotedName(let name):
            if scope != nil { return try column() }
            advance()
            return Part(expression: .field(.named(name)))
        case .sign("("):
            advance()
            let part = try nested { (parser) throws(QueryError) in try parser.disjunction() }
            try expect(")", or: QueryParser.afterExpression)
            return part
        case .name("true"), .name("false"), .name("null"):
            return Part(expression: .literal(try value()))
        case .name(let name)
        where following == .sign("(") && (Words.isCall(name) || !Words.reserved.contains(name)):
            return try nested { (parser) throws(QueryError) in try parser.call(name) }
        case .name(let name) where !Words.reserved.contains(name):
            if scope != nil { return try column() }
            advance()
            return Part(expression: .field(FieldReference(plainName: name)))
        default: throw unexpected(expected)
        }
    }

    private mutating func column() throws(QueryError) -> Part {
        guard let scope else { throw unexpected(["a field"]) }
        return Part(expression: .field(.named(try resultColumn(scope))))
    }
}

// MARK: - Calls

extension QueryParser {
    private mutating func call(_ name: String) throws(QueryError) -> Part {
        if let column = try columnOfCall(name) { return Part(expression: column) }
        let start = place
        advance()
        advance()
        if name == "field" { return try fieldCall() }
        if let relation = Relation(rawValue: name) { return try relatedCall(relation) }
        let function = FunctionName(rawValue: name)
        guard function != nil || name == "exists" else { throw unknownFunction(name, at: start) }
        var arguments: [Part] = []
        if !take(")") {
            repeat { arguments.append(try disjunction()) } while take(",")
            try expect(")", or: [shown(",")] + QueryParser.afterExpression)
        }
        let arity = function?.arity ?? 1...1
        guard arity.contains(arguments.count) else {
            let count =
                arity.lowerBound == arity.upperBound
                ? "\(arity.lowerBound)" : "\(arity.lowerBound) to \(arity.upperBound)"
            throw fail("\(name) takes \(count) arguments, not \(arguments.count)", at: start)
        }
        if let function, function.takesPattern {
            guard case .literal(.string(let pattern)) = arguments[1].expression else {
                throw fail("\(name) takes its pattern as a string in quotes", at: start)
            }
            try check(pattern: pattern, at: start)
        }
        return try join(arguments) { arguments in
            guard let function else { return .exists(arguments[0], negated: false) }
            return function.calling(arguments)
        }
    }

    /// `field("name")`: the sent field of that name, also where the name means a property.
    private mutating func fieldCall() throws(QueryError) -> Part {
        guard scope == nil else { throw fail("having speaks of calculations and group keys") }
        guard case .string(let name) = token.kind else {
            throw unexpected(["a field's name in quotes"])
        }
        advance()
        try expect(")")
        return Part(expression: .field(.named(name)))
    }

    /// `root("two words")`: the relative's field of that name.
    private mutating func relatedCall(_ relation: Relation) throws(QueryError) -> Part {
        guard scope == nil else { throw fail("having speaks of calculations and group keys") }
        guard case .string(let name) = token.kind, !name.isEmpty else {
            throw unexpected(["a field's name in quotes"])
        }
        advance()
        try expect(")")
        return Part(expression: .field(.related(relation, name)))
    }

    private func unknownFunction(_ name: String, at start: Int) -> QueryError {
        if name == "each" {
            return fail("each stands only in by, as a whole key: by each(tags)", at: start)
        }
        if Aggregate(callName: name) != nil || name == "quantile" {
            return fail("\(name) is an aggregate and stands only in stats", at: start)
        }
        let functions = FunctionName.allCases.map(\.rawValue).sorted() + ["exists", "field"]
        var message = "there is no function \"\(name)\""
        if let meant = Words.suggestion(for: name, among: functions) {
            message += "; did you mean \"\(meant)\"?"
        }
        return fail(message, at: start, expected: functions)
    }
}
