public import Host
import Synchronization

/// Random numbers that a seed repeats (SplitMix64, Steele et al., OOPSLA 2014).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// True once in `one` of `times` calls on average.
    public mutating func chance(_ one: Int, in times: Int) -> Bool {
        Int.random(in: 0..<times, using: &self) < one
    }
}

/// A source of randomness for a simulated machine.
public final class SimulatedRandomness: RandomSource {
    private let generator: Mutex<SeededRandom>

    public init(seed: UInt64) { generator = Mutex(SeededRandom(seed: seed)) }

    public func nextUInt64() -> UInt64 { generator.withLock { $0.next() } }
}

/// A clock that goes only when it is told to.
public final class SimulatedClock: HostClock {
    private struct Times {
        var wall: Int64
        var monotonic: Int64
    }

    private let times: Mutex<Times>

    /// Begins at `wall` nanoseconds since 1970.
    public init(wall: Int64 = 1_773_144_000_000_000_000) {
        times = Mutex(Times(wall: wall, monotonic: 0))
    }

    public func wallNanoseconds() -> Int64 { times.withLock { $0.wall } }

    public func monotonicNanoseconds() -> Int64 { times.withLock { $0.monotonic } }

    /// Lets both clocks go on.
    public func advance(nanoseconds: Int64) {
        times.withLock {
            $0.wall += nanoseconds
            $0.monotonic += nanoseconds
        }
    }

    /// Sets the wall clock off, forwards or backwards, as an operator or a bad server does.
    public func jump(nanoseconds: Int64) { times.withLock { $0.wall += nanoseconds } }
}
