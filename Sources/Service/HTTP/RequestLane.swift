internal import Dispatch
internal import Synchronization

/// At most so many jobs at a time, the rest in a bounded queue, first come first served.
///
/// Jobs may block. A queue that is full refuses instead of growing.
final class RequestLane: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        /// The jobs that wait, oldest at `next`; what lies before it has been taken.
        var waiting: [Job] = []
        var next = 0
        var running = 0

        mutating func takeNext() -> Job? {
            guard next < waiting.count else { return nil }
            let job = waiting[next]
            next += 1
            if next == waiting.count || next >= 1024 {
                waiting.removeSubrange(..<next)
                next = 0
            }
            return job
        }
    }

    private let state = Mutex(State())
    private let queue: DispatchQueue
    private let threads: Int
    private let waitingMax: Int

    init(name: String, threads: Int, waitingMax: Int = Limits.waitingRequestsMax) {
        precondition(threads > 0, "BUG: a lane without threads")
        self.threads = threads
        self.waitingMax = waitingMax
        queue = DispatchQueue(label: name, attributes: .concurrent)
    }

    /// Takes a job; false when too many wait already.
    func submit(_ job: @escaping Job) -> Bool {
        enum Outcome { case start, queued, full }
        let outcome = state.withLock { state in
            if state.running < threads {
                state.running += 1
                return Outcome.start
            }
            guard state.waiting.count - state.next < waitingMax else { return .full }
            state.waiting.append(job)
            return .queued
        }
        switch outcome {
        case .full: return false
        case .queued: return true
        case .start:
            queue.async { self.work(startingWith: job) }
            return true
        }
    }

    private func work(startingWith first: @escaping Job) {
        var job: Job? = first
        while let current = job {
            current()
            job = state.withLock { state in
                let following = state.takeNext()
                if following == nil { state.running -= 1 }
                return following
            }
        }
    }
}
