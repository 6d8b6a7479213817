internal import CKernels
internal import SeriesStore

/// A native histogram as the evaluator works with it: only buckets that hold something.
struct Histogram: Sendable {
    var counterReset = NativeHistogram.CounterReset.unknown
    var schema: Int32 = 0
    var zeroThreshold = 0.0
    var zeroCount = 0.0
    var count = 0.0
    var sum = 0.0
    var positive = HistogramBuckets()
    var negative = HistogramBuckets()
    /// Upper bounds; empty but for custom bounds.
    var customBounds: [Double] = []

    var usesCustomBounds: Bool { schema == NativeHistogram.customBoundsSchema }
    var isGauge: Bool { counterReset == .gauge }

    /// Points of 16 bytes that one costs without its buckets.
    static let ownCost = MemoryLayout<Histogram>.stride / 16

    /// Points of 16 bytes that its buckets cost.
    var cost: Int { positive.indices.count + negative.indices.count }

    /// Whether something has grown beyond what floats hold.
    var hasOverflow: Bool {
        zeroCount.isInfinite || count.isInfinite || sum.isInfinite || positive.hasInfinite
            || negative.hasInfinite
    }
}

// MARK: - Stored form

extension Histogram {
    /// Takes a stored one; spans that reach beyond the counts end there.
    init(_ stored: NativeHistogram) {
        counterReset = stored.counterReset
        schema = stored.schema
        zeroThreshold = stored.zeroThreshold
        zeroCount = stored.zeroCount
        count = stored.count
        sum = stored.sum
        customBounds = stored.customBounds
        positive = Histogram.buckets(stored.positiveSpans, stored.positiveBuckets)
        negative = Histogram.buckets(stored.negativeSpans, stored.negativeBuckets)
    }

    private static func buckets(
        _ spans: [NativeHistogram.Span], _ counts: [Double]
    ) -> HistogramBuckets {
        var result = HistogramBuckets()
        var index: Int32 = 0
        var place = 0
        for span in spans {
            index &+= span.offset
            for _ in 0..<span.length {
                guard place < counts.count else { return result }
                result.append(index, counts[place])
                index &+= 1
                place += 1
            }
        }
        return result
    }

    /// The form in which histograms are stored and answered.
    var stored: NativeHistogram {
        let (positiveSpans, positiveCounts) = Histogram.spans(positive.settled)
        let (negativeSpans, negativeCounts) = Histogram.spans(negative.settled)
        return NativeHistogram(
            counterReset: counterReset, schema: schema, zeroThreshold: zeroThreshold,
            zeroCount: zeroCount, count: count, sum: sum, positiveSpans: positiveSpans,
            positiveBuckets: positiveCounts, negativeSpans: negativeSpans,
            negativeBuckets: negativeCounts, customBounds: customBounds)
    }

    private static func spans(
        _ buckets: HistogramBuckets
    ) -> ([NativeHistogram.Span], [Double]) {
        var spans: [NativeHistogram.Span] = []
        var next: Int32 = 0
        for index in buckets.indices {
            if let last = spans.indices.last, index == next {
                spans[last].length += 1
            } else {
                spans.append(NativeHistogram.Span(offset: index &- next, length: 1))
            }
            next = index &+ 1
        }
        return (spans, buckets.counts)
    }
}

// MARK: - Buckets

/// A bucket with its bounds.
struct HistogramBucket: Sendable {
    var lower: Double
    var upper: Double
    var includesLower: Bool
    var includesUpper: Bool
    var count: Double

    /// The share of the bucket below a value, by lines or by powers.
    func fractionBelow(_ value: Double, isLinear: Bool) -> Double {
        if isLinear { return (value - lower) / (upper - lower) }
        let logLower = wf_log2(lower.magnitude)
        let logUpper = wf_log2(upper.magnitude)
        let logValue = wf_log2(value.magnitude)
        if value > 0 { return (logValue - logLower) / (logUpper - logLower) }
        return 1 - (logValue - logUpper) / (logLower - logUpper)
    }
}

