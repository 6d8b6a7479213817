/// A word or sign of a query.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case end
        case identifier
        /// A name with a colon, which can only be that of a metric.
        case metricIdentifier
        case string
        case number
        case duration
        case keyword(Keyword)
        case aggregator(Aggregator)
        case binary(BinaryOperator)
        /// `=`, which only compares labels; `!=` is a binary operator too.
        case equal
        case matches
        case doesNotMatch
        case leftParenthesis
        case rightParenthesis
        case leftBrace
        case rightBrace
        case leftBracket
        case rightBracket
        case comma
        case colon
        case at
    }

    let kind: Kind
    /// The text as it stands in the query.
    let text: String
    /// Bytes of the query.
    let range: Range<Int>

    /// What Prometheus calls it in an error.
    var described: String {
        switch kind {
        case .end: "end of input"
        case .identifier: "identifier " + QuotedText.quoted(text)
        case .metricIdentifier: "metric identifier " + QuotedText.quoted(text)
        case .string: "string " + QuotedText.quoted(text, limit: 10)
        case .number: "number " + QuotedText.quoted(text, limit: 10)
        case .duration: "duration " + QuotedText.quoted(text, limit: 10)
        case .keyword: "<\(text)>"
        case .aggregator: "<aggr:\(text)>"
        case .binary, .matches, .doesNotMatch: "<op:\(text)>"
        case .equal, .leftParenthesis, .rightParenthesis, .leftBrace, .rightBrace, .leftBracket,
            .rightBracket, .comma, .colon, .at:
            QuotedText.quoted(text)
        }
    }
}

/// Words that mean something outside of braces, whatever their case.
enum Keyword: String, Hashable, Sendable {
    case offset, smoothed, anchored, by, without, on, ignoring, bool, start, end, step, range
    case groupLeft = "group_left"
    case groupRight = "group_right"
    case fill
    case fillLeft = "fill_left"
    case fillRight = "fill_right"
    case maxOf = "max_of"
    case minOf = "min_of"

    /// Whether a metric may have this name.
    var isMetricName: Bool {
        switch self {
        case .on, .ignoring, .bool, .groupLeft, .groupRight: false
        default: true
        }
    }

    /// Whether a parenthesis behind it makes a call of it.
    var isFunctionName: Bool {
        switch self {
        case .start, .end, .step, .range, .maxOf, .minOf: true
        default: false
        }
    }

    /// Whether it is only a word of the language with a parenthesis behind it.
    var needsParenthesis: Bool { self == .fill || self == .fillLeft || self == .fillRight }
}

/// An operator that makes fewer series of many.
public enum Aggregator: String, Hashable, Sendable, CaseIterable {
    case sum, avg, count, min, max, group, stddev, stdvar, topk, bottomk, quantile, limitk
    case countValues = "count_values"
    case limitRatio = "limit_ratio"

    /// Whether it takes an argument before the series.
    var hasParameter: Bool {
        switch self {
        case .topk, .bottomk, .countValues, .quantile, .limitk, .limitRatio: true
        default: false
        }
    }
}

/// An operator between two expressions.
public enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    /// What of a histogram lies below a value.
    case trimUpper = "</"
    /// What of a histogram lies above a value.
    case trimLower = ">/"
    case and, or, unless

    var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: true
        default: false
        }
    }

    var isSet: Bool { self == .and || self == .or || self == .unless }

    /// Whether the result is another quantity than the operands, so that their name does not fit it.
    var changesMetric: Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .modulo, .power, .atan2: true
        default: false
        }
    }

    /// How tightly it binds; the tightest last.
    var precedence: Int {
        switch self {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .trimUpper,
            .trimLower:
            3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo, .atan2: BinaryOperator.productPrecedence
        case .power: 6
        }
    }

    /// Of a product; a sign before an expression binds as tightly.
    static let productPrecedence = 5
}
