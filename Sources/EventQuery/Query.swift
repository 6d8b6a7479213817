public import Compute

/// A question about events, whichever way it was asked.
///
/// The text language and Honeycomb's query specification both convert into this tree and back.
public struct Query: Hashable, Sendable {
    public var source: DatasetSelection = .all
    public var timeRange: TimeRange = .last(Query.defaultRange)
    /// Width of the time series' buckets; nil for no series.
    public var step: Step?
    /// Conditions and derived fields in the order they were written; all conditions must hold.
    public var transforms: [Transform] = []
    public var shape: Shape = .events(EventListing())
    public var sort: [SortKey] = []
    /// The most rows answered; nil for the front end's default.
    public var limit: Int?
    /// The same question asked this much earlier, beside the answer; nanoseconds.
    public var compareOffset: Int64?
    /// Every stored event counts once, whatever its sample rate.
    public var isUnweighted = false
    /// Only so many of the events take part, from above 0 to 1; nil for all.
    public var sampleShare: Double?

    /// Two hours, in nanoseconds.
    public static let defaultRange: Int64 = 7_200_000_000_000

    public init() {}
}

public enum DatasetSelection: Hashable, Sendable {
    /// Every dataset of the environment: `from *`, Honeycomb's `__all__`.
    case all
    case named([String])
}

/// When the events happened; nanoseconds since 1970, the start is in, the end is out.
public enum TimeRange: Hashable, Sendable {
    /// The given number of nanoseconds up to now.
    case last(Int64)
    case between(TimePoint, TimePoint)
}

public enum TimePoint: Hashable, Sendable {
    case absolute(Int64)
    /// `now` less this many nanoseconds.
    case beforeNow(Int64)
}

public enum Step: Hashable, Sendable {
    case automatic
    /// Nanoseconds, at least 1.
    case every(Int64)
}

public enum Transform: Hashable, Sendable {
    case filter(Expression)
    /// Gives later stages a field of this name.
    case evaluate(name: String, Expression)
}

/// What comes out: events as they are, numbers about them, or what some of them have in common.
public enum Shape: Hashable, Sendable {
    case events(EventListing)
    case statistics(Statistics)
    case bubbleUp(BubbleUp)
}

public struct EventListing: Hashable, Sendable {
    /// The fields shown; nil for all.
    public var fields: [String]?

    public init(fields: [String]? = nil) { self.fields = fields }
}

extension Query {
    /// Why the sample cannot stand for all events in what is counted of it; nil when it can.
    var sampleFault: String? {
        guard let sampleShare, sampleShare < 1, !isUnweighted else { return nil }
        if case .events = shape { return nil }
        if EventSample(share: sampleShare).rate != nil { return nil }
        return "an event of sample \(sampleShare) stands for no whole number of events; "
            + "take one in so many, such as 0.5, 0.1 or 0.01, or unweighted"
    }
}

public struct Statistics: Hashable, Sendable {
    public var calculations: [Calculation]
    /// Numbers worked out from those of a group; each may speak of calculations and of the formulas
    /// before it.
    public var formulas: [Formula] = []
    public var groupBy: [GroupKey]
    /// A condition over calculations and group keys, which appear in it as named fields carrying
    /// `Calculation.key` or the group's name.
    public var having: Expression?

    public init(calculations: [Calculation], groupBy: [GroupKey] = [], having: Expression? = nil) {
        self.calculations = calculations
        self.groupBy = groupBy
        self.having = having
    }

    /// The first heatmap that an expression over the answer's columns speaks of, by its column.
    ///
    /// It has many numbers, so nothing can be said of it as of one.
    package func heatmap(in expression: Expression) -> String? {
        let spoken = expression.fields
        return calculations.first { calculation in
            [.heatmap, .exponentialHistogram].contains(calculation.aggregate)
                && spoken.contains(.named(calculation.key))
        }?.key
    }

    /// The columns of the answer beside the keys: calculations that are shown, then formulas.
    public var columns: [String] {
        calculations.filter { !$0.isHidden }.map(\.key) + formulas.map(\.name)
    }
}

/// A number of a group that is worked out from others.
public struct Formula: Hashable, Sendable {
    /// The column's name in the answer.
    public var name: String
    /// Over calculations and formulas, which appear in it as named fields carrying `Calculation.key` or
    /// the formula's name.
    public var expression: Expression

    public init(name: String, expression: Expression) {
        self.name = name
        self.expression = expression
    }
}

/// Outlier explanation: how every field differs between the events that meet a condition and all
/// others of the query; the query's limit is that of the values shown of each field.
public struct BubbleUp: Hashable, Sendable {
    public var selection: Expression

    public init(selection: Expression) { self.selection = selection }
}

public struct GroupKey: Hashable, Sendable {
    /// The column's name in the answer.
    public var name: String
    public var expression: Expression
    /// Whether an event stands in the group of each element of the value, an array as a set: `each(a)`.
    public var isEach: Bool

    public init(name: String, expression: Expression, isEach: Bool = false) {
        self.name = name
        self.expression = expression
        self.isEach = isEach
    }
}

/// One aggregate of a query.
public struct Calculation: Hashable, Sendable {
    public var aggregate: Aggregate
    /// What is aggregated; nil for those that count events.
    public var argument: Expression?
    /// Only events that meet it take part (`count_if`); nil for all.
    public var filter: Expression?
    public var alias: String?
    /// Whether only formulas, `having` and `sort` speak of it, and the answer does not show it.
    public var isHidden = false

    public init(
        _ aggregate: Aggregate, of argument: Expression? = nil, where filter: Expression? = nil,
        alias: String? = nil
    ) {
        self.aggregate = aggregate
        self.argument = argument
        self.filter = filter
        self.alias = alias
    }
}

public enum Aggregate: Hashable, Sendable {
    /// Events; with an argument, events in which it exists.
    case count
    case sum
    case avg
    case min
    case max
    case distinct
    /// The value of the latest event.
    case latest
    /// The value below which this share (0…1) of the events lies.
    case quantile(Double)
    case heatmap
    /// How the values are spread, as OpenTelemetry's exponential histogram.
    case exponentialHistogram
    /// Difference of the sums (averages, maxima) of one time bucket and the one before.
    case rateSum
    case rateAvg
    case rateMax
    /// Most spans open at one moment, from the event's time and its `duration_ms`.
    case concurrency
}

public struct SortKey: Hashable, Sendable {
    /// A calculation's key, a group's name, or `timestamp` or a field in an event listing.
    public var name: String
    public var descending: Bool

    public init(_ name: String, descending: Bool) {
        self.name = name
        self.descending = descending
    }
}
