import Compute
import Events

/// Functions of derived columns and the expressions that say the same.
///
/// Honeycomb's arithmetic reads text as numbers and takes 0 for what is none, and its conditions hold
/// for the string "true": `number` and `truthy` stand for that.
enum DerivedColumnFunctions {
    /// Functions that are calls of ours, argument by argument; `HAS` is not Honeycomb's.
    static let calls: [(name: String, function: FunctionName)] = [
        ("COALESCE", .coalesce), ("CONCAT", .concat), ("TO_LOWER", .lower), ("MIN", .least),
        ("MAX", .greatest), ("SWITCH", .switch), ("REG_VALUE", .extract),
        ("REG_COUNT", .countMatches), ("UNIX_TIMESTAMP", .unixTime), ("FORMAT_TIME", .formatTime),
        ("BUCKET", .bucketLabel), ("METRO_HASH", .hash), ("CONTAINS", .containsText),
        ("STARTS_WITH", .startsWith), ("ENDS_WITH", .endsWith), ("IN", .equalsAny),
        ("HAS", .has),
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

    /// Functions that turn a value into one of another type, whatever it is.
    static let conversions: [(name: String, make: @Sendable (Expression) -> Expression)] = [
        ("INT", { .call(.int, [number($0)]) }), ("FLOAT", { .call(.float, [number($0)]) }),
        ("STRING", { .call(.coalesce, [.call(.string, [$0]), .literal(.string(""))]) }),
        ("BOOL", truth), ("LOG10", { .call(.log10, [number($0)]) }),
    ]

    /// Functions without arguments: the times of the event, in seconds, and a number from 0 to below 1
    /// that is the same whenever the event is asked.
    static let constants: [(name: String, expression: Expression)] = [
        ("EVENT_TIMESTAMP", seconds(.timestamp)), ("INGEST_TIMESTAMP", seconds(.received)),
        (
            "RAND",
            .call(
                .hash,
                [
                    .field(.timestamp), .literal(.string(" ")), .field(.received),
                    .literal(.string(" ")), .field(.named("trace.span_id")),
                ])
        ),
    ]

    /// The rest of the functions that are understood.
    static let others = ["IF", "NOT", "AND", "OR", "EXISTS", "LENGTH", "REG_MATCH"]

    /// Functions of series of metrics, which no single event has a value for.
    static let ofSeries = ["LAST", "RATE", "INCREASE", "SUMMARIZE", "RAW_METRIC"]

    static var names: [String] {
        calls.map(\.name) + comparisons.map(\.name) + arithmetic.map(\.name)
            + conversions.map(\.name) + constants.map(\.name) + others
    }

    // MARK: - Usage

    /// What a function takes, for one who gave it something else.
    static func usage(of name: String) -> String {
        let arguments =
            switch name {
            case "IF": "condition, value, …, otherwise"
            case "SWITCH": "value, case, result, …, otherwise"
            case "REG_MATCH", "REG_VALUE", "REG_COUNT": "text, \"pattern\""
            case "UNIX_TIMESTAMP", "TO_LOWER": "text"
            case "FORMAT_TIME": "format, seconds"
            case "BUCKET": "number, width, low, high"
            case "CONTAINS", "STARTS_WITH", "ENDS_WITH": "text, part"
            case "IN": "value, member, …"
            case "HAS": "array, element"
            case "COALESCE", "CONCAT", "METRO_HASH", "MIN", "MAX": "value, …"
            case "SUM", "MUL": "number, …"
            case "SUB", "DIV", "MOD", "LT", "LTE", "GT", "GTE", "EQUALS": "a, b"
            case "NOT": "condition"
            case "AND", "OR": "condition, condition, …"
            case "LENGTH": "text, \"chars\" or \"bytes\""
            case "EXISTS", "INT", "FLOAT", "STRING", "BOOL", "LOG10": "value"
            default: ""
            }
        return "\(name)(\(arguments))"
    }

    // MARK: - Truth

    /// The operand as a condition: `true`, a number but 0, or the string "true".
    static let truth: @Sendable (Expression) -> Expression = { operand in
        isCondition(operand) ? operand : .call(.truthy, [operand])
    }

    /// The operand of `truth`; any other expression is itself.
    static func operand(ofTruth condition: Expression) -> Expression {
        if case .call(.truthy, let arguments) = condition, arguments.count == 1 {
            return arguments[0]
        }
        return condition
    }

    private static func isCondition(_ expression: Expression) -> Bool {
        switch expression {
        case .not, .and, .or, .compare, .membership, .match, .exists, .literal(.bool): true
        case .call(let function, _):
            [.truthy, .containsText, .startsWith, .endsWith, .equalsAny, .has].contains(function)
        default: false
        }
    }

    // MARK: - Numbers

    /// The operand as a number: text is read, what is none counts as 0.
    static func number(_ operand: Expression) -> Expression {
        isNumber(operand) ? operand : .call(.number, [operand])
    }

    /// The operand of `number`; nil for any other expression.
    static func operand(ofNumber expression: Expression) -> Expression? {
        if isNumber(expression) { return expression }
        guard case .call(.number, let arguments) = expression, arguments.count == 1,
            !isNumber(arguments[0])
        else { return nil }
        return arguments[0]
    }

    /// Whether the expression surely has a number.
    private static func isNumber(_ expression: Expression) -> Bool {
        switch expression {
        case .literal(.int), .literal(.float): true
        case .arithmetic(.add, let a, let b), .arithmetic(.subtract, let a, let b),
            .arithmetic(.multiply, let a, let b):
            operand(ofNumber: a) != nil && operand(ofNumber: b) != nil
        default: false
        }
    }

    // MARK: - Times

    /// One of the event's times in seconds.
    private static func seconds(_ time: FieldReference) -> Expression {
        .arithmetic(.divide, .field(time), .literal(.float(1e9)))
    }
}
