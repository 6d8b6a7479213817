internal import CKernels

/// An exponential histogram as OpenTelemetry defines it, of at most 160 buckets on each side of zero.
///
/// Bucket `i` of scale `s` holds values in (b^i, b^(i+1)] for b = 2^(2^-s), and the mirror image for
/// negative ones; zeros have a bucket of their own. The scale begins at 8, the finest that
/// Prometheus's native histograms have, and is halved in resolution until the buckets suffice. Buckets
/// of a coarser scale are unions of those of a finer one, and the scale depends on the smallest and
/// largest magnitudes alone: so the order in which values and histograms are added does not matter.
public struct ExponentialCounts: Hashable, Sendable {
    /// Buckets side by side.
    public struct Side: Hashable, Sendable {
        /// The index of the first bucket.
        public private(set) var offset = 0
        /// One a bucket, at most `bucketsMax`; the first and the last are not 0.
        public private(set) var counts: [UInt64] = []

        var isEmpty: Bool { counts.isEmpty }
        var last: Int { offset + counts.count - 1 }

        /// The number of values.
        public var total: UInt64 { counts.reduce(0, &+) }
    }

    public static let bucketsMax = 160
    /// The finest scale: 256 buckets an octave.
    public static let scaleMax = 8
    /// At this scale 160 buckets hold all floats.
    private static let scaleMin = -4

    public private(set) var scale = ExponentialCounts.scaleMax
    public private(set) var zeroCount: UInt64 = 0
    public private(set) var positive = Side()
    public private(set) var negative = Side()

    public init() {}

    /// Takes counts by the index of their buckets at a scale, up to `scaleMax`; in coarser buckets when
    /// they are further apart than the bound.
    public init(
        scale: Int, zeroCount: UInt64, positive: [(index: Int, count: UInt64)],
        negative: [(index: Int, count: UInt64)]
    ) {
        self.scale = min(max(scale, ExponentialCounts.scaleMin), ExponentialCounts.scaleMax)
        self.zeroCount = zeroCount
        let steps = ExponentialCounts.scaleMax - self.scale
        for (side, buckets) in [(\Self.positive, positive), (\Self.negative, negative)] {
            for (index, count) in buckets where count > 0 {
                add(count, atFinest: index << steps, to: side)
            }
        }
    }

    public var count: UInt64 { zeroCount &+ positive.total &+ negative.total }

    // MARK: - Adding

    /// Counts a finite number so many times.
    public mutating func add(_ value: Double, count: UInt64 = 1) {
        if count == 0 { return }
        if value == 0 {
            zeroCount &+= count
            return
        }
        let finest = ExponentialCounts.index(value.magnitude)
        add(count, atFinest: finest, to: value > 0 ? \.positive : \.negative)
    }

    private mutating func add(
        _ count: UInt64, atFinest finest: Int, to side: WritableKeyPath<Self, Side>
    ) {
        var index = finest >> (ExponentialCounts.scaleMax - scale)
        while !self[keyPath: side].fits(index...index) {
            reduceScale(by: 1)
            index >>= 1
        }
        self[keyPath: side].add(count, at: index)
    }

    /// Adds what another histogram counted.
    public mutating func add(_ other: ExponentialCounts) {
        var other = other
        reduceScale(by: max(0, scale - other.scale))
        other.reduceScale(by: max(0, other.scale - scale))
        while !positive.fits(other.positive) || !negative.fits(other.negative) {
            reduceScale(by: 1)
            other.reduceScale(by: 1)
        }
        zeroCount &+= other.zeroCount
        positive.add(other.positive)
        negative.add(other.negative)
    }

    /// The same values in buckets that are 2^steps times as wide.
    public mutating func reduceScale(by steps: Int) {
        precondition(
            scale - steps >= ExponentialCounts.scaleMin, "BUG: buckets wider than all numbers")
        if steps <= 0 { return }
        scale -= steps
        positive.widen(by: steps)
        negative.widen(by: steps)
    }

    // MARK: - Buckets

    /// The bucket of a magnitude above 0 at the finest scale.
    static func index(_ magnitude: Double) -> Int {
        // Exact where a logarithm would be off by a rounding: the bounds within one octave are known.
        let fraction = magnitude.significand
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < fraction { low = middle + 1 } else { high = middle }
        }
        return Int(magnitude.exponent) << scaleMax + low - 1
    }

    /// Where the buckets of the octave from 1 on begin, at the finest scale.
    private static let bounds: [Double] = (0..<1 << scaleMax).map {
        wf_exp2(Double($0) / Double(1 << scaleMax))
    }

    /// The upper bound of a bucket; infinite beyond the largest float.
    public static func upperBound(ofBucket index: Int, scale: Int) -> Double {
        let next = index + 1
        if scale <= 0 { return scaled(1, byOctaves: next << -scale) }
        let octave = next >> scale
        let place = (next - octave << scale) << (scaleMax - scale)
        return scaled(bounds[place], byOctaves: octave)
    }

    private static func scaled(_ number: Double, byOctaves octaves: Int) -> Double {
        wf_ldexp(number, Int32(clamping: octaves))
    }
}

extension ExponentialCounts.Side {
    /// Whether the bound of buckets is kept with these ones too.
    fileprivate func fits(_ range: ClosedRange<Int>) -> Bool {
        let first = isEmpty ? range.lowerBound : min(offset, range.lowerBound)
        let end = isEmpty ? range.upperBound : max(last, range.upperBound)
        return end - first < ExponentialCounts.bucketsMax
    }

    fileprivate func fits(_ other: Self) -> Bool {
        other.isEmpty || fits(other.offset...other.last)
    }

    fileprivate mutating func add(_ count: UInt64, at index: Int) {
        makeRoom(for: index...index)
        counts[index - offset] &+= count
    }

    fileprivate mutating func add(_ other: Self) {
        if other.isEmpty { return }
        makeRoom(for: other.offset...other.last)
        for (place, count) in other.counts.enumerated() {
            counts[other.offset - offset + place] &+= count
        }
    }

    private mutating func makeRoom(for range: ClosedRange<Int>) {
        if isEmpty {
            offset = range.lowerBound
            counts = [UInt64](repeating: 0, count: range.count)
            return
        }
        if range.lowerBound < offset {
            counts.insert(contentsOf: repeatElement(0, count: offset - range.lowerBound), at: 0)
            offset = range.lowerBound
        }
        if range.upperBound > last {
            counts.append(contentsOf: repeatElement(0, count: range.upperBound - last))
        }
    }

    fileprivate mutating func widen(by steps: Int) {
        if isEmpty { return }
        let first = offset >> steps
        var wider = [UInt64](repeating: 0, count: last >> steps - first + 1)
        for (place, count) in counts.enumerated() {
            wider[(offset + place) >> steps - first] &+= count
        }
        (offset, counts) = (first, wider)
    }
}
