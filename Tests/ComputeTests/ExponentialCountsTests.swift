@testable import Compute
import TestSupport
import Testing

/// Exponential histograms, against what OpenTelemetry says of them.
@Suite struct ExponentialCountsTests {
    private func counts(_ values: some Sequence<Double>) -> ExponentialCounts {
        values.reduce(into: ExponentialCounts()) { $0.add($1) }
    }

    @Test func `every value lies in its bucket, bounds belonging to the lower one`() {
        var random = SeededRandom(seed: 1)
        var values = (-1022...1023).map { Double(sign: .plus, exponent: $0, significand: 1) }
        values += values.map(\.nextUp) + values.dropFirst().map(\.nextDown)
        values += (0..<2000).map { _ in
            Double(
                sign: .plus, exponent: Int.random(in: -30...30, using: &random),
                significand: Double.random(in: 1..<2, using: &random))
        }
        for value in values {
            for scale in -4...ExponentialCounts.scaleMax {
                var one = counts([value])
                one.reduceScale(by: one.scale - scale)
                let index = one.positive.offset
                let (low, high) = (
                    ExponentialCounts.upperBound(ofBucket: index - 1, scale: scale),
                    ExponentialCounts.upperBound(ofBucket: index, scale: scale)
                )
                #expect(low < value && value <= high, "\(value) at scale \(scale)")
            }
        }
    }

    @Test func `a power of two is the upper bound of its bucket`() {
        #expect(counts([1]).positive.offset == -1)
        #expect(counts([1.nextUp]).positive.offset == 0)
        #expect(counts([2]).positive.offset == 255)
        #expect(ExponentialCounts.upperBound(ofBucket: 3, scale: 2) == 2)
        #expect(ExponentialCounts.upperBound(ofBucket: -2, scale: -1) == 0.25)
    }

    @Test(arguments: [UInt64](0..<20))
    func `the order of values and of merges does not matter`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let reach = Int.random(in: 0...60, using: &random)
        let values = (0..<200).map { _ -> Double in
            if random.chance(1, in: 10) { return 0 }
            return Double(
                sign: random.chance(1, in: 4) ? .minus : .plus,
                exponent: Int.random(in: -reach...reach, using: &random),
                significand: Double.random(in: 1..<2, using: &random))
        }
        let whole = counts(values)
        #expect(whole.count == 200)
        #expect(whole == counts(values.shuffled(using: &random)))
        var parts = stride(from: 0, to: 200, by: 40).map { counts(values[$0..<$0 + 40]) }
        parts.shuffle(using: &random)
        #expect(whole == parts.reduce(into: ExponentialCounts()) { $0.add($1) })
        let sides = [whole.positive.counts, whole.negative.counts]
        #expect(sides.allSatisfy { $0.count <= ExponentialCounts.bucketsMax })
        // The scale is no coarser than it must be.
        var finest = ExponentialCounts.scaleMax
        for side in [values.filter { $0 > 0 }, values.filter { $0 < 0 }.map(\.magnitude)] {
            guard let low = side.min(), let high = side.max() else { continue }
            var (first, last) = (ExponentialCounts.index(low), ExponentialCounts.index(high))
            var scale = ExponentialCounts.scaleMax
            while last - first >= ExponentialCounts.bucketsMax {
                (first, last, scale) = (first >> 1, last >> 1, scale - 1)
            }
            finest = min(finest, scale)
        }
        #expect(whole.scale == finest)
    }

    @Test func `from a millisecond to a hundred seconds buckets are within 4,4 percent`() {
        let counts = counts([1, 100_000])
        let low = ExponentialCounts.upperBound(ofBucket: 0, scale: counts.scale)
        let high = ExponentialCounts.upperBound(ofBucket: 1, scale: counts.scale)
        #expect((high - low) / (high + low) <= 0.044)
    }

    @Test func `all numbers there are fit`() {
        let most = Double.greatestFiniteMagnitude
        let counts = counts([most, .leastNonzeroMagnitude, -most, -.leastNonzeroMagnitude])
        #expect(counts.scale == -4)
        #expect(counts.count == 4)
    }
}
