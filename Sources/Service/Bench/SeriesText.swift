internal import Host
internal import SeriesStore

/// Writes the series that `bench` measures as OpenMetrics text, so that other stores can take the same
/// samples: `promtool tsdb create-blocks-from openmetrics`.
enum SeriesText {
    /// Writes the first `count` series of the seed of `SeriesBenchmark` to a new file.
    static func write(_ count: Int, to path: String) throws {
        let file = try Machine.real.files.open(path, .create)
        defer { file.close() }
        var place: UInt64 = 0
        func append(_ text: String) throws {
            let bytes = Array(text.utf8)
            try file.write(bytes, at: place)
            place += UInt64(bytes.count)
        }
        // Series of one metric must lie together.
        let metrics = Set((0..<min(count, 3)).map { SeriesSet.labels($0).metricName }).sorted()
        for metric in metrics {
            try append("# TYPE \(metric) unknown\n")
            var set = SeriesSet(seed: 1)
            for number in 0..<count {
                let (labels, samples) = (SeriesSet.labels(number), set.samples(number))
                if labels.metricName == metric { try append(lines(labels, samples)) }
            }
        }
        try append("# EOF\n")
    }

    private static func lines(_ labels: Labels, _ samples: Samples) -> String {
        let pairs = labels.removing([Labels.metricName])
            .map { "\($0.name)=\(Labels.quoted($0.value))" }
        let name = labels.metricName + "{" + pairs.joined(separator: ",") + "} "
        var text = ""
        for place in 0..<samples.count {
            let seconds = Double(samples.timestamps[place]) / 1000
            text += name + "\(samples.values[place]) \(seconds)\n"
        }
        return text
    }
}
