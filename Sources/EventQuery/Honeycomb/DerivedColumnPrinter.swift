import Compute
import Events

/// Writes our expressions as calculated fields, as calls but for `!=`.
enum DerivedColumnPrinter {
    /// The expression of a calculated field; nil for what Honeycomb's functions do not say.
    static func text(_ expression: Expression) -> String? {
        switch expression {
        case .literal(let value): return text(value)
        case .field(.named(let name)): return DerivedColumnLexer.columnText(name)
        case .field: return nil
        case .not(let operand):
            return call("NOT", [DerivedColumnFunctions.operand(ofTruth: operand)])
        case .and(let operands): return call("AND", truths(operands))
        case .or(let operands): return call("OR", truths(operands))
        case .compare(.notEqual, let left, let right):
            // The one operator that no function says.
            guard let first = text(left), let second = text(right) else { return nil }
            return "(\(first) != \(second))"
        case .compare(let sign, let left, let right):
            let known = DerivedColumnFunctions.comparisons.first { $0.sign == sign }
            return known.flatMap { call($0.name, [left, right]) }
        case .membership(let operand, let values, let negated):
            let list = call("IN", [operand] + values.map { .literal($0) })
            return negated ? list.map { "NOT(\($0))" } : list
        case .match(let match, let operand, let part, let negated):
            let known = DerivedColumnFunctions.matches.first { $0.match == match }
            let positive = known.flatMap { call($0.name, [operand, .literal(.string(part))]) }
            return negated ? positive.map { "NOT(\($0))" } : positive
        case .exists(let operand, let negated):
            let positive = call("EXISTS", [operand])
            return negated ? positive.map { "NOT(\($0))" } : positive
        case .negate: return nil
        case .arithmetic(let sign, let left, let right): return arithmetic(sign, left, right)
        case .call(let function, let arguments): return call(function, arguments)
        }
    }

    private static func truths(_ operands: [Expression]) -> [Expression] {
        operands.map(DerivedColumnFunctions.operand(ofTruth:))
    }

    private static func text(_ value: FieldValue) -> String {
        if case .string(let text) = value { return DerivedColumnLexer.quoted(text) }
        return value.queryText
    }

    private static func call(_ name: String, _ arguments: [Expression]) -> String? {
        let texts = arguments.compactMap(text)
        guard texts.count == arguments.count else { return nil }
        return "\(name)(\(texts.joined(separator: ", ")))"
    }

    private static func arithmetic(
        _ sign: ArithmeticOperator, _ left: Expression, _ right: Expression
    ) -> String? {
        if let constant = constant(.arithmetic(sign, left, right)) { return constant }
        guard let first = DerivedColumnFunctions.operand(ofNumber: left),
            let second = DerivedColumnFunctions.operand(ofNumber: right),
            let known = DerivedColumnFunctions.arithmetic.first(where: { $0.sign == sign })
        else { return nil }
        return call(known.name, [first, second])
    }

    private static func constant(_ expression: Expression) -> String? {
        DerivedColumnFunctions.constants.first { $0.expression == expression }.map {
            $0.name + "()"
        }
    }

    private static func call(_ function: FunctionName, _ arguments: [Expression]) -> String? {
        let whole = Expression.call(function, arguments)
        if let constant = constant(whole) { return constant }
        if let conversion = conversion(whole) { return conversion }
        switch function {
        case .if:
            return call(
                "IF",
                arguments.enumerated().map { place, argument in
                    let isCondition = place % 2 == 0 && place < arguments.count - 1
                    return isCondition
                        ? DerivedColumnFunctions.operand(ofTruth: argument) : argument
                })
        case .length: return call("LENGTH", arguments + [.literal(.string("chars"))])
        case .byteLength: return call("LENGTH", arguments + [.literal(.string("bytes"))])
        // A sum of one is what arithmetic takes it for.
        case .number: return call("SUM", arguments)
        default:
            let known = DerivedColumnFunctions.calls.first { $0.function == function }
            return known.flatMap { call($0.name, arguments) }
        }
    }

    /// The call of the function that converts whatever value there is; nil for any other expression.
    private static func conversion(_ expression: Expression) -> String? {
        guard case .call(let function, let arguments) = expression, let first = arguments.first
        else { return nil }
        var operands = [first]
        if let number = DerivedColumnFunctions.operand(ofNumber: first) { operands.append(number) }
        if case .call(.string, let inner) = first { operands += inner }
        for known in DerivedColumnFunctions.conversions {
            for operand in operands where known.make(operand) == expression {
                return call(known.name, [operand])
            }
        }
        return function == .truthy ? call("BOOL", arguments) : nil
    }
}
