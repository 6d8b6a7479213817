/// The buckets of one side of a histogram: those that hold something.
///
/// `indices`, `counts` and, when they are kept, `compensations` have one length; indices ascend.
struct HistogramBuckets: Hashable, Sendable {
    private(set) var indices: [Int32] = []
    private(set) var counts: [Double] = []
    /// What rounding took from `counts`; empty when nobody keeps account of it.
    private(set) var compensations: [Double] = []

    var isEmpty: Bool { indices.isEmpty }

    /// Adds a bucket above all others; empty ones are left out.
    mutating func append(_ index: Int32, _ count: Double) {
        if count == 0 { return }
        indices.append(index)
        counts.append(count)
    }

    /// All counts times a factor.
    mutating func scale(_ change: (Double) -> Double) {
        for place in counts.indices { counts[place] = change(counts[place]) }
        for place in compensations.indices { compensations[place] = change(compensations[place]) }
    }

    mutating func removeAll() { self = HistogramBuckets() }

    /// Leaves out what `isKept` does not want.
    mutating func filter(_ isKept: (Int32) -> Bool) {
        var kept = HistogramBuckets()
        for (place, index) in indices.enumerated() where isKept(index) {
            kept.indices.append(index)
            kept.counts.append(counts[place])
            if !compensations.isEmpty { kept.compensations.append(compensations[place]) }
        }
        self = kept
    }

    /// The buckets put together where `index` gives them one place; it must not descend.
    func mapped(_ index: (Int32) -> Int32) -> HistogramBuckets {
        var result = HistogramBuckets()
        for (place, old) in indices.enumerated() {
            let new = index(old)
            let compensation = compensations.isEmpty ? 0 : compensations[place]
            guard result.indices.last == new, let last = result.counts.indices.last else {
                result.indices.append(new)
                result.counts.append(counts[place])
                if !compensations.isEmpty { result.compensations.append(compensation) }
                continue
            }
            if compensations.isEmpty {
                result.counts[last] += counts[place]
            } else {
                var sum = CompensatedSum(
                    result.counts[last], compensation: result.compensations[last])
                sum.add(counts[place])
                sum.add(compensation)
                result.counts[last] = sum.value
                result.compensations[last] = sum.compensation
            }
        }
        return result
    }

    /// Adds counts bucket by bucket.
    ///
    /// - Parameter sign: -1 to subtract.
    mutating func add(_ other: HistogramBuckets, sign: Double = 1) {
        merge(other, sign: sign, isCompensated: false)
    }

    /// Adds counts bucket by bucket and keeps account of what rounding takes.
    mutating func addCompensated(_ other: HistogramBuckets) {
        merge(other, sign: 1, isCompensated: true)
    }

    private mutating func merge(_ other: HistogramBuckets, sign: Double, isCompensated: Bool) {
        var result = HistogramBuckets()
        result.indices.reserveCapacity(indices.count + other.indices.count)
        result.counts.reserveCapacity(indices.count + other.indices.count)
        var (mine, others) = (0, 0)
        while mine < indices.count || others < other.indices.count {
            let left = mine < indices.count ? indices[mine] : .max
            let right = others < other.indices.count ? other.indices[others] : .max
            var sum = CompensatedSum()
            if left <= right {
                sum.value = counts[mine]
                if !compensations.isEmpty { sum.compensation = compensations[mine] }
                mine += 1
            }
            if right <= left {
                let term = sign * other.counts[others]
                if !isCompensated { sum.value += term } else { sum.add(term) }
                others += 1
            }
            if sum.value == 0 && (sum.compensation == 0 || !isCompensated) { continue }
            result.indices.append(min(left, right))
            result.counts.append(sum.value)
            if isCompensated { result.compensations.append(sum.compensation) }
        }
        self = result
    }

    /// The counts with what rounding took from them.
    var settled: HistogramBuckets {
        if compensations.isEmpty { return self }
        var result = HistogramBuckets()
        for (place, index) in indices.enumerated() {
            result.append(index, counts[place] + compensations[place])
        }
        return result
    }

    var hasInfinite: Bool { counts.contains { $0.isInfinite } }
}
