public import Events

/// What a query computes for one event: a condition, a derived value, a group key.
///
/// A condition is an expression whose value is taken for its truth: true, any number but 0.
/// A comparison with a missing or other-typed value is false; `notEqual` and the `negated` forms
/// are the exact negation of their positive twins. Arithmetic on what is not a number is missing.
public indirect enum Expression: Hashable, Sendable {
    case literal(FieldValue)
    case field(FieldReference)
    case not(Expression)
    case and([Expression])
    case or([Expression])
    case compare(ComparisonOperator, Expression, Expression)
    /// `in (…)`, `not in (…)`.
    case membership(Expression, [FieldValue], negated: Bool)
    /// `contains`, `starts-with`, `ends-with`, `matches`, and their negations.
    case match(MatchOperator, Expression, String, negated: Bool)
    case exists(Expression, negated: Bool)
    case negate(Expression)
    case arithmetic(ArithmeticOperator, Expression, Expression)
    case call(FunctionName, [Expression])
}

/// Which value of an event is meant.
public enum FieldReference: Hashable, Sendable {
    /// A field that was sent with the event.
    case named(String)
    /// The event's own time, nanoseconds since 1970; shown as RFC 3339.
    case timestamp
    /// The time the event was received, nanoseconds since 1970.
    case received
    case dataset
    /// How many events this one stands for, from 1.
    case sampleRate
    /// A field of another event of the trace, or a property of it by its name.
    case related(Relation, String)
}

public enum ComparisonOperator: String, Hashable, Sendable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

public enum MatchOperator: String, Hashable, Sendable, CaseIterable {
    case contains
    case startsWith = "starts-with"
    case endsWith = "ends-with"
    /// A regular expression in RE2 syntax, found anywhere in the string.
    case matches
}

public enum ArithmeticOperator: String, Hashable, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
}

/// The functions of the query language, by the name a query calls them.
public enum FunctionName: String, Hashable, Sendable, CaseIterable {
    /// `if(condition, value, …, otherwise)`: the value after the first true condition.
    case `if`
    /// The first argument that is not missing.
    case coalesce
    case lower
    case upper
    /// Length of a string in Unicode characters.
    case length
    /// All arguments as text, one after the other; missing ones are skipped, and what is beyond
    /// `EventLimits.stringBytes` is cut off.
    case concat
    case floor
    case ceil
    case round
    case abs
    /// Base-10 logarithm; missing for 0 and below.
    case log10
    case min
    case max
    /// `bucket(value, width)`: the lower bound of the value's bin.
    case bucket
    /// `bucket_label(value, width, low, high)`: the value's bin as text, its ends optional.
    case bucketLabel = "bucket_label"
    case int
    case float
    case string
    case bool
    /// The number that a value is or that its text says; 0 for anything else.
    case number
    /// Whether a value is true, a number but 0, or the string "true".
    case truthy
    /// `switch(value, case, result, …, otherwise)`: the result beside the first equal case.
    case `switch`
    /// Whether the first argument equals any of the others.
    case equalsAny = "equals_any"
    /// Whether the first argument, an array as a set, has the second.
    case has
    /// The smallest of the arguments that are of the type of the first that is not missing.
    case least
    case greatest
    /// The match of a pattern, or of its first group where it has groups.
    case extract
    /// How many times a pattern is found, without overlaps.
    case countMatches = "count_matches"
    case containsText = "contains"
    case startsWith = "starts_with"
    case endsWith = "ends_with"
    /// Length of a string in bytes.
    case byteLength = "byte_length"
    /// Seconds since 1970 of an RFC 3339 text.
    case unixTime = "unix_time"
    /// `format_time(format, seconds)`: a time as `strftime` writes it, in UTC.
    case formatTime = "format_time"
    /// A number from 0 to below 1 that the arguments' texts determine.
    case hash
}
