import SeriesStore

@testable import Metrics

/// Series of a script in memory.
struct ScriptStore: SeriesSource {
    private(set) var all: [Labels: Samples] = [:]

    /// Adds values at `step` milliseconds from one another, from 1970 on.
    mutating func load(_ labels: Labels, _ values: [SeriesNotation.Value], step: Int64) {
        // A series may be loaded in several parts, later ones with later samples.
        var samples = all[labels] ?? Samples()
        var before: Histogram?
        for (place, value) in values.enumerated() {
            let time = Int64(place) * step
            switch value {
            case .omitted: continue
            case .number(let number):
                samples.append(time, number)
                before = nil
            case .histogram(var histogram, _):
                if StaleMarker.isStale(histogram.sum) {
                    before = nil
                } else {
                    histogram.counterReset = known(Histogram(histogram), before)
                    before = Histogram(histogram)
                }
                samples.append(time, histogram)
            }
        }
        all[labels] = samples
    }

    /// What Prometheus's store knows of resets when it gives a histogram back: that one which lies in a
    /// chunk with the one before follows no reset, and nothing of the first one in a chunk.
    private func known(
        _ histogram: Histogram, _ before: Histogram?
    ) -> NativeHistogram.CounterReset {
        if histogram.isGauge { return .gauge }
        guard let before, !before.isGauge, histogram.schema == before.schema,
            histogram.zeroThreshold == before.zeroThreshold,
            histogram.customBounds == before.customBounds, !histogram.isReset(after: before)
        else { return .unknown }
        return .notReset
    }

    /// All of it, series by series.
    var samples: [LabeledSample] {
        all.sorted { $0.key < $1.key }.flatMap { labels, samples in
            (0..<samples.count).map { place in
                let histogram = samples.histograms.isEmpty ? nil : samples.histograms[place]
                return LabeledSample(
                    labels, samples.timestamps[place],
                    histogram.map { .histogram($0) } ?? .float(samples.values[place]))
            }
        }
    }

    func select(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [SeriesData] {
        all.keys.sorted().compactMap { labels in
            guard matchers.allSatisfy({ $0.matches(labels) }),
                let samples = all[labels]?.clamped(from: from, to: to), !samples.isEmpty
            else { return nil }
            return SeriesData(labels: labels, samples: samples)
        }
    }

    func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [Labels] {
        select(matchers, from: from, to: to).map(\.labels)
    }

    func labelNames(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [String] {
        Set(series(matchers, from: from, to: to).flatMap { $0.map(\.name) }).sorted()
    }

    func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) -> [String] {
        Set(series(matchers, from: from, to: to).map { $0[name] }).subtracting([""]).sorted()
    }
}

extension ScriptStore {
    /// Adds for each classic histogram a native one with the same buckets as custom bounds.
    mutating func addCustomBounds(_ step: Int64) throws {
        struct Parts {
            var buckets: [Double: Double] = [:]
            var sum = 0.0
            var count: Double?
        }
        var found: [Labels: [Int64: Parts]] = [:]
        for (labels, samples) in all {
            let name = labels.metricName
            guard
                let ending = ["_bucket", "_sum", "_count"].first(where: { name.hasSuffix($0) })
            else { continue }
            let base = labels.removing(["le"])
                .setting(Labels.metricName, to: String(name.dropLast(ending.count)))
            for place in 0..<samples.count {
                let (time, value) = (samples.timestamps[place], samples.values[place])
                var parts = found[base, default: [:]][time] ?? Parts()
                switch ending {
                case "_sum": parts.sum = value
                case "_count": parts.count = value
                default: parts.buckets[LiteralScanner.bound(labels["le"]) ?? .nan] = value
                }
                found[base, default: [:]][time] = parts
            }
        }
        for (labels, times) in found {
            var values = [SeriesNotation.Value](
                repeating: .omitted, count: Int((times.keys.max() ?? 0) / step) + 1)
            for (time, parts) in times {
                let bounds = parts.buckets.keys.sorted()
                var counts: [Double] = []
                var before = 0.0
                for bound in bounds {
                    counts.append((parts.buckets[bound] ?? 0) - before)
                    before = parts.buckets[bound] ?? 0
                }
                let finite = bounds.filter { $0.isFinite }
                let histogram = NativeHistogram(
                    schema: NativeHistogram.customBoundsSchema,
                    count: parts.count ?? before, sum: parts.sum,
                    positiveSpans: [
                        NativeHistogram.Span(offset: 0, length: UInt32(counts.count))
                    ], positiveBuckets: counts, customBounds: finite)
                values[Int(time / step)] = .histogram(histogram, tellsReset: false)
            }
            load(labels, values, step: step)
        }
    }
}
