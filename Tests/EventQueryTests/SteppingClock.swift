import Host
import Synchronization

/// A clock that goes on by a millisecond each time somebody looks at it.
final class SteppingClock: HostClock {
    private let now = Atomic<Int64>(0)
    func wallNanoseconds() -> Int64 { 0 }
    func monotonicNanoseconds() -> Int64 {
        now.add(1_000_000, ordering: .relaxed).newValue
    }
    var looks: Int64 { now.load(ordering: .relaxed) / 1_000_000 }

    /// Begins anew, so that looks are counted from here.
    func restart() { now.store(0, ordering: .relaxed) }
}
