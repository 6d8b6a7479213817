internal import Bytes
import Compute
import Events

/// Reads the expression of a calculated field into ours, as far as the two mean the same.
struct DerivedColumnParser {
    /// Characters of one expression, as Honeycomb has it.
    static let lengthMax = 4095

    private let tokens: [DerivedColumnToken]
    private var position = 0
    private var depth = 0

    typealias Mistake = DerivedColumnLexer.Mistake

    private init(_ text: String) throws(Mistake) {
        guard text.utf8.count <= DerivedColumnParser.lengthMax else {
            let message = "is longer than \(DerivedColumnParser.lengthMax) characters"
            throw Mistake(message: message, offset: 0)
        }
        tokens = try DerivedColumnLexer.tokens(of: text)
    }

    static func expression(_ text: String) throws(Mistake) -> Expression {
        var parser = try DerivedColumnParser(text)
        let expression = try parser.disjunction()
        if parser.token.kind != .end { throw parser.fail("expected an operator or the end") }
        // What one operator is in our words takes a few levels.
        guard expression.height <= QueryLimits.depthMax else {
            let message = "has more than \(QueryLimits.depthMax) levels in the query language"
            throw Mistake(message: message, offset: 0)
        }
        return expression
    }

    // MARK: - Tokens

    private var token: DerivedColumnToken { tokens[position] }

    private func fail(_ message: String, at place: Int? = nil) -> Mistake {
        Mistake(message: message, offset: tokens[place ?? position].start)
    }

    private mutating func take(_ kind: DerivedColumnToken.Kind) -> Bool {
        guard token.kind == kind, kind != .end else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ sign: String) throws(Mistake) {
        if !take(.sign(sign)) { throw fail("expected \(sign)") }
    }

    /// Reads what stands inside of something else, so that recursion is bounded.
    private mutating func nested<Result>(
        _ body: (inout DerivedColumnParser) throws(Mistake) -> Result
    ) throws(Mistake) -> Result {
        depth += 1
        defer { depth -= 1 }
        if depth > QueryLimits.depthMax {
            throw fail("is nested deeper than \(QueryLimits.depthMax) levels")
        }
        return try body(&self)
    }

    /// Operators in a row make a tree as high as the row is long.
    private func checkRow(_ operators: Int) throws(Mistake) {
        if operators > QueryLimits.depthMax {
            throw fail("has more than \(QueryLimits.depthMax) operators in a row")
        }
    }
}

// MARK: - Operators, from the loosest to the tightest

extension DerivedColumnParser {
    private mutating func disjunction() throws(Mistake) -> Expression {
        var operands = [try conjunction()]
        while take(.word("OR")) { operands.append(try conjunction()) }
        return operands.count == 1
            ? operands[0] : .or(operands.map(DerivedColumnFunctions.truth))
    }

    private mutating func conjunction() throws(Mistake) -> Expression {
        var operands = [try equality()]
        while take(.word("AND")) { operands.append(try equality()) }
        return operands.count == 1
            ? operands[0] : .and(operands.map(DerivedColumnFunctions.truth))
    }

    private mutating func equality() throws(Mistake) -> Expression {
        var left = try order()
        var operators = 0
        while case .sign(let sign) = token.kind, sign == "=" || sign == "!=" {
            position += 1
            operators += 1
            try checkRow(operators)
            left = .compare(sign == "=" ? .equal : .notEqual, left, try order())
        }
        return left
    }

    private mutating func order() throws(Mistake) -> Expression {
        var left = try operation(0)
        var operators = 0
        while case .sign(let sign) = token.kind,
            let comparison = ComparisonOperator(rawValue: sign),
            comparison != .equal, comparison != .notEqual
        {
            position += 1
            operators += 1
            try checkRow(operators)
            left = .compare(comparison, left, try operation(0))
        }
        return left
    }

    /// `+` is looser than `-`, and that than `* / %`: so the grammar has it.
    private static let levels: [[ArithmeticOperator]] = [
        [.add], [.subtract], [.multiply, .divide, .modulo],
    ]

    private mutating func operation(_ level: Int) throws(Mistake) -> Expression {
        guard level < DerivedColumnParser.levels.count else { return try unary() }
        var left = try operation(level + 1)
        var operators = 0
        while case .sign(let sign) = token.kind, let operation = ArithmeticOperator(rawValue: sign),
            DerivedColumnParser.levels[level].contains(operation)
        {
            position += 1
            operators += 1
            try checkRow(operators)
            let right = DerivedColumnFunctions.number(try self.operation(level + 1))
            left = .arithmetic(operation, DerivedColumnFunctions.number(left), right)
        }
        return left
    }

    private mutating func unary() throws(Mistake) -> Expression {
        guard take(.sign("!")) else { return try primary() }
        let operand = try nested { (parser) throws(Mistake) in try parser.unary() }
        return .not(DerivedColumnFunctions.truth(operand))
    }

