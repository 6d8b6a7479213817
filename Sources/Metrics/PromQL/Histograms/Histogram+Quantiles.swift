internal import CKernels

extension Histogram {
    /// What the estimate of a quantile was worked out from besides buckets.
    enum ObservationsOfNaN {
        case none
        /// They would be above all buckets, and the quantile lies there.
        case resultIsNaN
        /// They are above all buckets, so that the quantile is higher than without them.
        case skewed
    }

    /// The value below which a share `q` of all observations lies.
    func quantile(_ q: Double) -> (value: Double, observations: ObservationsOfNaN) {
        if q < 0 { return (-.infinity, .none) }
        if q > 1 { return (.infinity, .none) }
        if count == 0 || q.isNaN { return (.nan, .none) }
        let buckets = ascendingBuckets
        // From the nearer end, unless observations of NaN have made that end unknown.
        let isAscending = sum.isNaN || q < 0.5
        var rank = isAscending ? q * count : (1 - q) * count
        var seen = 0.0
        var bucket = HistogramBucket(
            lower: 0, upper: 0, includesLower: false, includesUpper: false, count: 0)
        var place = isAscending ? 0 : buckets.count - 1
        while place >= 0 && place < buckets.count {
            bucket = buckets[place]
            seen += bucket.count
            place += isAscending ? 1 : -1
            if seen >= rank { break }
        }
        if let edge = narrow(&bucket) { return (edge, .none) }
        seen = min(seen, count)
        if seen < rank { return sum.isNaN ? (.nan, .resultIsNaN) : (bucket.upper, .none) }
        rank = isAscending ? rank - (seen - bucket.count) : seen - rank
        var observations = ObservationsOfNaN.none
        if sum.isNaN {
            for next in buckets[min(place, buckets.count)...] { seen += next.count }
            if seen < count { observations = .skewed }
        }
        return (interpolated(bucket, rank / bucket.count), observations)
    }

    /// Takes from a bucket around zero the side where nothing is known to be.
    ///
    /// - Returns: the value itself, where a bucket without an end leaves but one.
    private func narrow(_ bucket: inout HistogramBucket) -> Double? {
        guard usesCustomBounds else {
            if bucket.lower < 0 && bucket.upper > 0 {
                if negative.isEmpty && !positive.isEmpty { bucket.lower = 0 }
                if positive.isEmpty && !negative.isEmpty { bucket.upper = 0 }
            }
            return nil
        }
        if bucket.lower == -.infinity {
            if bucket.upper <= 0 { return bucket.upper }
            bucket.lower = 0
        } else if bucket.upper == .infinity {
            return bucket.lower
        }
        return nil
    }

    private func interpolated(_ bucket: HistogramBucket, _ fraction: Double) -> Double {
        if usesCustomBounds || bucket.lower <= 0 && bucket.upper >= 0 {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction
        }
        let logLower = wf_log2(bucket.lower.magnitude)
        let logUpper = wf_log2(bucket.upper.magnitude)
        if bucket.lower > 0 { return wf_exp2(logLower + (logUpper - logLower) * fraction) }
        return -wf_exp2(logUpper + (logLower - logUpper) * (1 - fraction))
    }

    /// The share of observations between two values.
    ///
    /// - Returns: also whether observations of NaN are outside of every share.
    func fraction(from lower: Double, to upper: Double) -> (value: Double, hasNaN: Bool) {
        if count == 0 || lower.isNaN || upper.isNaN { return (.nan, false) }
        if lower >= upper { return (0, false) }
        let buckets = ascendingBuckets
        let seen = sum.isNaN ? buckets.reduce(0) { $0 + $1.count } : count
        let above = rank(of: upper, in: buckets).map { min($0, seen) } ?? seen
        let below = rank(of: lower, in: buckets).map { min($0, seen) } ?? seen
        return ((above - below) / count, sum.isNaN && seen < count)
    }

    /// Observations below a value; nil when it is above all buckets.
    private func rank(of value: Double, in buckets: [HistogramBucket]) -> Double? {
        var rank = 0.0
        for var bucket in buckets {
            let isAroundZero = bucket.lower <= 0 && bucket.upper >= 0
            if isAroundZero {
                if negative.isEmpty && !positive.isEmpty { bucket.lower = 0 }
                if positive.isEmpty && !negative.isEmpty { bucket.upper = 0 }
            }
            if bucket.lower >= value { return rank }
            if bucket.upper > value {
                let isLinear = usesCustomBounds || isAroundZero
                if isLinear && bucket.lower == -.infinity { return bucket.count }
                return rank
                    + bucket.count * bucket.fractionBelow(value, isLinear: isLinear)
            }
            rank += bucket.count
        }
        return nil
    }

    /// How far observations lie from their mean, squared.
    var variance: Double {
        let mean = sum / count
        var total = CompensatedSum()
        for bucket in ascendingBuckets {
            let value: Double
            if usesCustomBounds {
                value = (bucket.upper + bucket.lower) / 2
            } else if bucket.lower <= 0 && bucket.upper >= 0 {
                value = 0
            } else {
                let size = (bucket.upper * bucket.lower).squareRoot()
                value = bucket.upper < 0 ? -size : size
            }
            let delta = value - mean
            total.add(bucket.count * delta * delta)
        }
        return (total.value + total.compensation) / count
    }
}
