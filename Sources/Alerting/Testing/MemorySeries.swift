internal import SeriesStore
internal import Synchronization

/// Series in memory, for tests of rules and for looking back.
final class MemorySeries: SeriesSource {
    private struct State {
        /// By the name of the metric.
        var all: [String: [Labels: Samples]] = [:]
        /// What is later is not seen.
        var end = Int64.max
    }

    private let state = Mutex(State())

    /// Hides samples that are later than a time.
    func end(at time: Int64) { state.withLock { $0.end = time } }

    /// Adds samples; of a time given twice the last one counts.
    func write(_ samples: [LabeledSample]) {
        state.withLock { state in
            for sample in samples {
                let name = sample.labels.metricName
                var one = Samples()
                one.append(sample.timestamp, sample.value)
                let known = state.all[name]?[sample.labels]
                if let last = known?.timestamps.last, last >= sample.timestamp {
                    state.all[name]?[sample.labels] = known?.merged(with: one)
                } else {
                    state.all[name, default: [:]][sample.labels, default: Samples()]
                        .append(contentsOf: one)
                }
            }
        }
    }

    func select(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [SeriesData] {
        let named = matchers.first { $0.name == Labels.metricName && $0.operation == .equal }
        return state.withLock { state in
            let tables = named.map { [state.all[$0.value] ?? [:]] } ?? Array(state.all.values)
            let end = min(to, state.end)
            var found: [SeriesData] = []
            for table in tables {
                for (labels, samples) in table {
                    guard matchers.allSatisfy({ $0.matches(labels) }), from <= end else { continue }
                    let part = samples.clamped(from: from, to: end)
                    if !part.isEmpty { found.append(SeriesData(labels: labels, samples: part)) }
                }
            }
            return found.sorted { $0.labels < $1.labels }
        }
    }

    func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [Labels] {
        select(matchers, from: from, to: to).map(\.labels)
    }

    func labelNames(_ matchers: [LabelMatcher], from: Int64, to: Int64) -> [String] {
        Set(series(matchers, from: from, to: to).flatMap { $0.map(\.name) })
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) -> [String] {
        Set(series(matchers, from: from, to: to).map { $0[name] }).subtracting([""])
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
