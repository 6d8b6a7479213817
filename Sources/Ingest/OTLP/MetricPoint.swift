internal import Bytes

/// One data point of a metric: when it was, of what, and where its numbers lie.
struct MetricPoint {
    enum Kind {
        case number, histogram, exponential, summary

        /// The kind of the points in a field of `Metric`; nil for its other fields.
        init?(tag: UInt32) {
            switch tag {
            case 0x2A, 0x3A: self = .number
            case 0x4A: self = .histogram
            case 0x52: self = .exponential
            case 0x5A: self = .summary
            default: return nil
            }
        }

        fileprivate var attributesTag: UInt32 {
            switch self {
            case .number, .summary: 0x3A
            case .histogram: 0x4A
            case .exponential: 0x0A
            }
        }

        fileprivate var flagsTag: UInt32 {
            switch self {
            case .number, .summary: 0x40
            case .histogram, .exponential: 0x50
            }
        }
    }

    let metric: String
    let kind: Kind
    let message: ProtobufReader
    /// Nanoseconds since 1970.
    private(set) var time: UInt64 = 0
    private(set) var attributes: [ProtobufReader] = []
    /// Says that there was nothing to report at that time.
    private(set) var hasNoValue = false

    init(_ message: ProtobufReader, of metric: String, _ kind: Kind) throws(ProtobufFault) {
        self.metric = metric
        self.kind = kind
        self.message = message
        var message = message
        while case let tag = try message.nextTag(), tag != 0 {
            switch tag {
            case 0x19: time = try message.fixed64()
            case kind.attributesTag: attributes.append(try message.message())
            case kind.flagsTag: hasNoValue = try message.varint() & 1 != 0
            default: try message.skip(tag)
            }
        }
    }

    /// Equal for points that become one event: of the same second, with the same attributes in
    /// whatever order.
    var eventKey: [UInt8] {
        var writer = ByteWriter()
        writer.write(time / 1_000_000_000)
        let sorted =
            attributes
            .map { Array(UnsafeBufferPointer(start: $0.place, count: $0.count)) }
            .sorted { $0.lexicographicallyPrecedes($1) }
        for attribute in sorted { writer.writeBlob(attribute) }
        return writer.bytes
    }
}

/// Buckets with their counts: what is known of how values lie.
struct HistogramBuckets {
    /// Count, lower and upper bound of each bucket, ascending.
    private(set) var buckets: [(count: UInt64, lower: Double, upper: Double)] = []

    /// Buckets between bounds, the first and last open; `least` and `greatest` close them if known.
    init(counts: [UInt64], bounds: [Double], least: Double?, greatest: Double?) {
        guard counts.count == bounds.count + 1, let first = bounds.first, let last = bounds.last
        else { return }
        for (index, count) in counts.enumerated() {
            let lower = index == 0 ? least ?? min(0, first) : bounds[index - 1]
            let upper = index == bounds.count ? greatest ?? last : bounds[index]
            buckets.append((count, lower, upper))
        }
    }

    /// The value below which `share` of all lie, as if those of a bucket lay evenly in it; nil when
    /// there are none.
    func quantile(_ share: Double) -> Double? {
        let total = buckets.reduce(0.0) { $0 + Double($1.count) }
        guard total > 0 else { return nil }
        var rank = share * total
        for bucket in buckets where bucket.count > 0 {
            let count = Double(bucket.count)
            if rank <= count {
                return bucket.lower + (bucket.upper - bucket.lower) * rank / count
            }
            rank -= count
        }
        return buckets.last { $0.count > 0 }?.upper
    }
}
