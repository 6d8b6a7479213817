public import EventQuery
public import Metrics
public import SeriesStore

/// What rules are evaluated with.
public struct RuleContext: Sendable {
    /// Labels of the whole installation, for templates.
    public var externalLabels = Labels.empty
    /// Where people reach the server, for templates.
    public var externalURL = ""
    /// Milliseconds by which groups look back that say nothing of it.
    public var queryOffset: Int64 = 0
    /// A clock that only goes forward, to tell what evaluations take.
    public var nanoseconds: @Sendable () -> Int64 = { 0 }
    /// When the round began on that clock, where something was done for it before; nil for now.
    public var began: Int64?
    /// What burn-rate alerts look at, counted already; those that it does not have are asked for.
    public var tally: BurnTally?
    /// Why that could not be counted: then nothing is known of these alerts.
    public var tallyFailure: (any Error)?
    /// The value of a query at a time.
    let answer: @Sendable (PromQLQuery, Int64) throws -> PromQLEngine.Value
    /// The same over all events that have arrived, settled or not; nil where that is not known.
    let fresh: (@Sendable (PromQLQuery, Int64) throws -> PromQLEngine.Value)?
    /// The answer of a question to the events.
    let ask: DerivedSeries.Ask
    /// Keeps what rules record; later rules see it.
    let write: @Sendable ([LabeledSample]) throws -> Void

    public init(
        answer: @escaping @Sendable (PromQLQuery, Int64) throws -> PromQLEngine.Value,
        fresh: (@Sendable (PromQLQuery, Int64) throws -> PromQLEngine.Value)? = nil,
        ask: @escaping DerivedSeries.Ask = { _ in .empty },
        write: @escaping @Sendable ([LabeledSample]) throws -> Void
    ) {
        self.answer = answer
        self.fresh = fresh
        self.ask = ask
        self.write = write
    }

    /// The series that a query finds, each with its value; a scalar is one without labels.
    func series(_ query: PromQLQuery, at time: Int64) throws -> [(Labels, SampleValue)] {
        try RuleContext.series(try answer(query, time))
    }

    /// The series that a rule's expression finds, each with its value.
    func series(
        of rule: Rule, _ expression: PromQLQuery, at time: Int64
    ) throws -> [(Labels, SampleValue)] {
        if let alert = rule.burnRate {
            if let tallyFailure { throw tallyFailure }
            if let found = tally?.series(alert, at: time) { return found }
        }
        return try series(expression, at: time)
    }

    /// Milliseconds of the cells of series of the last day.
    static let freshCell: Int64 = 10_000

    /// The series of a value, each with its own; a scalar is one without labels.
    static func series(_ value: PromQLEngine.Value) throws -> [(Labels, SampleValue)] {
        switch value {
        case .scalar(_, let value): return [(.empty, .float(value))]
        case .vector(let series):
            return series.compactMap { one in
                one.samples.isEmpty ? nil : (one.labels, one.samples[valueAt: 0])
            }
        case .string, .matrix:
            throw RuleFailure("rule result is not a vector or scalar")
        }
    }

    /// What the templates of an alert are expanded with.
    func templateData(_ labels: Labels, _ value: Double, at time: Int64) -> TemplateData {
        TemplateData(
            labels: labels, value: value, externalLabels: externalLabels,
            externalURL: externalURL, time: time
        ) { [self] text, time in
            try series(try PromQLQuery(text), at: time).map { ($0, $1.plain) }
        }
    }
}

/// Why a rule could not be evaluated.
struct RuleFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension SampleValue {
    /// The number of a sample; of a histogram 0, as Prometheus's alerts have it.
    var plain: Double {
        switch self {
        case .float(let value): value
        case .histogram: 0
        }
    }
}
