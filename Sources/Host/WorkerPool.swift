import Glibc
import Synchronization

/// A fixed number of threads that share the pieces of one job at a time, or of several.
///
/// The thread that brings a job works on it too, so a job always goes on, however busy the pool is,
/// and a job may bring jobs of its own.
public final class WorkerPool: Sendable {
    private let queue: Monitor<Queue>
    private let threads: [HostThread]
    /// Threads that work on a job: the pool's and the caller's.
    public let parallelism: Int

    private struct Queue {
        var jobs: [Job] = []
        var isClosed = false
    }

    /// Starts the threads; `parallelism` counts the calling thread, so 1 starts none.
    public init(parallelism: Int) throws(HostError) {
        precondition(parallelism >= 1, "BUG: a pool without threads")
        let queue = Monitor(Queue())
        var threads: [HostThread] = []
        for index in 1..<max(1, parallelism) {
            let thread = try HostThread(name: "query-\(index)") { WorkerPool.work(on: queue) }
            threads.append(thread)
        }
        self.queue = queue
        self.threads = threads
        self.parallelism = parallelism
    }

    deinit { close() }

    /// Processors this process may use; at least 1.
    public static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Calls `body` once with each of `0..<count`, in any order, on several threads at once.
    ///
    /// Returns when all calls have returned. Pieces should take a tenth of a millisecond or more.
    public func parallelFor(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        if count <= 1 || parallelism == 1 {
            for index in 0..<max(0, count) { body(index) }
            return
        }
        let job = Job(count: count, body: body)
        queue.update { $0.jobs.append(job) }
        job.work()
        queue.withLock { state in state.jobs.removeAll { $0 === job } }
        job.waitUntilDone()
    }

    /// The results of `body` for each of `0..<count`, in that order, worked out on several threads.
    public func parallelMap<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) -> Result
    ) -> [Result] {
        [Result](unsafeUninitializedCapacity: max(0, count)) { target, initialized in
            // SAFETY: each index is given to exactly one call, and `parallelFor` returns after all.
            let slots = Slots(target)
            parallelFor(count) { index in slots.initialize(index, to: body(index)) }
            initialized = max(0, count)
        }
    }

    /// Ends the threads; a job that comes later is done by its caller alone.
    public func close() {
        queue.update { $0.isClosed = true }
    }

    private static func work(on queue: Monitor<Queue>) {
        while let job = queue.wait(until: { state -> Job?? in
            if state.isClosed { return .some(nil) }
            // A job whose pieces are all taken is only waiting for its last threads.
            state.jobs.removeAll { $0.isTaken }
            return state.jobs.first.map { .some($0) }
        }) {
            job.work()
        }
    }
}

/// One call of `parallelFor`: how many pieces are taken and how many threads are at work.
private final class Job: Sendable {
    private let count: Int
    private let body: @Sendable (Int) -> Void
    private let next = Atomic<Int>(0)
    private let finished = Atomic<Int>(0)
    private let isDone = Monitor(false)

    init(count: Int, body: @escaping @Sendable (Int) -> Void) {
        self.count = count
        self.body = body
    }

    var isTaken: Bool { next.load(ordering: .relaxed) >= count }

    func work() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if index >= count { return }
            body(index)
            if finished.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == count {
                isDone.update { $0 = true }
            }
        }
    }

    func waitUntilDone() { isDone.wait { $0 ? () : nil } }
}

/// Uninitialized slots that threads fill, each index once.
private struct Slots<Element>: @unchecked Sendable {
    // SENDABLE: `parallelMap` gives each index to one call only.
    private let base: UnsafeMutableBufferPointer<Element>

    init(_ base: UnsafeMutableBufferPointer<Element>) { self.base = base }

    func initialize(_ index: Int, to value: Element) {
        base.initializeElement(at: index, to: value)
    }
}
