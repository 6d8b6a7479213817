internal import Host
internal import Synchronization

/// Work on a source that was ended before anything was counted, by time or by the client.
struct Interrupted: Error {}

/// Gives out sources, or other pieces of a query, to threads until all are given, time is up, or
/// something went wrong.
final class SourceQueue: Sendable {
    private let count: Int
    private let deadline: Int64
    private let clock: any HostClock
    private let cancellation: QueryCancellation
    private let taken = Atomic<Int>(0)
    private let overdue = Atomic<Bool>(false)
    private let failed = Mutex<QueryFailure?>(nil)
    /// Bytes that all threads hold.
    private let held = Atomic<Int>(0)
    private let memory: QueryMemory

    init(
        _ count: Int, _ deadline: Int64, _ clock: any HostClock,
        _ cancellation: QueryCancellation, _ memory: QueryMemory
    ) {
        self.memory = memory
        self.count = count
        self.deadline = deadline
        self.clock = clock
        self.cancellation = cancellation
    }

    func next() -> Int? {
        let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        return index < count && mayGoOn ? index : nil
    }

    /// Whether there is time for more, and nothing went wrong; to be asked within long pieces.
    var mayGoOn: Bool {
        if cancellation.isCancelled { fail(.cancelled) }
        if failure != nil { return false }
        if clock.monotonicNanoseconds() > deadline {
            overdue.store(true, ordering: .relaxed)
            return false
        }
        return true
    }

    deinit { _ = memory.hold(-held.load(ordering: .relaxed)) }

    /// Throws `Interrupted` when there is no time for more; for work within a source.
    func checkpoint() throws {
        if !mayGoOn { throw Interrupted() }
    }

    /// Notes that a thread holds so many bytes more, and answers what all of this question hold.
    func hold(_ bytes: Int) -> Int {
        if bytes != 0, !memory.hold(bytes) { fail(.memoryIsShort) }
        return held.wrappingAdd(bytes, ordering: .relaxed).newValue
    }

    func fail(_ failure: QueryFailure) {
        failed.withLock { if $0 == nil { $0 = failure } }
    }

    var failure: QueryFailure? { failed.withLock { $0 } }
    var isOverdue: Bool { overdue.load(ordering: .relaxed) }
}