    private mutating func primary() throws(Mistake) -> Expression {
        let start = position
        if take(.sign("(")) {
            let expression = try nested { (parser) throws(Mistake) in try parser.disjunction() }
            try expect(")")
            return expression
        }
        let isNegative = take(.sign("-"))
        if case .number(let digits) = token.kind {
            position += 1
            let signed = isNegative ? "-" + digits : digits
            if let whole = Int64(signed) { return .literal(.int(whole)) }
            guard let number = Double(signed), number.isFinite else {
                throw fail("is not a number: \(signed)", at: start)
            }
            return .literal(FieldValue(number: number))
        }
        let kind = token.kind
        guard !isNegative, kind != .end else { throw fail("expected a value") }
        position += 1
        switch kind {
        case .column(let name): return .field(.named(name))
        case .string(let text): return .literal(.string(text))
        case .word("true"): return .literal(.bool(true))
        case .word("false"): return .literal(.bool(false))
        case .word("null"): return .literal(.missing)
        case .word(let name): return try call(name, at: start)
        case .sign, .number, .end: throw fail("expected a value", at: start)
        }
    }
}

// MARK: - Calls

extension DerivedColumnParser {
    private mutating func call(_ name: String, at start: Int) throws(Mistake) -> Expression {
        guard DerivedColumnFunctions.names.contains(name) else {
            if DerivedColumnFunctions.ofSeries.contains(name) {
                throw fail("\(name) is a function of metrics over time, not of events", at: start)
            }
            var message = "there is no function \(name)"
            if let meant = nearestName(to: name, among: DerivedColumnFunctions.names) {
                message += "; did you mean \(meant)?"
            }
            throw fail(message, at: start)
        }
        try expect("(")
        var arguments: [Expression] = []
        while !take(.sign(")")) {
            arguments.append(
                try nested { (parser) throws(Mistake) in try parser.disjunction() })
            if !take(.sign(",")) {
                try expect(")")
                break
            }
        }
        guard let expression = DerivedColumnParser.call(name, arguments) else {
            let usage = DerivedColumnFunctions.usage(of: name)
            throw fail("these arguments of \(name) are not understood; it is \(usage)", at: start)
        }
        if name.hasPrefix("REG_"), case .literal(.string(let pattern)) = arguments[1] {
            do throws(RegularExpression.InvalidPattern) {
                _ = try RegularExpression(pattern)
            } catch {
                throw fail("the regular expression is not valid: \(error.reason)", at: start)
            }
        }
        return expression
    }

    /// The call in our words; nil when the arguments do not fit.
    private static func call(_ name: String, _ arguments: [Expression]) -> Expression? {
        if name == "IN", let values = literals(arguments.dropFirst()), !values.isEmpty {
            return .membership(arguments[0], values, negated: false)
        }
        if let known = DerivedColumnFunctions.calls.first(where: { $0.name == name }) {
            guard known.function.arity.contains(arguments.count),
                !known.function.takesPattern || literals(arguments[1...]) != nil
            else { return nil }
            return known.function.calling(arguments)
        }
        if let known = DerivedColumnFunctions.comparisons.first(where: { $0.name == name }) {
            guard arguments.count == 2 else { return nil }
            return .compare(known.sign, arguments[0], arguments[1])
        }
        if let known = DerivedColumnFunctions.arithmetic.first(where: { $0.name == name }) {
            let isOpen = known.sign == .add || known.sign == .multiply
            guard isOpen ? arguments.count >= 1 : arguments.count == 2 else { return nil }
            let numbers = arguments.map(DerivedColumnFunctions.number)
            return numbers.dropFirst().reduce(numbers[0]) { left, right in
                .arithmetic(known.sign, left, right)
            }
        }
        if let known = DerivedColumnFunctions.conversions.first(where: { $0.name == name }) {
            return arguments.count == 1 ? known.make(arguments[0]) : nil
        }
        if let known = DerivedColumnFunctions.constants.first(where: { $0.name == name }) {
            return arguments.isEmpty ? known.expression : nil
        }
        return other(name, arguments)
    }

    /// The values of expressions that are all written out; nil when one is not.
    private static func literals(_ expressions: ArraySlice<Expression>) -> [FieldValue]? {
        let values = expressions.compactMap { expression -> FieldValue? in
            if case .literal(let value) = expression { value } else { nil }
        }
        return values.count == expressions.count ? values : nil
    }

    private static func other(_ name: String, _ arguments: [Expression]) -> Expression? {
        let truth = DerivedColumnFunctions.truth
        switch (name, arguments.count) {
        case ("IF", FunctionName.if.arity):
            return .call(
                .if,
                arguments.enumerated().map { place, argument in
                    let isCondition = place % 2 == 0 && place < arguments.count - 1
                    return isCondition ? truth(argument) : argument
                })
        case ("NOT", 1): return .not(truth(arguments[0]))
        case ("AND", 2...): return .and(arguments.map(truth))
        case ("OR", 2...): return .or(arguments.map(truth))
        case ("EXISTS", 1): return .exists(arguments[0], negated: false)
        case ("LENGTH", 1): return .call(.length, arguments)
        case ("LENGTH", 2):
            switch arguments[1] {
            case .literal(.string("chars")): return .call(.length, [arguments[0]])
            case .literal(.string("bytes")): return .call(.byteLength, [arguments[0]])
            default: return nil
            }
        case ("REG_MATCH", 2):
            guard case .literal(.string(let pattern)) = arguments[1] else { return nil }
            return .match(.matches, arguments[0], pattern, negated: false)
        default: return nil
        }
    }
}
