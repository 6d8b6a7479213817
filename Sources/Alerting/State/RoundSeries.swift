public import SeriesStore
internal import Synchronization

/// Series as many rules ask for them within one round of evaluations.
///
/// What is asked of a metric in a stretch of time is read once, whole, and shared by all rules; a rule
/// that wants some of its series finds them by a label's value. A thousand rules that differ in a label and a
/// threshold cost one reading instead of a thousand.
public final class RoundSeries: SeriesSource {
    private struct Key: Hashable {
        let metric: String
        let from: Int64
        let to: Int64
    }

    private struct State {
        var read: [Key: MetricSeries] = [:]
        var samples = 0
    }

    private let source: any SeriesSource
    private let unshared: Set<String>
    private let state = Mutex(State())

    /// - Parameter unshared: names of metrics of which each rule asks for series of its own.
    public init(_ source: any SeriesSource, unshared: Set<String> = []) {
        self.source = source
        self.unshared = unshared
    }

    /// Forgets what was read of metrics, because more was written of them.
    public func forget(_ metrics: Set<String>) {
        state.withLock { state in
            for key in state.read.keys where metrics.contains(key.metric) {
                state.samples -= state.read[key]?.samples ?? 0
                state.read[key] = nil
            }
        }
    }

    public func select(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [SeriesData] {
        let named = matchers.first { $0.name == Labels.metricName && $0.operation == .equal }
        guard let named, !named.value.isEmpty, !unshared.contains(named.value) else {
            return try source.select(matchers, from: from, to: to)
        }
        let key = Key(metric: named.value, from: from, to: to)
        if let found = state.withLock({ $0.read[key]?.matching(matchers) }) { return found }
        var read = MetricSeries(try source.select([named], from: from, to: to))
        let found = read.matching(matchers)
        state.withLock { state in
            // All of it rather than parts: the round goes on from here.
            if state.samples + read.samples > AlertingLimits.roundSamples {
                state.read = [:]
                state.samples = 0
            }
            guard read.samples <= AlertingLimits.roundSamples else { return }
            state.read[key] = read
            state.samples += read.samples
        }
        return found
    }

    public func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        try source.series(matchers, from: from, to: to)
    }

    public func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        try source.labelNames(matchers, from: from, to: to)
    }

    public func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        try source.labelValues(of: name, matchers, from: from, to: to)
    }
}

/// The series of one metric, found by the values of labels that were asked for before.
private struct MetricSeries {
    private let series: [SeriesData]
    let samples: Int
    /// Places of series by the values of a label, by its name; made when first asked for.
    private var places: [String: [String: [Int]]] = [:]

    init(_ series: [SeriesData]) {
        self.series = series
        samples = series.reduce(series.count) { $0 + $1.samples.count }
    }

    mutating func matching(_ matchers: [LabelMatcher]) -> [SeriesData] {
        let others = matchers.filter { $0.name != Labels.metricName || $0.operation != .equal }
        guard let first = others.first(where: { $0.operation == .equal && !$0.value.isEmpty })
        else {
            return others.isEmpty
                ? series : series.filter { one in others.allSatisfy { $0.matches(one.labels) } }
        }
        if places[first.name] == nil {
            var found: [String: [Int]] = [:]
            for (place, one) in series.enumerated() {
                found[one.labels[first.name], default: []].append(place)
            }
            places[first.name] = found
        }
        let candidates = places[first.name]?[first.value] ?? []
        return candidates.map { series[$0] }.filter { one in
            others.allSatisfy { $0.matches(one.labels) }
        }
    }
}
