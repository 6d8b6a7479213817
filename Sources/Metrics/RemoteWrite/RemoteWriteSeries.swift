public import SeriesStore

/// A series as it is sent on: samples, and what a receiver may know besides.
public struct RemoteWriteSeries: Sendable {
    /// In time order.
    public var data: SeriesData
    /// Of each sample the time from which on it counts, milliseconds since 1970, 0 where nobody knows;
    /// empty for what does not count.
    public var starts: [Int64]
    /// Each in the time of the samples.
    public var exemplars: [Exemplar]
    /// Of the metric; nil for series that rules record.
    public var metadata: PrometheusAPI.Metadata?

    public init(
        _ data: SeriesData, starts: [Int64] = [], exemplars: [Exemplar] = [],
        metadata: PrometheusAPI.Metadata? = nil
    ) {
        precondition(
            starts.isEmpty || starts.count == data.samples.count, "BUG: a start for each sample")
        self.data = data
        self.starts = starts
        self.exemplars = exemplars
        self.metadata = metadata
    }

    /// A part of the samples, with the exemplars of its time: up to its last sample, after the one before
    /// its first.
    public subscript(places: Range<Int>) -> RemoteWriteSeries {
        let times = data.samples.timestamps
        let after = places.lowerBound > 0 ? times[places.lowerBound - 1] : .min
        let last = places.upperBound < times.count ? times[places.upperBound - 1] : .max
        return RemoteWriteSeries(
            SeriesData(labels: data.labels, samples: data.samples[places]),
            starts: starts.isEmpty ? [] : Array(starts[places]),
            exemplars: exemplars.filter { $0.timestamp > after && $0.timestamp <= last },
            metadata: metadata)
    }
}
