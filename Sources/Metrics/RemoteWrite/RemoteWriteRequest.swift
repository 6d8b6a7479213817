internal import Bytes
public import SeriesStore

/// One request of Prometheus's remote write, as its body is before compression.
public enum RemoteWriteRequest {
    public enum Version: String, Sendable {
        /// `prometheus.WriteRequest`.
        case one = "1.0"
        /// `io.prometheus.write.v2.Request`.
        case two = "2.0"

        public var contentType: String {
            switch self {
            case .one: "application/x-protobuf"
            case .two: "application/x-protobuf;proto=io.prometheus.write.v2.Request"
            }
        }

        /// What the header of the version says.
        public var number: String { self == .one ? "0.1.0" : "2.0.0" }
    }

    /// Encodes series with their samples, in time order.
    ///
    /// - Parameter types: of metrics by the names of their series, as Prometheus calls them; only version
    ///   2.0 tells of them.
    public static func encode(
        _ series: [SeriesData], _ version: Version, types: [String: String] = [:]
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        switch version {
        case .one:
            for data in series {
                writer.message(1) { writer in
                    for label in data.labels {
                        writer.message(1) { writer in
                            writer.string(1, label.name)
                            writer.string(2, label.value)
                        }
                    }
                    writer.samples(data.samples, floats: 2, histograms: 4)
                }
            }
        case .two: encodeTwo(series, types, &writer)
        }
        return writer.bytes
    }

    private static func encodeTwo(
        _ series: [SeriesData], _ types: [String: String], _ writer: inout ProtobufWriter
    ) {
        var numbers: [String: UInt64] = ["": 0]
        var symbols = [""]
        func number(_ text: String) -> UInt64 {
            if let known = numbers[text] { return known }
            numbers[text] = UInt64(symbols.count)
            symbols.append(text)
            return UInt64(symbols.count - 1)
        }
        let references = series.map { data in
            data.labels.flatMap { [number($0.name), number($0.value)] }
        }
        for symbol in symbols { writer.string(4, symbol) }
        for (data, references) in zip(series, references) {
            writer.message(5) { writer in
                writer.message(1) { writer in
                    for reference in references { writer.varint(reference) }
                }
                // Samples or histograms, never both: derived series are all of one kind.
                writer.samples(data.samples, floats: 2, histograms: 3)
                let type = types[data.labels.metricName].flatMap { typeNumbers[$0] } ?? 0
                writer.message(5) { writer in if type > 0 { writer.varint(1, type) } }
            }
        }
    }

    private static let typeNumbers: [String: UInt64] = ["counter": 1, "gauge": 2, "histogram": 3]
}

extension ProtobufWriter {
    fileprivate mutating func samples(_ samples: Samples, floats: UInt32, histograms: UInt32) {
        for place in 0..<samples.count {
            let time = samples.timestamps[place]
            switch samples[valueAt: place] {
            case .float(let value):
                // A stale marker of histograms is one too; it stands among their floats.
                message(floats) { writer in
                    writer.double(1, value)
                    writer.varint(2, UInt64(bitPattern: time))
                }
            case .histogram(let histogram):
                message(histograms) { $0.histogram(histogram, at: time) }
            }
        }
    }

    /// A histogram whose counts are whole numbers has deltas, another one its counts.
    private mutating func histogram(_ histogram: NativeHistogram, at time: Int64) {
        let counts =
            [histogram.count, histogram.zeroCount] + histogram.positiveBuckets
            + histogram.negativeBuckets
        let areWhole = counts.allSatisfy { $0 >= 0 && $0 < 0x1p53 && $0 == $0.rounded() }
        if areWhole { varint(1, UInt64(histogram.count)) } else { double(2, histogram.count) }
        double(3, histogram.sum)
        varint(4, ProtobufWriter.zigzag(Int64(histogram.schema)))
        double(5, histogram.zeroThreshold)
        if areWhole {
            varint(6, UInt64(histogram.zeroCount))
        } else {
            double(7, histogram.zeroCount)
        }
        buckets(histogram.negativeSpans, histogram.negativeBuckets, from: 8, areWhole)
        buckets(histogram.positiveSpans, histogram.positiveBuckets, from: 11, areWhole)
        varint(14, UInt64(histogram.counterReset.rawValue))
        varint(15, UInt64(bitPattern: time))
    }

    private mutating func buckets(
        _ spans: [NativeHistogram.Span], _ counts: [Double], from field: UInt32, _ areWhole: Bool
    ) {
        for span in spans {
            message(field) { writer in
                writer.varint(1, ProtobufWriter.zigzag(Int64(span.offset)))
                writer.varint(2, UInt64(span.length))
            }
        }
        if counts.isEmpty { return }
        message(areWhole ? field + 1 : field + 2) { writer in
            var last: Int64 = 0
            for count in counts {
                if areWhole {
                    writer.varint(ProtobufWriter.zigzag(Int64(count) - last))
                    last = Int64(count)
                } else {
                    writer.append(count)
                }
            }
        }
    }

    private static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value << 1 ^ value >> 63)
    }
}
