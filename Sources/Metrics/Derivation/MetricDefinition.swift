public import Compute
public import EventQuery
internal import SeriesStore

/// What is counted of events, and by what: the definition of a few series.
///
/// Everything in it is an expression of the query language, so a sample of a series and the answer of
/// the query behind it come from the same lines of code.
public struct MetricDefinition: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// The sum of the value, or the number of events; only grows.
        case counter
        /// One number of the values of each cell.
        case gauge(Reading)
        /// How many different values each cell has; exact.
        case distinct
        /// Whether there were events in the last five minutes, where any group of the metric had some.
        case presence
        /// How many values are at most each of these bounds, which ascend; and their sum.
        case histogram(bounds: [Double])
        /// How the values are spread, in buckets of OpenTelemetry's exponential histogram.
        case exponentialHistogram
    }

    /// Which number of a cell a gauge is.
    public enum Reading: String, Hashable, Sendable, CaseIterable {
        /// The value of the latest event, until there is a later one.
        case last
        case min
        case max
        case avg
        /// Spans that are open on average, from their times and durations.
        case concurrency
    }

    /// A label and what gives its value; a missing value is no label.
    public struct Dimension: Hashable, Sendable {
        public var name: String
        public var value: Expression

        public init(_ name: String, _ value: Expression) {
            self.name = name
            self.value = value
        }
    }

    /// Labels that what is left of events loses with age; series that become one are added up.
    public struct Drop: Hashable, Sendable {
        /// Milliseconds after the thirty days that an event lies in.
        public var after: Int64
        public var labels: [String]

        public init(after: Int64, labels: [String]) {
            (self.after, self.labels) = (after, labels)
        }
    }

    /// As Prometheus has names; that of a counter ends in `_total`.
    public var name: String
    public var help: String
    public var unit: String
    public var kind: Kind
    public var source: DatasetSelection
    /// Only events for which it holds count; nil for all.
    public var filter: Expression?
    /// What is added up, read or spread over the buckets; nil, for counters and concurrency only, counts
    /// events or spans.
    public var value: Expression?
    public var labels: [Dimension]
    /// Milliseconds of the shortest cell; a divisor of a day.
    public var resolution: Int64
    /// Milliseconds for which a series goes on after its last event.
    public var staleAfter: Int64
    /// Combinations of labels that have series of their own; the events of all others are one series.
    public var seriesLimit: Int
    /// Nanoseconds since 1970: events before do not count; nil for all.
    public var since: Int64?
    /// What whoever pushed it says that a gauge is: `counter`, `histogram` or `summary`; nil for what it is.
    public var pushedType: String?
    /// Labels that go with age, of events that are gone.
    public var drops: [Drop] = []

    public init(
        name: String, help: String = "", unit: String = "", kind: Kind = .counter,
        source: DatasetSelection = .all, filter: Expression? = nil, value: Expression? = nil,
        labels: [Dimension] = []
    ) {
        self.name = name
        self.help = help
        self.unit = unit
        self.kind = kind
        self.source = source
        self.filter = filter
        self.value = value
        self.labels = labels
        resolution = kind == .distinct ? 60_000 : 10_000
        staleAfter = kind.isAdditive ? 86_400_000 : 300_000
        seriesLimit = MetricsLimits.seriesDefault
    }
}

// MARK: - Kinds

extension MetricDefinition.Kind {
    /// Whether the numbers of two sets of events are added up to those of both.
    var isAdditive: Bool {
        switch self {
        case .counter, .histogram, .exponentialHistogram: true
        case .gauge, .distinct, .presence: false
        }
    }

    /// As Prometheus calls it.
    public var typeName: String {
        switch self {
        case .counter: "counter"
        case .gauge, .distinct, .presence: "gauge"
        case .histogram, .exponentialHistogram: "histogram"
        }
    }
}

// MARK: - Relatives

extension MetricDefinition {
    /// Whether it asks for other events of the trace.
    ///
    /// These are looked for among all events of a range of time, which cannot be all there is: so its
    /// totals begin again with each hour, and scrapers get `RunningTotals`.
    public var asksForRelatives: Bool {
        let expressions = labels.map(\.value) + [filter, value].compactMap { $0 }
        return expressions.contains { expression in
            expression.fields.contains { if case .related = $0 { true } else { false } }
        }
    }

    /// Whether scrapers get `RunningTotals` of it.
    public var isTotalOfRelatives: Bool { asksForRelatives && kind.isAdditive }

    /// Milliseconds after which the totals of a metric that asks for relatives begin again.
    static let relativesRestart: Int64 = 3_600_000
    /// Nanoseconds for which relatives are looked for before the range.
    static let relativesReach: Int64 = 600_000_000_000

    /// Milliseconds after which totals begin again, at whole ones of them; nil for never.
    ///
    /// Where labels go with age a series would have to know for ever what it was before. So totals are those
    /// of the thirty days at whose end labels may go: none falls when they do.
    var restartInterval: Int64? {
        if asksForRelatives { return MetricDefinition.relativesRestart }
        return kind.isAdditive && !drops.isEmpty ? Tier.hour.blockLength : nil
    }

    /// From when on events count for totals at a time; nanoseconds since 1970.
    func totalsBegin(before time: Int64) -> Int64 {
        guard let interval = restartInterval.map({ $0 * 1_000_000 }), time >= interval else {
            return .min
        }
        return time / interval * interval
    }

    /// From when on events are looked at for what there is at a time; nanoseconds since 1970.
    func eventsBegin(before time: Int64) -> Int64 {
        asksForRelatives ? totalsBegin(before: time) : .min
    }
}

// MARK: - Series

extension MetricDefinition {
    /// A kind of series that it has.
    enum Part {
        case whole, bucket, sum, count, created

        var suffix: String {
            switch self {
            case .whole: ""
            case .bucket: "_bucket"
            case .sum: "_sum"
            case .count: "_count"
            case .created: "_created"
            }
        }
    }

    var parts: [Part] {
        if case .histogram = kind { return [.bucket, .sum, .count] }
        return [.whole]
    }

    /// The names of its series.
    public var seriesNames: [String] { parts.map { name + $0.suffix } }

    /// Names of what scrapers get beside its series.
    public var scrapedNames: [String] {
        switch kind {
        case .gauge, .distinct, .presence: [familyName]
        case .counter: [familyName, familyName + "_created"]
        case .histogram, .exponentialHistogram:
            ["", "_bucket", "_sum", "_count", "_created"].map { name + $0 }
        }
    }

    /// What it is called to those who ask: of what was pushed as it was pushed.
    public var typeName: String { pushedType ?? kind.typeName }

    /// The name under which scrapers know it: of a counter without `_total`.
    public var familyName: String {
        kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
    }

    /// The bounds of a histogram's buckets, without the last, which has none.
    var bounds: [Double] {
        if case .histogram(let bounds) = kind { bounds } else { [] }
    }
}