extension Histogram {
    /// The upper bound of a positive bucket.
    func bound(_ index: Int32) -> Double {
        guard usesCustomBounds else { return Histogram.exponentialBound(index, schema) }
        if index < 0 { return -.infinity }
        return index < customBounds.count ? customBounds[Int(index)] : .infinity
    }

    static func exponentialBound(_ index: Int32, _ schema: Int32) -> Double {
        // Beyond the range of floats, whatever the schema.
        if schema < 0 {
            let exponent = Int64(index) << Int64(min(-schema, 32))
            if exponent == 1024 { return .greatestFiniteMagnitude }
            return wf_ldexp(1, Int32(clamping: exponent))
        }
        let schema = min(schema, 30)
        let part = Double(index & ((1 << schema) - 1)) / Double(Int32(1) << schema)
        let exponent = (index >> schema) &+ 1
        if part == 0 && exponent == 1025 { return .greatestFiniteMagnitude }
        return wf_ldexp(wf_exp2(part) / 2, exponent)
    }

    func positiveBucket(_ place: Int) -> HistogramBucket {
        let index = positive.indices[place]
        let (lower, upper) = (bound(index &- 1), bound(index))
        return HistogramBucket(
            lower: lower, upper: upper, includesLower: usesCustomBounds && index == 0,
            includesUpper: true, count: positive.counts[place])
    }

    func negativeBucket(_ place: Int) -> HistogramBucket {
        let index = negative.indices[place]
        return HistogramBucket(
            lower: -bound(index), upper: -bound(index &- 1), includesLower: true,
            includesUpper: false, count: negative.counts[place])
    }

    var zeroBucket: HistogramBucket {
        HistogramBucket(
            lower: -zeroThreshold, upper: zeroThreshold, includesLower: true, includesUpper: true,
            count: zeroCount)
    }

    /// All buckets, ascending; those that overlap the zero bucket begin where it ends.
    var ascendingBuckets: [HistogramBucket] {
        var result: [HistogramBucket] = []
        result.reserveCapacity(positive.indices.count + negative.indices.count + 1)
        for place in negative.indices.indices.reversed() {
            var bucket = negativeBucket(place)
            if bucket.upper < 0 && bucket.upper > -zeroThreshold { bucket.upper = -zeroThreshold }
            result.append(bucket)
        }
        if zeroCount > 0 && !usesCustomBounds { result.append(zeroBucket) }
        for place in positive.indices.indices {
            var bucket = positiveBucket(place)
            if bucket.lower > 0 && bucket.lower < zeroThreshold { bucket.lower = zeroThreshold }
            result.append(bucket)
        }
        return result
    }
}

// MARK: - Text

extension Histogram: CustomStringConvertible {
    /// As Prometheus writes it: `{count:4, sum:5, (1,2]:4}`.
    var description: String {
        var text = "{count:\(NumberText.general(count)), sum:\(NumberText.general(sum))"
        func append(_ bucket: HistogramBucket) {
            text += ", " + (bucket.includesLower ? "[" : "(") + NumberText.general(bucket.lower)
            text += "," + NumberText.general(bucket.upper) + (bucket.includesUpper ? "]" : ")")
            text += ":" + NumberText.general(bucket.count)
        }
        for place in negative.indices.indices.reversed() { append(negativeBucket(place)) }
        if zeroCount != 0 { append(zeroBucket) }
        for place in positive.indices.indices { append(positiveBucket(place)) }
        return text + "}"
    }
}

extension Histogram: Equatable {
    /// Equal when they tell the same, whatever is known of resets; a NaN equals itself.
    static func == (left: Histogram, right: Histogram) -> Bool {
        func isSame(_ left: [Double], _ right: [Double]) -> Bool {
            left.elementsEqual(right) { $0.bitPattern == $1.bitPattern }
        }
        return left.schema == right.schema && left.zeroThreshold == right.zeroThreshold
            && isSame(
                [left.count, left.sum, left.zeroCount], [right.count, right.sum, right.zeroCount])
            && left.positive.indices == right.positive.indices
            && left.negative.indices == right.negative.indices
            && isSame(left.positive.counts, right.positive.counts)
            && isSame(left.negative.counts, right.negative.counts)
            && left.customBounds == right.customBounds
    }
}
