import SeriesStore
import TestSupport

/// Series of many shapes from a seed.
struct SampleGenerator {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// Floats whose bits are of every kind.
    private static let odd: [Double] = [
        0, -0.0, 1, -1, .infinity, -.infinity, .nan, StaleMarker.value, .signalingNaN, -.nan,
        .leastNonzeroMagnitude, .greatestFiniteMagnitude, .ulpOfOne, 0.1, 1e300,
    ]

    mutating func samples(_ count: Int, after start: Int64 = 0) -> Samples {
        var samples = Samples()
        let shape = Int.random(in: 0..<6, using: &random)
        let grid = random.chance(1, in: 2)
        var (time, value) = (start, 0.0)
        for _ in 0..<count {
            time += grid && !random.chance(1, in: 20) ? 10_000 : step()
            value = next(value, shape)
            samples.append(time, value)
        }
        return samples
    }

    private mutating func step() -> Int64 {
        let width = Int64.random(in: 0..<44, using: &random)
        return Int64.random(in: 1...(1 << width), using: &random)
    }

    private mutating func next(_ value: Double, _ shape: Int) -> Double {
        switch shape {
        case 0: value
        case 1: value + Double(Int.random(in: 0..<50, using: &random))
        case 2: Double(Int.random(in: -1_000..<1_000, using: &random)) / 100
        case 3: Double(bitPattern: random.next())
        case 4: SampleGenerator.odd.randomElement(using: &random) ?? 0
        default: random.chance(4, in: 5) ? value : Double.random(in: 0..<1, using: &random)
        }
    }

    /// A histogram whose buckets are often those of the one before.
    mutating func histogram(after last: NativeHistogram?) -> NativeHistogram {
        var next = last ?? NativeHistogram()
        if last == nil || random.chance(1, in: 5) { next = layout() }
        if random.chance(1, in: 4) {
            next.counterReset = .init(rawValue: UInt8.random(in: 0..<4, using: &random)) ?? .unknown
        }
        let isWhole = !random.chance(1, in: 6)
        func grown(_ count: Double, _ random: inout SeededRandom) -> Double {
            if random.chance(1, in: 40) {
                return SampleGenerator.odd.randomElement(using: &random) ?? 0
            }
            let change = Double(Int.random(in: -2..<200, using: &random))
            return random.chance(1, in: 2) ? count : count + (isWhole ? change : change / 7)
        }
        next.count = grown(next.count, &random)
        next.zeroCount = grown(next.zeroCount, &random)
        next.sum = grown(next.sum, &random)
        next.positiveBuckets = next.positiveBuckets.map { grown($0, &random) }
        next.negativeBuckets = next.negativeBuckets.map { grown($0, &random) }
        return next
    }

    private mutating func layout() -> NativeHistogram {
        var next = NativeHistogram()
        if random.chance(1, in: 8) { return .stale }
        next.schema = random.chance(1, in: 5) ? -53 : Int32.random(in: -4...8, using: &random)
        if next.usesCustomBounds { next.customBounds = [-1, 0.5, 1, 1e9] }
        next.zeroThreshold = random.chance(1, in: 2) ? 0 : 0x1p-128
        func spans(_ random: inout SeededRandom) -> [NativeHistogram.Span] {
            (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                .init(
                    offset: Int32.random(in: -9..<300, using: &random),
                    length: UInt32.random(in: 0..<6, using: &random))
            }
        }
        next.positiveSpans = spans(&random)
        next.negativeSpans = spans(&random)
        let sizes = [next.positiveSpans, next.negativeSpans].map { $0.reduce(0) { $0 + $1.length } }
        next.positiveBuckets = [Double](repeating: 0, count: Int(sizes[0]))
        next.negativeBuckets = [Double](repeating: 0, count: Int(sizes[1]))
        return next
    }

    mutating func histograms(_ count: Int, after start: Int64 = 0) -> Samples {
        var samples = Samples()
        var time = start
        var last: NativeHistogram?
        for _ in 0..<count {
            time += random.chance(1, in: 10) ? step() : 10_000
            let histogram = histogram(after: last)
            samples.append(time, histogram)
            last = histogram
        }
        return samples
    }
}
