/// Buckets of numbers of nearly equal relative width: 64 an octave, cut from the float's own bits.
///
/// A positive float's bucket is its exponent and the six highest bits of its fraction, so buckets
/// ascend with the value and finding one is a shift. The middle of a bucket is within 0.8 % of every
/// value in it. Negative numbers mirror the positive ones; 0 has a bucket of its own, number 0.
enum LogBucket {
    /// Fraction bits below a bucket.
    private static let shift: UInt64 = 46
    /// Buckets an octave.
    static let perOctave = 64

    @inline(__always)
    static func index(_ value: Double) -> Int {
        let bits = value.bitPattern
        let magnitude = Int(truncatingIfNeeded: (bits & 0x7FFF_FFFF_FFFF_FFFF) >> shift) + 1
        if value > 0 { return magnitude }
        return value < 0 ? -magnitude : 0
    }

    /// The bucket's bounds, the one nearer to 0 belonging to it.
    static func bounds(_ index: Int) -> (low: Double, high: Double) {
        if index == 0 { return (0, 0) }
        if index < 0 {
            let (low, high) = bounds(-index)
            return (-high, -low)
        }
        let low = Double(bitPattern: UInt64(index - 1) << shift)
        let high = Double(bitPattern: UInt64(index) << shift)
        return (low, high.isFinite ? high : .greatestFiniteMagnitude)
    }

    static func middle(_ index: Int) -> Double {
        let (low, high) = bounds(index)
        return low + (high - low) / 2
    }
}
