internal import SeriesStore

/// An expression of PromQL with those within it.
struct PromQLNode: Sendable {
    indirect enum Kind: Sendable {
        case number(Double, isDuration: Bool)
        case string(String)
        case selector(Selector)
        /// `selector[5m]`.
        case window(Selector, DurationExpression)
        case subquery(Subquery)
        case call(PromQLFunction, [PromQLNode])
        case aggregation(Aggregation)
        case binary(BinaryOperation)
        case unary(isNegative: Bool, PromQLNode)
        case parenthesised(PromQLNode)
    }

    var kind: Kind
    /// Bytes of the query.
    var range: Range<Int>

    /// Types of PromQL's values.
    enum ValueType: String, Sendable {
        case scalar
        case vector = "instant vector"
        case matrix = "range vector"
        case string
    }

    var type: ValueType {
        switch kind {
        case .number: .scalar
        case .string: .string
        case .selector, .aggregation: .vector
        case .window, .subquery: .matrix
        case .call(let function, _): function.signature.result
        case .binary(let operation):
            operation.left.type == .scalar && operation.right.type == .scalar ? .scalar : .vector
        case .unary(_, let operand): operand.type
        case .parenthesised(let inner): inner.type
        }
    }

    /// The expression without the parentheses around it.
    var unwrapped: PromQLNode {
        if case .parenthesised(let inner) = kind { return inner.unwrapped }
        return self
    }
}

/// The moment that a selector or subquery looks at, where it is not that of the step.
struct TimeShift: Sendable {
    enum Anchor: Sendable {
        /// Milliseconds since 1970.
        case time(Int64)
        /// The query's first step, and its last.
        case start, end
    }

    var offset: DurationExpression?
    var anchor: Anchor?
}

/// Which series are looked at.
struct Selector: Sendable {
    /// How the ends of a window get values.
    enum Extension: String, Sendable {
        /// The last sample before each end.
        case anchored
        /// What lies on the line between the samples before and after.
        case smoothed
    }

    /// The metric's name where it stands before the braces, else empty.
    var name: String
    /// All conditions, that on the name last.
    var matchers: [LabelMatcher]
    var shift = TimeShift()
    var ends: Extension?
    /// Whether it may let everything through, as the second argument of `info` may.
    var mayBeEmpty = false
}

/// An expression worked out at steps of its own.
struct Subquery: Sendable {
    var inner: PromQLNode
    var range: DurationExpression
    /// Nil takes the evaluator's default.
    var step: DurationExpression?
    var shift = TimeShift()
}

struct Aggregation: Sendable {
    var aggregator: Aggregator
    var parameter: PromQLNode?
    var operand: PromQLNode
    var grouping: [String]
    var isWithout: Bool
}

struct BinaryOperation: Sendable {
    var sign: BinaryOperator
    var left: PromQLNode
    var right: PromQLNode
    /// Whether a comparison answers 0 or 1 rather than leaving series out.
    var returnsBool: Bool
    var matching: VectorMatching
}

/// Which series of two sides belong together.
struct VectorMatching: Sendable {
    enum Cardinality: Sendable {
        case oneToOne
        /// `group_left`.
        case manyToOne
        /// `group_right`.
        case oneToMany
    }

    var cardinality = Cardinality.oneToOne
    var labels: [String] = []
    /// Whether `labels` are those that must be equal, not those that need not be.
    var isOn = false
    /// Labels of the one side that the result takes over.
    var included: [String] = []
    /// The value of a series that one side lacks, by side.
    var leftFill: Double?
    var rightFill: Double?
}
