public import Compute
public import EventQuery

/// What is counted of events, and by what: the definition of a few series.
///
/// Everything in it is an expression of the query language, so a sample of a series and the answer of
/// the query behind it come from the same lines of code.
public struct MetricDefinition: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// The sum of the value, or the number of events; only grows.
        case counter
        /// How many values are at most each of these bounds, which ascend; and their sum.
        case histogram(bounds: [Double])
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

    /// As Prometheus has names; that of a counter ends in `_total`.
    public var name: String
    public var help: String
    public var unit: String
    public var kind: Kind
    public var source: DatasetSelection
    /// Only events for which it holds count; nil for all.
    public var filter: Expression?
    /// What is added up or spread over the buckets; nil, for counters only, counts events.
    public var value: Expression?
    public var labels: [Dimension]

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
    }
}

// MARK: - What is wrong with one

extension MetricDefinition {
    /// Why a definition cannot be.
    public struct Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        /// The member of the definition that is at fault.
        public let member: String
        public let description: String

        init(_ member: String, _ description: String) {
            self.member = member
            self.description = description
        }
    }

    /// Throws the first thing that is wrong.
    public func check() throws(Flaw) {
        guard MetricDefinition.isName(name, allowsColon: true) else {
            throw Flaw("name", "'\(name)' is no name of a metric: [a-zA-Z_:][a-zA-Z0-9_:]*")
        }
        if labels.count > MetricsLimits.labelsPerMetric {
            throw Flaw("labels", "a metric has at most \(MetricsLimits.labelsPerMetric) labels")
        }
        var seen: Set<String> = []
        for label in labels {
            guard MetricDefinition.isName(label.name, allowsColon: false),
                !label.name.hasPrefix("__"), label.name != "le"
            else {
                throw Flaw("labels", "'\(label.name)' is no name of a label of one's own")
            }
            guard seen.insert(label.name).inserted else {
                throw Flaw("labels", "the label \(label.name) is there twice")
            }
        }
        switch kind {
        case .counter:
            if !name.hasSuffix("_total") {
                throw Flaw("name", "the name of a counter ends in _total, as \(name)_total does")
            }
        case .histogram(let bounds):
            if value == nil { throw Flaw("value", "a histogram needs a value") }
            guard (1...MetricsLimits.bucketsPerHistogram).contains(bounds.count),
                bounds.allSatisfy(\.isFinite), zip(bounds, bounds.dropFirst()).allSatisfy(<)
            else {
                throw Flaw(
                    "buckets",
                    "expected 1 to \(MetricsLimits.bucketsPerHistogram) numbers that ascend")
            }
        }
    }

    private static func isName(_ text: String, allowsColon: Bool) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_")
                || allowsColon && byte == UInt8(ascii: ":")
        }
        guard let first = text.utf8.first, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }

    /// The names of its series.
    public var seriesNames: [String] { parts.map { name + $0.suffix } }

    /// The name under which scrapers know it: of a counter without `_total`.
    public var familyName: String {
        kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
    }

    /// A kind of series that it has.
    enum Part {
        case total, bucket, sum, count

        var suffix: String {
            switch self {
            case .total: ""
            case .bucket: "_bucket"
            case .sum: "_sum"
            case .count: "_count"
            }
        }
    }

    var parts: [Part] { kind == .counter ? [.total] : [.bucket, .sum, .count] }

    /// The bounds of a histogram's buckets, without the last, which has none.
    var bounds: [Double] {
        if case .histogram(let bounds) = kind { bounds } else { [] }
    }
}
