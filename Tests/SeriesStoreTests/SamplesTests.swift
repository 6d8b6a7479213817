import SeriesStore
import Testing

@Suite struct SamplesTests {
    private let histogram = NativeHistogram(
        count: 3, sum: .nan, positiveSpans: [.init(offset: 1, length: 1)], positiveBuckets: [3])

    @Test func `values are equal by their bits`() {
        #expect(Sample(1, .nan) == Sample(1, .nan))
        #expect(Sample(1, .nan) != Sample(1, StaleMarker.value))
        #expect(Sample(1, 0) != Sample(1, -0.0))
        #expect(StaleMarker.isStale(StaleMarker.value) && !StaleMarker.isStale(.nan))
        #expect(histogram == histogram)
    }

    @Test func `a range of time has both its ends`() {
        let samples = Samples(timestamps: [10, 20, 30], values: [1, 2, 3])
        #expect(samples.clamped(from: 10, to: 30) == samples)
        #expect(samples.clamped(from: 11, to: 29).timestamps == [20])
        #expect(samples.clamped(from: 20, to: .max).timestamps == [20, 30])
        #expect(samples.clamped(from: .min, to: 9).isEmpty)
        #expect(samples.clamped(from: 31, to: .max).isEmpty)
        #expect(samples.clamped(from: 25, to: 15).isEmpty)
    }

    @Test func `histograms stand among plain values`() {
        var samples = Samples()
        samples.append(1, 5)
        #expect(samples.histograms.isEmpty)
        samples.append(2, histogram)
        samples.append(3, 6)
        #expect(samples.histograms == [nil, histogram, nil])
        #expect(samples.clamped(from: 3, to: 3).histograms.isEmpty)

        var others = Samples(timestamps: [4], values: [7])
        others.append(contentsOf: samples[1..<2])
        #expect(others.histograms == [nil, histogram])
        others.append(contentsOf: Samples(timestamps: [5], values: [8]))
        #expect(others.histograms == [nil, histogram, nil])
    }

    @Test func `the stale histogram is found among the values`() {
        var samples = Samples()
        samples.append(1, NativeHistogram.stale)
        #expect(StaleMarker.isStale(samples.values[0]))
    }
}
