public import SeriesStore

/// The events of an objective over stretches of the past.
public struct SLOHistory: Sendable {
    /// A stretch with its events.
    public struct Entry: Sendable {
        /// Milliseconds since 1970.
        public let range: Range<Int64>
        public let count: SLOCount
    }

    /// In the order of the stretches; those before the first event that is known are not there.
    public let entries: [Entry]

    /// Counts once for all stretches, as finely as metrics have cells over the whole of them.
    ///
    /// - Parameters:
    ///   - ranges: milliseconds since 1970.
    ///   - source: has the metrics of the objective.
    public init(
        _ objective: ServiceLevelObjective, _ ranges: [Range<Int64>], _ source: any SeriesSource
    ) throws {
        guard let from = ranges.map(\.lowerBound).min(), let to = ranges.map(\.upperBound).max()
        else {
            entries = []
            return
        }
        let counts = try SLOCounts(objective, source, from: from, to: to)
        entries = ranges.compactMap { range in
            guard counts.isObserved(at: range.upperBound),
                counts.beginning.map({ range.upperBound > $0 }) ?? true
            else { return nil }
            return Entry(
                range: range,
                count: counts.count(from: range.lowerBound, to: range.upperBound))
        }
    }
}
