import Bytes
import TestSupport
import Testing

@testable import SeriesStore

@Suite struct ChunkTests {
    private func chunk(_ samples: Samples) -> [UInt8] {
        if let first = samples.histograms.first ?? nil {
            var builder = HistogramChunkBuilder(samples.timestamps[0], first)
            for place in 1..<samples.count {
                builder.append(
                    samples.timestamps[place], samples.histograms[place] ?? NativeHistogram())
            }
            return builder.encoded()
        }
        var builder = FloatChunkBuilder(samples.timestamps[0], samples.values[0])
        for place in 1..<samples.count {
            builder.append(samples.timestamps[place], samples.values[place])
        }
        return builder.encoded()
    }

    private func decoded(_ bytes: [UInt8]) throws -> Samples {
        var samples = Samples()
        try Chunk.decode(bytes[...], into: &samples)
        return samples
    }

    @Test(arguments: 1...200)
    func `a chunk of floats holds every bit, as the bit by bit reader says too`(seed: UInt64) throws
    {
        var generator = SampleGenerator(seed: seed)
        let samples = generator.samples(seed % 7 == 0 ? 1_024 : 1 + Int(seed) * 3)
        let bytes = chunk(samples)
        #expect(try decoded(bytes) == samples, "seed \(seed)")
        let reference = try ReferenceChunk.samples(bytes)
        #expect(reference == zip(samples.timestamps, samples.values).map { Sample($0, $1) })
    }

    @Test(arguments: 1...100)
    func `a chunk of histograms holds every bit`(seed: UInt64) throws {
        var generator = SampleGenerator(seed: seed)
        let samples = generator.histograms(1 + Int(seed))
        #expect(samples.histograms.allSatisfy { $0?.flaw == nil })
        #expect(try decoded(chunk(samples)) == samples, "seed \(seed)")
    }

    @Test func `timestamps from one end of time to the other are held`() throws {
        let samples = Samples(
            timestamps: [.min, .min + 1, -1, 0, 1, 5_000, .max - 1, .max],
            values: [Double](repeating: 1, count: 8))
        #expect(try decoded(chunk(samples)) == samples)
    }

    @Test func `a series that keeps its step and value takes no room for a sample`() throws {
        let samples = Samples(
            timestamps: (0..<1_024).map { 1_773_144_000_000 + $0 * 10_000 },
            values: [Double](repeating: 42, count: 1_024))
        #expect(chunk(samples).count < 20)
        #expect(try decoded(chunk(samples)) == samples)
    }

    @Test(arguments: 0..<6)
    func `damaged bytes are an error or samples, never a trap`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var generator = SampleGenerator(seed: seed)
        let samples = seed % 2 == 0 ? generator.samples(80) : generator.histograms(12)
        let bytes = chunk(samples)
        for length in 0..<bytes.count { _ = try? decoded(Array(bytes[..<length])) }
        for place in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[place] ^= 1 << UInt8(bit)
                guard let found = try? decoded(damaged) else { continue }
                #expect(found.timestamps == found.timestamps.sorted())
                #expect(found.values.count == found.count)
            }
        }
        for _ in 0..<2_000 {
            var noise = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            if !noise.isEmpty { noise[0] &= 1 }
            _ = try? decoded(noise)
        }
    }

    @Test func `a chunk must follow the one before`() throws {
        let bytes = chunk(Samples(timestamps: [10, 20], values: [1, 2]))
        var samples = Samples(timestamps: [10], values: [0])
        #expect(throws: DecodeError.self) { try Chunk.decode(bytes[...], into: &samples) }
    }

    @Test func `a histogram whose spans and buckets differ is found`() {
        #expect(NativeHistogram(positiveBuckets: [1]).flaw != nil)
        #expect(NativeHistogram(schema: 9).flaw != nil)
        #expect(NativeHistogram(positiveSpans: [.init(offset: 0, length: .max)]).flaw != nil)
        #expect(NativeHistogram.stale.flaw == nil)
    }
}
