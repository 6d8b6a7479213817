/// A series with its samples of a stretch of time.
public struct SeriesData: Hashable, Sendable {
    public let labels: Labels
    public let samples: Samples

    public init(labels: Labels, samples: Samples) {
        self.labels = labels
        self.samples = samples
    }

    public static func == (left: SeriesData, right: SeriesData) -> Bool {
        left.labels == right.labels && left.samples == right.samples
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(labels) }
}

/// Where series are read from; times are milliseconds since 1970, and both ends belong to a range.
public protocol SeriesSource: Sendable {
    /// The series that every matcher lets through and that have samples in the range, by their labels
    /// ascending.
    func select(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [SeriesData]

    /// The labels of the series that `select` would find, ascending.
    func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels]

    /// The names of labels of these series, ascending by their bytes, each once.
    func labelNames(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [String]

    /// The values of a label in these series, ascending by their bytes, each once.
    func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String]

    /// Milliseconds between the samples that `select` finds in a range, where these are made the sparser
    /// the longer it is; 0 where they are as they were written.
    func spacing(from: Int64, to: Int64) -> Int64
}

extension SeriesSource {
    public func spacing(from: Int64, to: Int64) -> Int64 { 0 }
}
