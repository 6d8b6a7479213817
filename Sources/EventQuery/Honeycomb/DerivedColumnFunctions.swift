import Compute
import Events

/// Functions of derived columns that our expressions say with the same meaning.
///
/// Where Honeycomb's meaning is wider it is spelled out: its arithmetic reads text as numbers and
/// takes 0 for what is none, its conditions hold for the string "true".
enum DerivedColumnFunctions {
    /// Honeycomb's functions that are calls of ours, argument by argument.
    static let calls: [(name: String, function: FunctionName)] = [
        ("COALESCE", .coalesce), ("CONCAT", .concat), ("TO_LOWER", .lower), ("LOG10", .log10),
        ("INT", .int), ("FLOAT", .float), ("STRING", .string), ("BOOL", .bool),
    ]

    static let comparisons: [(name: String, sign: ComparisonOperator)] = [
        ("LT", .less), ("LTE", .lessOrEqual), ("GT", .greater), ("GTE", .greaterOrEqual),
        ("EQUALS", .equal),
    ]

    static let matches: [(name: String, match: MatchOperator)] = [
        ("STARTS_WITH", .startsWith), ("ENDS_WITH", .endsWith), ("CONTAINS", .contains),
        ("REG_MATCH", .matches),
    ]

    static let arithmetic: [(name: String, sign: ArithmeticOperator)] = [
        ("SUM", .add), ("SUB", .subtract), ("MUL", .multiply), ("DIV", .divide), ("MOD", .modulo),
    ]

    /// The rest of the functions that are understood.
    static let others = [
        "IF", "NOT", "AND", "OR", "IN", "EXISTS", "LENGTH", "SWITCH", "EVENT_TIMESTAMP",
        "INGEST_TIMESTAMP",
    ]

    /// Functions that exist and have no counterpart yet.
    static let unavailable = [
        "MIN", "MAX", "BUCKET", "REG_VALUE", "REG_COUNT", "UNIX_TIMESTAMP", "FORMAT_TIME", "LAST",
        "RATE", "INCREASE", "SUMMARIZE", "RAW_METRIC",
    ]

    static var names: [String] {
        calls.map(\.name) + comparisons.map(\.name) + matches.map(\.name) + arithmetic.map(\.name)
            + others
    }

    // MARK: - Truth

    /// The operand as a condition: `true`, a number but 0, or the string "true".
    static func truth(_ operand: Expression) -> Expression {
        if isCondition(operand) { return operand }
        return .or([operand, .compare(.equal, operand, .literal(.string("true")))])
    }

    /// The operand of `truth`; any other expression is itself.
    static func operand(ofTruth condition: Expression) -> Expression {
        if case .or(let parts) = condition, parts.count == 2, truth(parts[0]) == condition {
            return parts[0]
        }
        return condition
    }

    private static func isCondition(_ expression: Expression) -> Bool {
        switch expression {
        case .not, .and, .or, .compare, .membership, .match, .exists, .literal(.bool): true
        default: false
        }
    }

    // MARK: - Numbers

    /// The operand as a number: text is read, what is none counts as 0.
    static func number(_ operand: Expression) -> Expression {
        switch operand {
        case .literal(.int(let value)): .literal(.float(Double(value)))
        case .literal(.float): operand
        default: .call(.coalesce, [.call(.float, [operand]), .literal(.float(0))])
        }
    }

    /// The operand of `number`; nil for any other expression.
    static func operand(ofNumber expression: Expression) -> Expression? {
        if case .literal(.float) = expression { return expression }
        guard case .call(.coalesce, let arguments) = expression, arguments.count == 2,
            case .call(.float, let inner) = arguments[0], inner.count == 1,
            number(inner[0]) == expression
        else { return nil }
        return inner[0]
    }

    // MARK: - Times

    /// One of the event's times in seconds.
    static func seconds(_ time: FieldReference) -> Expression {
        .arithmetic(.divide, .field(time), .literal(.float(1e9)))
    }
}
