internal import Host

/// A few threads that work off a bounded queue, first come first served.
///
/// Jobs may block. A queue that is full refuses instead of growing.
final class RequestLane: Sendable {
    typealias Job = @Sendable () -> Void

    private struct Queue {
        /// The jobs that wait, oldest at `next`; what lies before it has been taken.
        var jobs: [Job] = []
        var next = 0
        var isClosed = false

        mutating func takeNext() -> Job? {
            guard next < jobs.count else { return nil }
            let job = jobs[next]
            next += 1
            if next == jobs.count || next >= 1024 {
                jobs.removeSubrange(..<next)
                next = 0
            }
            return job
        }
    }

    private enum Turn {
        case work(Job)
        case end
    }

    private let queue: Monitor<Queue>
    private let waitingMax: Int

    /// Starts the threads.
    ///
    /// Throws `HostError` when the system has none to give.
    init(
        name: String, threads: Int, waitingMax: Int = ServiceLimits.waitingRequestsMax
    ) throws(HostError) {
        precondition(threads > 0, "BUG: a lane without threads")
        self.waitingMax = waitingMax
        let queue = Monitor(Queue())
        self.queue = queue
        for index in 0..<threads {
            _ = try HostThread(name: "\(name)-\(index)") {
                while case .work(let job) = RequestLane.nextTurn(of: queue) { job() }
            }
        }
    }

    deinit { close() }

    /// Takes a job; false when too many wait already or the lane is closed.
    func submit(_ job: @escaping Job) -> Bool {
        queue.updateForOne { queue in
            guard !queue.isClosed, queue.jobs.count - queue.next < waitingMax else { return false }
            queue.jobs.append(job)
            return true
        }
    }

    /// Ends the threads once they have worked off what waits.
    func close() { queue.update { $0.isClosed = true } }

    private static func nextTurn(of queue: Monitor<Queue>) -> Turn {
        queue.wait { queue in
            if let job = queue.takeNext() { return .work(job) }
            return queue.isClosed ? .end : nil
        }
    }
}
