internal import Glibc

/// Random numbers that are the same for the same seed, on every machine.
///
/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a counter and a mixing function.
struct ShopRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return ShopRandom.mix(state)
    }

    /// Spreads the bits of a number over all 64, one to one.
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Evenly in 0..<1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Evenly in 0..<bound; `bound` is at least 1 and small against 2^64.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    /// One of a few things, the first ones more often: each half as likely as the one before it.
    mutating func favouring<T>(_ choices: [T]) -> T {
        choices[min(next().trailingZeroBitCount, choices.count - 1)]
    }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// A time that work takes: most near the typical one, some several times as long.
    mutating func time(around typical: Double) -> Double {
        // A product of two exponential draws has the long tail that latencies have.
        let draw = -log(1 - unit()) * -log(1 - unit())
        return typical * (0.6 + 0.5 * draw)
    }

    /// A rank from 1 to `count`, low ranks more often, as Zipf's law with exponent 0.8 has it.
    mutating func rank(of count: Int) -> Int {
        // The inverse of the integral of x^-0.8 from 1 to count + 1.
        let top = pow(Double(count + 1), 0.2)
        let x = 1 + unit() * (top - 1)
        return min(Int(x * x * x * x * x), count)
    }
}
