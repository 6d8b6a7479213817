internal import CKernels

/// How likely it is that so many of some events are bad by chance alone.
enum BinomialTail {
    /// Terms that are added up at most: far more than matter where the answer is small.
    private static let terms = 100_000.0

    /// The probability of at least `bad` of `total` events when each is bad with `share`.
    ///
    /// 1 when there are no more than are to be expected, for then nothing is surprising. Weighted events
    /// are rounded to whole ones. From 0 to 1, to nine digits.
    static func probability(bad: Double, total: Double, share: Double) -> Double {
        let (bad, total) = (bad.rounded(), total.rounded())
        guard bad > 0, bad <= total, share < 1, bad > total * share else { return 1 }
        guard share > 0 else { return 0 }
        let ways = logFactorial(total) - logFactorial(bad) - logFactorial(total - bad)
        var term = wf_exp(ways + bad * wf_log(share) + (total - bad) * wf_log(1 - share))
        var sum = 0.0
        var count = bad
        // Above the mean each term is less than the one before.
        let last = min(total, bad + terms)
        while count <= last && term > sum * 1e-12 {
            sum += term
            term *= (total - count) / (count + 1) * share / (1 - share)
            count += 1
        }
        return min(1, sum)
    }

    /// The largest share of bad events with which at least `bad` of `total` are no likelier than `chance`:
    /// the lower limit of Clopper and Pearson's interval.
    static func lowestShare(bad: Double, total: Double, chance: Double) -> Double {
        guard bad.rounded() > 0, total > 0 else { return 0 }
        var (low, high) = (0.0, min(1, bad / total))
        for _ in 0..<halvings {
            if high - low < high * 1e-6 { break }
            let middle = (low + high) / 2
            if probability(bad: bad, total: total, share: middle) < chance {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    /// Enough for a share of one of 2⁶⁰ events.
    private static let halvings = 80

    /// The natural logarithm of n!, by Stirling's series from 16 on; to twelve digits.
    private static func logFactorial(_ n: Double) -> Double {
        if n < 16 {
            var product = 1.0
            var factor = 2.0
            while factor <= n {
                product *= factor
                factor += 1
            }
            return wf_log(product)
        }
        let inverse = 1 / n
        let square = inverse * inverse
        let series =
            inverse * (1 / 12.0 - square * (1 / 360.0 - square * (1 / 1260.0 - square / 1680)))
        return n * wf_log(n) - n + 0.5 * wf_log(2 * Double.pi * n) + series
    }
}
