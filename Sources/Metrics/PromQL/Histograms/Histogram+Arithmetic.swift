internal import SeriesStore

/// What became known while two histograms were put together.
struct HistogramCombination {
    /// One is said to follow a reset, the other to follow none.
    var resetsConflict = false
    /// Custom bounds differed, and only those that both have are left.
    var boundsDiffered = false
}

extension Histogram {
    /// One histogram has exponential, the other custom bounds.
    struct IncompatibleBounds: Error {}

    mutating func multiply(by factor: Double) {
        scale { $0 * factor }
        if factor < 0 { counterReset = .gauge }
    }

    mutating func divide(by divisor: Double) {
        scale { $0 / divisor }
        if divisor == 0 {
            positive.removeAll()
            negative.removeAll()
        } else if divisor < 0 {
            counterReset = .gauge
        }
    }

    private mutating func scale(_ change: (Double) -> Double) {
        zeroCount = change(zeroCount)
        count = change(count)
        sum = change(sum)
        positive.scale(change)
        negative.scale(change)
    }

    // MARK: - Adding

    mutating func add(_ other: Histogram) throws(IncompatibleBounds) -> HistogramCombination {
        try combine(other, sign: 1)
    }

    mutating func subtract(_ other: Histogram) throws(IncompatibleBounds) -> HistogramCombination {
        try combine(other, sign: -1)
    }

    private mutating func combine(
        _ other: Histogram, sign: Double
    ) throws(IncompatibleBounds) -> HistogramCombination {
        var other = other
        let combination = try align(&other)
        zeroCount += sign * other.zeroCount
        count += sign * other.count
        sum += sign * other.sum
        positive.add(other.positive, sign: sign)
        negative.add(other.negative, sign: sign)
        return combination
    }

    /// Gives both one kind of buckets: the coarser schema, the wider zero bucket, the bounds they share.
    mutating func align(
        _ other: inout Histogram
    ) throws(IncompatibleBounds) -> HistogramCombination {
        guard usesCustomBounds == other.usesCustomBounds else { throw IncompatibleBounds() }
        var combination = HistogramCombination()
        combination.resetsConflict = adoptReset(other)
        if usesCustomBounds {
            if customBounds != other.customBounds {
                combination.boundsDiffered = true
                let shared = Histogram.shared(customBounds, other.customBounds)
                keepBounds(shared)
                other.keepBounds(shared)
            }
            return combination
        }
        while zeroThreshold != other.zeroThreshold {
            if zeroThreshold > other.zeroThreshold {
                other.widenZeroBucket(to: zeroThreshold)
            } else {
                widenZeroBucket(to: other.zeroThreshold)
            }
        }
        let coarsest = min(schema, other.schema)
        reduce(to: coarsest)
        other.reduce(to: coarsest)
        return combination
    }

    /// What is known of resets of the two together; true when they contradict.
    private mutating func adoptReset(_ other: Histogram) -> Bool {
        if other.counterReset == counterReset || isGauge { return false }
        if other.isGauge {
            counterReset = .gauge
        } else if counterReset != .unknown {
            let conflicts = other.counterReset != .unknown
            counterReset = .unknown
            return conflicts
        }
        return false
    }

    /// Puts buckets together so that they are those of a coarser schema.
    mutating func reduce(to target: Int32) {
        guard target < schema, !usesCustomBounds else { return }
        let shift = schema &- target
        positive = positive.mapped { (($0 &- 1) >> shift) &+ 1 }
        negative = negative.mapped { (($0 &- 1) >> shift) &+ 1 }
        schema = target
    }

    // MARK: - Zero bucket

    /// Widens the zero bucket to at least `threshold`, and to the end of a bucket it would cut.
    mutating func widenZeroBucket(to threshold: Double) {
        guard threshold > zeroThreshold else { return }
        let (count, reached) = zeroCounts(upTo: threshold)
        zeroCount = count
        zeroThreshold = reached
        let schema = schema
        positive.filter { Histogram.exponentialBound($0 &- 1, schema) >= reached }
        negative.filter { Histogram.exponentialBound($0 &- 1, schema) >= reached }
    }

    /// What a zero bucket of at least this threshold would hold, and its threshold.
    func zeroCounts(upTo threshold: Double) -> (count: Double, threshold: Double) {
        var reached = threshold
        var isMoving = true
        while isMoving {
            isMoving = false
            for index in positive.indices + negative.indices
            where bound(index &- 1) < reached && bound(index) > reached {
                reached = bound(index)
                isMoving = true
            }
        }
        var sum = CompensatedSum(zeroCount)
        for buckets in [positive, negative] {
            for (place, index) in buckets.indices.enumerated() where bound(index &- 1) < reached {
                sum.add(buckets.counts[place])
            }
        }
        return (sum.total, reached)
    }

    // MARK: - Custom bounds

    private static func shared(_ left: [Double], _ right: [Double]) -> [Double] {
        var result: [Double] = []
        var (mine, others) = (0, 0)
        while mine < left.count && others < right.count {
            if left[mine] == right[others] {
                result.append(left[mine])
                mine += 1
                others += 1
            } else if left[mine] < right[others] {
                mine += 1
            } else {
                others += 1
            }
        }
        return result
    }

    /// Puts buckets together so that only these bounds are left, all of which it has.
    private mutating func keepBounds(_ bounds: [Double]) {
        let old = customBounds
        positive = positive.mapped { index in
            guard index < old.count, index >= 0 else { return Int32(bounds.count) }
            let place = bounds.firstIndex { $0 >= old[Int(index)] }
            return Int32(place ?? bounds.count)
        }
        customBounds = bounds
    }

    // MARK: - Resets

    /// Whether it cannot follow `previous` without the counters having begun anew.
    func isReset(after previous: Histogram) -> Bool {
        if counterReset == .reset { return true }
        if counterReset == .notReset { return false }
        if count < previous.count { return true }
        if usesCustomBounds {
            if !previous.usesCustomBounds { return true }
            if customBounds != previous.customBounds {
                let shared = Histogram.shared(customBounds, previous.customBounds)
                var (mine, before) = (self, previous)
                mine.keepBounds(shared)
                before.keepBounds(shared)
                return Histogram.shrinks(mine.positive, from: before.positive)
            }
        }
        if schema > previous.schema || zeroThreshold < previous.zeroThreshold { return true }
        if !usesCustomBounds {
            let zero = previous.zeroCounts(upTo: zeroThreshold)
            if zero.threshold != zeroThreshold || zeroCount < zero.count { return true }
        }
        var before = previous
        before.reduce(to: schema)
        let (mine, threshold) = (self, zeroThreshold)
        if !usesCustomBounds {
            before.positive.filter { mine.bound($0) > threshold }
            before.negative.filter { mine.bound($0) > threshold }
        }
        return Histogram.shrinks(positive, from: before.positive)
            || Histogram.shrinks(negative, from: before.negative)
    }

    /// Whether a bucket holds less than it did.
    private static func shrinks(_ now: HistogramBuckets, from before: HistogramBuckets) -> Bool {
        var place = 0
        for (old, index) in before.indices.enumerated() {
            while place < now.indices.count && now.indices[place] < index { place += 1 }
            guard place < now.indices.count, now.indices[place] == index else { return true }
            if now.counts[place] < before.counts[old] { return true }
        }
        return false
    }
}
