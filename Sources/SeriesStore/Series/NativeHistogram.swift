/// A histogram with exponential buckets, as Prometheus has them; counts are floats.
///
/// Bucket `i` of schema `s` holds values in (2^(2^-s)^(i-1), 2^(2^-s)^i], and the mirror image for
/// negative ones; the zero bucket holds values from -`zeroThreshold` to `zeroThreshold`. With the schema
/// `customBoundsSchema` bucket `i` holds values in (`customBounds[i-1]`, `customBounds[i]`], the last
/// one all above, and there are no negative and no zero buckets.
public struct NativeHistogram: Sendable {
    /// A run of buckets that lie side by side.
    public struct Span: Hashable, Sendable {
        /// Buckets left out since the span before; the index of the first bucket in the first span.
        public var offset: Int32
        /// Buckets in the span.
        public var length: UInt32

        public init(offset: Int32, length: UInt32) {
            self.offset = offset
            self.length = length
        }
    }

    /// What is known of how a histogram follows the one before it.
    public enum CounterReset: UInt8, Hashable, Sendable {
        case unknown = 0
        case reset = 1
        case notReset = 2
        /// It is no counter.
        case gauge = 3
    }

    /// The schema whose bounds are given, not computed.
    public static let customBoundsSchema: Int32 = -53

    public var counterReset: CounterReset
    /// From -4 (each bucket 2^16 times the one before) to 8, or `customBoundsSchema`.
    public var schema: Int32
    public var zeroThreshold: Double
    public var zeroCount: Double
    /// All observations; of a gauge perhaps not those of the buckets.
    public var count: Double
    /// The sum of observations; `StaleMarker` says that the series has ended.
    public var sum: Double
    public var positiveSpans: [Span]
    /// Counts of the buckets that `positiveSpans` tell of, each by itself, not summed up.
    public var positiveBuckets: [Double]
    public var negativeSpans: [Span]
    public var negativeBuckets: [Double]
    /// Upper bounds, ascending; empty but for `customBoundsSchema`.
    public var customBounds: [Double]

    public init(
        counterReset: CounterReset = .unknown, schema: Int32 = 0, zeroThreshold: Double = 0,
        zeroCount: Double = 0, count: Double = 0, sum: Double = 0, positiveSpans: [Span] = [],
        positiveBuckets: [Double] = [], negativeSpans: [Span] = [], negativeBuckets: [Double] = [],
        customBounds: [Double] = []
    ) {
        self.counterReset = counterReset
        self.schema = schema
        self.zeroThreshold = zeroThreshold
        self.zeroCount = zeroCount
        self.count = count
        self.sum = sum
        self.positiveSpans = positiveSpans
        self.positiveBuckets = positiveBuckets
        self.negativeSpans = negativeSpans
        self.negativeBuckets = negativeBuckets
        self.customBounds = customBounds
    }

    /// What keeps the histogram from being stored, nil when nothing does: schema, spans that do not
    /// tell of the buckets, or more buckets than `SeriesLimits.histogramBuckets`.
    public var flaw: String? {
        guard usesCustomBounds || -4...8 ~= schema else {
            return "a histogram's schema is from -4 to 8, or -53: \(schema)"
        }
        for (spans, buckets) in [
            (positiveSpans, positiveBuckets), (negativeSpans, negativeBuckets),
        ] where spans.reduce(0, { $0 + Int($1.length) }) != buckets.count {
            return "a histogram's spans tell of other buckets than it has: \(buckets.count)"
        }
        let limit = SeriesLimits.histogramBuckets
        let spans = max(positiveSpans.count, negativeSpans.count)
        let buckets = positiveBuckets.count + negativeBuckets.count
        guard max(spans, buckets, customBounds.count) <= limit else {
            return "a histogram has at most \(limit) buckets, spans and bounds"
        }
        return nil
    }

    public var usesCustomBounds: Bool { schema == NativeHistogram.customBoundsSchema }

    /// A histogram that says that the series has ended.
    public static let stale = NativeHistogram(sum: StaleMarker.value)
}

extension NativeHistogram: Hashable {
    /// Equal when every part is, floats by their bits, so that a NaN equals itself.
    public static func == (left: NativeHistogram, right: NativeHistogram) -> Bool {
        func isSame(_ left: [Double], _ right: [Double]) -> Bool {
            left.elementsEqual(right) { $0.bitPattern == $1.bitPattern }
        }
        return left.counterReset == right.counterReset && left.schema == right.schema
            && isSame(left.scalars, right.scalars)
            && left.positiveSpans == right.positiveSpans
            && left.negativeSpans == right.negativeSpans
            && isSame(left.positiveBuckets, right.positiveBuckets)
            && isSame(left.negativeBuckets, right.negativeBuckets)
            && isSame(left.customBounds, right.customBounds)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(schema)
        for value in scalars { hasher.combine(value.bitPattern) }
    }

    private var scalars: [Double] { [zeroThreshold, zeroCount, count, sum] }
}
