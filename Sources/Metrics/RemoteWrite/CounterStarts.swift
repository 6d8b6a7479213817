public import SeriesStore

/// From when on the totals of series count, as far as their samples tell.
///
/// A total that falls counts from that sample on, and one that begins at nothing from its first.
public struct CounterStarts: Sendable {
    private struct Known {
        var start: Int64
        var last: Double
    }

    private var known: [Labels: Known]

    /// - Parameter beginnings: of series that may have samples already, milliseconds since 1970.
    public init(_ beginnings: [Labels: Int64] = [:]) {
        known = beginnings.mapValues { Known(start: $0, last: 0) }
    }

    /// The start of each sample of a counter or histogram, the samples in time order and after those that
    /// were asked about before; 0 where nobody knows it.
    public mutating func starts(of data: SeriesData) -> [Int64] {
        var now = known[data.labels]
        let starts = (0..<data.samples.count).map { place -> Int64 in
            let value = data.samples.values[place]
            if StaleMarker.isStale(value) { return now?.start ?? 0 }
            let time = data.samples.timestamps[place]
            let total = data.samples.count(at: place)
            let isBeginning = now.map { total < $0.last } ?? (total == 0)
            now = Known(start: isBeginning ? time : now?.start ?? 0, last: total)
            return now?.start ?? 0
        }
        known[data.labels] = now
        return starts
    }

    /// Forgets series that are none of these.
    public mutating func keep(_ labels: Set<Labels>) {
        known = known.filter { labels.contains($0.key) }
    }
}

extension Samples {
    /// A histogram's number of values, else the value.
    fileprivate func count(at place: Int) -> Double {
        if case .histogram(let histogram) = self[valueAt: place] { return histogram.count }
        return values[place]
    }
}
