extension Histogram {
    /// Leaves what lies below a value, or above it; buckets that it cuts are shared out.
    mutating func trim(at value: Double, keepsBelow: Bool) {
        let trim = Trim(
            value: value, keepsBelow: keepsBelow, isLinear: usesCustomBounds)
        let (hasPositive, hasNegative) = (!positive.isEmpty, !negative.isEmpty)
        var total = TrimTotal()
        let whole = self
        positive = trim.applied(
            positive, isPositive: true, &total
        ) { whole.positiveBucket($0) }
        negative = trim.applied(
            negative, isPositive: false, &total
        ) { whole.negativeBucket($0) }
        if zeroCount > 0 {
            let (kept, middle) = trim.zero(
                zeroBucket, hasNegative: hasNegative, hasPositive: hasPositive)
            if kept != zeroCount { total.isTrimmed = true }
            zeroCount = kept
            total.count += kept
            total.sum += middle * kept
        }
        if total.isTrimmed { (count, sum) = (total.count, total.sum) }
    }
}

/// What is left after trimming, as far as it has been counted.
private struct TrimTotal {
    var count = 0.0
    var sum = 0.0
    var isTrimmed = false
}

/// A cut through a histogram.
private struct Trim {
    let value: Double
    let keepsBelow: Bool
    let isLinear: Bool

    func applied(
        _ buckets: HistogramBuckets, isPositive: Bool, _ total: inout TrimTotal,
        _ bucketAt: (Int) -> HistogramBucket
    ) -> HistogramBuckets {
        var result = HistogramBuckets()
        for (place, index) in buckets.indices.enumerated() {
            let bucket = bucketAt(place)
            let isWhole = keepsBelow ? bucket.upper <= value : bucket.lower >= value
            let isCut = keepsBelow ? bucket.lower < value : bucket.upper > value
            if isWhole {
                total.count += bucket.count
                total.sum += middle(bucket.lower, bucket.upper, isPositive) * bucket.count
                result.append(index, bucket.count)
            } else if isCut {
                let (kept, middle) = cut(bucket, isPositive)
                total.count += kept
                total.sum += middle * kept
                if kept != bucket.count { total.isTrimmed = true }
                result.append(index, kept)
            } else {
                total.isTrimmed = true
            }
        }
        return result
    }

    private func cut(_ bucket: HistogramBucket, _ isPositive: Bool) -> (Double, Double) {
        if bucket.lower == -.infinity { return cutWithoutLower(bucket) }
        if bucket.upper == .infinity {
            if keepsBelow { return (0, bucket.lower) }
            return value >= bucket.lower ? (bucket.count, value) : (0, bucket.lower)
        }
        let below = bucket.count * bucket.fractionBelow(value, isLinear: isLinear)
        return keepsBelow
            ? (below, middle(bucket.lower, value, isPositive))
            : (bucket.count - below, middle(value, bucket.upper, isPositive))
    }

    /// A bucket that begins nowhere is taken to begin at zero when it ends above it.
    private func cutWithoutLower(_ bucket: HistogramBucket) -> (Double, Double) {
        let upper = bucket.upper.isInfinite ? 0 : bucket.upper
        if keepsBelow {
            if value >= bucket.upper { return (bucket.count, 0) }
            if value > 0 && bucket.upper > 0 && bucket.upper != .infinity {
                return (bucket.count * value / bucket.upper, value / 2)
            }
            return bucket.upper <= 0 ? (bucket.count, value) : (0, upper)
        }
        if value <= bucket.lower { return (bucket.count, 0) }
        if value >= 0 && bucket.upper > value && bucket.upper != .infinity {
            return (bucket.count * (1 - value / bucket.upper), (value + bucket.upper) / 2)
        }
        return (0, upper)
    }

    func zero(
        _ bucket: HistogramBucket, hasNegative: Bool, hasPositive: Bool
    ) -> (Double, Double) {
        let upper = hasNegative && !hasPositive ? 0 : bucket.upper
        let lower = hasPositive && !hasNegative ? 0 : bucket.lower
        if value <= lower {
            return keepsBelow ? (0, 0) : (bucket.count, (lower + upper) / 2)
        }
        if value >= upper {
            return keepsBelow ? (bucket.count, (lower + upper) / 2) : (0, 0)
        }
        let below = (value - lower) / (upper - lower)
        return keepsBelow
            ? (bucket.count * below, (lower + value) / 2)
            : (bucket.count * ((upper - value) / (upper - lower)), (value + upper) / 2)
    }

    /// Where the observations of an interval are taken to lie.
    private func middle(_ lower: Double, _ upper: Double, _ isPositive: Bool) -> Double {
        if lower.isInfinite {
            if upper.isInfinite { return 0 }
            return upper > 0 ? upper / 2 : upper
        }
        if upper.isInfinite { return lower }
        if isLinear { return (lower + upper) / 2 }
        let size = (lower * upper).magnitude.squareRoot()
        return isPositive ? size : -size
    }
}
