/// Two sources as one: a series that both have is one series, with the samples of both.
public struct JoinedSeries: SeriesSource {
    private let first: any SeriesSource
    private let second: any SeriesSource

    /// Where both have a sample of one series and time, that of `first` counts.
    public init(_ first: any SeriesSource, _ second: any SeriesSource) {
        (self.first, self.second) = (first, second)
    }

    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        let more = try second.select(matchers, from: from, to: to)
        let found = try first.select(matchers, from: from, to: to)
        if more.isEmpty { return found }
        var joined = Dictionary(uniqueKeysWithValues: more.map { ($0.labels, $0.samples) })
        for series in found {
            let samples = joined[series.labels]?.merged(with: series.samples)
            joined[series.labels] = samples ?? series.samples
        }
        return joined.map { SeriesData(labels: $0.key, samples: $0.value) }
            .sorted { $0.labels < $1.labels }
    }

    public func spacing(from: Int64, to: Int64) -> Int64 {
        max(first.spacing(from: from, to: to), second.spacing(from: from, to: to))
    }

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        let found = try first.series(matchers, from: from, to: to)
        return Set(found).union(try second.series(matchers, from: from, to: to)).sorted()
    }

    public func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        JoinedSeries.joined(
            try first.labelNames(matchers, from: from, to: to),
            try second.labelNames(matchers, from: from, to: to))
    }

    public func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        JoinedSeries.joined(
            try first.labelValues(of: name, matchers, from: from, to: to),
            try second.labelValues(of: name, matchers, from: from, to: to))
    }

    private static func joined(_ first: [String], _ second: [String]) -> [String] {
        Set((first + second).map { Array($0.utf8) })
            .sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
