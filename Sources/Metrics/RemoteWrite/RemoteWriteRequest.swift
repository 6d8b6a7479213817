internal import Bytes
internal import SeriesStore

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

    /// Encodes series; exemplars, starts and metadata are in version 2.0 alone.
    public static func encode(_ series: [RemoteWriteSeries], _ version: Version) -> [UInt8] {
        var writer = ProtobufWriter()
        switch version {
        case .one:
            for one in series {
                writer.message(1) { writer in
                    for label in one.data.labels {
                        writer.message(1) { writer in
                            writer.string(1, label.name)
                            writer.string(2, label.value)
                        }
                    }
                    for sample in one.floats { writer.sample(sample, field: 2) }
                    for sample in one.histograms { writer.histogram(sample, field: 4) }
                }
            }
        case .two:
            var symbols = SymbolTable()
            let references = series.map { symbols.references(of: $0) }
            for text in symbols.texts { writer.string(4, text) }
            for (one, references) in zip(series, references) {
                // Samples or histograms, never both: the end of a series of histograms is a sample.
                let (floats, histograms) = (one.floats, one.histograms)
                if !histograms.isEmpty {
                    writer.series(references, histograms, histogramsField: 3, one.metadata)
                }
                if !floats.isEmpty {
                    let rest =
                        histograms.isEmpty
                        ? references : SeriesReferences(labels: references.labels)
                    writer.series(rest, floats, one.metadata)
                }
            }
        }
        return writer.bytes
    }
}

/// A sample with the time from which on it counts.
private struct StartedSample<Value> {
    let value: Value
    /// Milliseconds since 1970; a start of 0 is none.
    let time: Int64
    let start: Int64
}

extension RemoteWriteSeries {
    fileprivate var floats: [StartedSample<Double>] {
        (0..<data.samples.count).compactMap { place in
            guard case .float(let value) = data.samples[valueAt: place] else { return nil }
            return started(value, place)
        }
    }

    fileprivate var histograms: [StartedSample<NativeHistogram>] {
        (0..<data.samples.count).compactMap { place in
            guard case .histogram(let value) = data.samples[valueAt: place] else { return nil }
            return started(value, place)
        }
    }

    private func started<Value>(_ value: Value, _ place: Int) -> StartedSample<Value> {
        StartedSample(
            value: value, time: data.samples.timestamps[place],
            start: starts.isEmpty ? 0 : starts[place])
    }
}

// MARK: - Version 2.0

/// The texts of a request, each there once.
private struct SymbolTable {
    private(set) var texts = [""]
    private var numbers = ["": UInt64(0)]

    mutating func number(_ text: String) -> UInt64 {
        if let known = numbers[text] { return known }
        numbers[text] = UInt64(texts.count)
        texts.append(text)
        return UInt64(texts.count - 1)
    }

    private mutating func numbers(_ labels: Labels) -> [UInt64] {
        labels.flatMap { [number($0.name), number($0.value)] }
    }

    mutating func references(of series: RemoteWriteSeries) -> SeriesReferences {
        SeriesReferences(
            labels: numbers(series.data.labels),
            exemplars: series.exemplars.map { ($0, numbers($0.labels)) },
            help: number(series.metadata?.help ?? ""), unit: number(series.metadata?.unit ?? ""))
    }
}

/// The places of a series' texts.
private struct SeriesReferences {
    let labels: [UInt64]
    var exemplars: [(exemplar: Exemplar, labels: [UInt64])] = []
    var help: UInt64 = 0
    var unit: UInt64 = 0
}

extension ProtobufWriter {
    fileprivate mutating func series(
        _ references: SeriesReferences, _ samples: [StartedSample<Double>],
        _ metadata: PrometheusAPI.Metadata?
    ) {
        message(5) { writer in
            writer.packed(1, references.labels)
            for sample in samples { writer.sample(sample, field: 2, startField: 3) }
            writer.rest(of: references, metadata)
        }
    }

    fileprivate mutating func series(
        _ references: SeriesReferences, _ samples: [StartedSample<NativeHistogram>],
        histogramsField: UInt32, _ metadata: PrometheusAPI.Metadata?
    ) {
        message(5) { writer in
            writer.packed(1, references.labels)
            for sample in samples {
                writer.histogram(sample, field: histogramsField, startField: 17)
            }
            writer.rest(of: references, metadata)
        }
    }

    private mutating func rest(
        of references: SeriesReferences, _ metadata: PrometheusAPI.Metadata?
    ) {
        for (exemplar, labels) in references.exemplars {
            message(4) { writer in
                writer.packed(1, labels)
                writer.double(2, exemplar.value)
                writer.varint(3, UInt64(bitPattern: exemplar.timestamp))
            }
        }
        let types: [String: UInt64] = ["counter": 1, "gauge": 2, "histogram": 3]
        message(5) { writer in
            if let type = types[metadata?.type ?? ""] { writer.varint(1, type) }
            if references.help > 0 { writer.varint(3, references.help) }
            if references.unit > 0 { writer.varint(4, references.unit) }
        }
    }

    private mutating func packed(_ field: UInt32, _ numbers: [UInt64]) {
        message(field) { writer in
            for number in numbers { writer.varint(number) }
        }
    }
}

// MARK: - Samples

extension ProtobufWriter {
    fileprivate mutating func sample(
        _ sample: StartedSample<Double>, field: UInt32, startField: UInt32? = nil
    ) {
        message(field) { writer in
            writer.double(1, sample.value)
            writer.varint(2, UInt64(bitPattern: sample.time))
            writer.start(sample.start, startField)
        }
    }

    fileprivate mutating func histogram(
        _ sample: StartedSample<NativeHistogram>, field: UInt32, startField: UInt32? = nil
    ) {
        message(field) { writer in
            writer.histogram(sample.value, at: sample.time)
            writer.start(sample.start, startField)
        }
    }

    private mutating func start(_ start: Int64, _ field: UInt32?) {
        guard let field, start > 0 else { return }
        varint(field, UInt64(bitPattern: start))
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
        if histogram.customBounds.isEmpty { return }
        message(16) { writer in
            for bound in histogram.customBounds { writer.append(bound) }
        }
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
