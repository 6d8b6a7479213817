/// A histogram whose buckets are series of their own, each counting all up to its bound.
struct ClassicHistogram {
    struct Bucket {
        let upper: Double
        var count: Double
    }

    /// What had to be changed so that counts ascend.
    struct Repair {
        var lowest = Double.infinity
        var highest = -Double.infinity
        var largestDifference = 0.0
    }

    private var buckets: [Bucket]

    init(_ buckets: [Bucket]) { self.buckets = buckets.sorted { $0.upper < $1.upper } }

    private var hasInfinite: Bool { buckets.last?.upper == .infinity }

    /// The value below which a share `q` of all observations lies, and whether counts did not ascend.
    mutating func quantile(_ q: Double) -> (value: Double, repair: Repair?) {
        if q.isNaN { return (.nan, nil) }
        if q < 0 { return (-.infinity, nil) }
        if q > 1 { return (.infinity, nil) }
        guard hasInfinite else { return (.nan, nil) }
        coalesce()
        let repair = makeAscending()
        guard buckets.count >= 2, let total = buckets.last?.count, total != 0 else {
            return (.nan, repair)
        }
        var rank = q * total
        let last = buckets.count - 1
        let place = buckets[..<last].firstIndex { $0.count >= rank } ?? last
        if place == last { return (buckets[last - 1].upper, repair) }
        if place == 0 && buckets[0].upper <= 0 { return (buckets[0].upper, repair) }
        var start = 0.0
        var count = buckets[place].count
        if place > 0 {
            start = buckets[place - 1].upper
            count -= buckets[place - 1].count
            rank -= buckets[place - 1].count
        }
        return (start + (buckets[place].upper - start) * (rank / count), repair)
    }

    /// The share of observations between two values.
    mutating func fraction(from lower: Double, to upper: Double) -> Double {
        guard hasInfinite else { return .nan }
        coalesce()
        guard let total = buckets.last?.count, total != 0, !lower.isNaN, !upper.isNaN else {
            return .nan
        }
        if lower >= upper { return 0 }
        let above = rank(of: upper).map { min($0, total) } ?? total
        let below = rank(of: lower).map { min($0, total) } ?? total
        return (above - below) / total
    }

    private func rank(of value: Double) -> Double? {
        var rank = 0.0
        var lower = buckets[0].upper <= 0 ? -Double.infinity : 0
        for bucket in buckets {
            if lower >= value { return rank }
            if bucket.upper > value {
                if lower == -.infinity { return bucket.count }
                return rank
                    + (bucket.count - rank) * (value - lower) / (bucket.upper - lower)
            }
            rank = bucket.count
            lower = bucket.upper
        }
        return nil
    }

    /// Buckets with one bound, which are written differently, count together.
    private mutating func coalesce() {
        var result: [Bucket] = []
        for bucket in buckets {
            if let last = result.indices.last, result[last].upper == bucket.upper {
                result[last].count += bucket.count
            } else {
                result.append(bucket)
            }
        }
        buckets = result
    }

    /// Lifts counts that are below the one before; a difference that rounding makes is no news.
    private mutating func makeAscending() -> Repair? {
        var repair = Repair()
        var isRepaired = false
        var before = buckets[0].count
        for place in buckets.indices.dropFirst() {
            let count = buckets[place].count
            if count == before { continue }
            let difference = (before - count).magnitude
            if difference / (before.magnitude + count.magnitude) < 1e-12 {
                buckets[place].count = before
            } else if count < before {
                buckets[place].count = before
                isRepaired = true
                repair.lowest = min(repair.lowest, buckets[place].upper)
                repair.highest = max(repair.highest, buckets[place].upper)
                repair.largestDifference = max(repair.largestDifference, difference)
            } else {
                before = count
            }
        }
        return isRepaired ? repair : nil
    }
}
