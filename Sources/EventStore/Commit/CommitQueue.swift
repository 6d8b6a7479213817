/// What waits for the log, and who has it.
///
/// A state machine: it says what is to be done, its owner does it.
struct CommitQueue: Sendable {
    typealias Task = @Sendable (Committer) -> Void

    /// What one taker of the log does with it.
    struct Work: Sendable {
        let group: [Committer.Pending]
        let open: [Committer.Open]
        let tasks: [Task]
    }

    /// What the writer's thread does next.
    enum Turn: Sendable {
        case work(Work)
        /// Something waits that may wait a little longer.
        case soon
        /// Nothing waits.
        case idle
        /// The store was closed, and all is written.
        case end
    }

    private(set) var pending: [Committer.Pending] = []
    /// Bytes of memory that these hold.
    private(set) var bytes = 0
    private(set) var open: [Committer.Open] = []
    private var tasks: [Task] = []
    private(set) var isClosed = false
    /// Somebody has the log; what comes meanwhile is looked at when it is let go.
    private var isWriting = false
    /// What waits is to be written as soon as the log is free.
    private var isDue = false
    /// The writer's thread sleeps until it is woken, not for a while only.
    private var isAsleep = false
    /// Nanoseconds that writing and syncing the last group took; of the first nobody knows.
    private var lastWriting = Int64.max
    private var lone = LoneRequests()

    private let limits: StoreLimits

    init(_ limits: StoreLimits) { self.limits = limits }

    /// Whether there is something for the writer's thread to do at once.
    private var hasOrders: Bool { !isWriting && (isDue || isClosed || !tasks.isEmpty) }

    /// Whether that thread is to be woken for what was just added.
    var mustWake: Bool { isAsleep || hasOrders }

    // MARK: - Adding

    /// Adds a request, which is to be written soon; answers why not when there is no room.
    mutating func add(_ request: Committer.Pending) -> EventStoreError? {
        if isClosed { return CommitQueue.closed }
        if pending.count >= limits.waitingRecords || bytes >= limits.waitingBytes {
            return EventStoreError(
                .overloaded, "too many requests wait to be written: \(pending.count)")
        }
        pending.append(request)
        bytes += request.heldBytes
        isDue = true
        return nil
    }

    /// Adds a record that others may join until it is written.
    mutating func add(_ record: Committer.Open) -> EventStoreError? {
        if isClosed { return CommitQueue.closed }
        open.append(record)
        return nil
    }

    /// Adds something to be done with the log between two groups; returns false once it is closed.
    mutating func add(_ task: @escaping Task) -> Bool {
        if isClosed { return false }
        tasks.append(task)
        return true
    }

    mutating func close() { isClosed = true }

    private static let closed = EventStoreError(.closed, "the store is closed")

    // MARK: - Taking

    /// Says that what waits is to be written now; gives it, and the log, to a caller who can do that
    /// at once: when it is soon over and nothing is to be answered before the sync.
    ///
    /// - Parameter requests: how many came together; one that is alone may be left to wait.
    mutating func takeDue(mayWrite: Bool, requests: Int) -> Work? {
        guard !open.isEmpty || !pending.isEmpty else { return nil }
        let mayTake =
            mayWrite && !isWriting && !isClosed && tasks.isEmpty
            && lastWriting <= limits.quickWriting && bytes <= limits.quickBytes
            && pending.allSatisfy { $0.durability == .synced }
        if lone.isWaiting {
            lone.companyCame()
        } else if mayTake && requests == 1 && open.count == 1 && pending.isEmpty && lone.begins() {
            return nil
        }
        isDue = true
        return mayTake ? take() : nil
    }

    /// The log, and what waits for it; nil when nothing does, or somebody has it.
    mutating func take() -> Work? {
        guard !isWriting, !pending.isEmpty || !open.isEmpty || !tasks.isEmpty else { return nil }
        var count = 0
        var groupBytes = 0
        for request in pending {
            let size = request.payload.recordBytes
            if count > 0 && groupBytes + size > limits.groupBytes { break }
            count += 1
            groupBytes += size
        }
        let work = Work(group: Array(pending.prefix(count)), open: open, tasks: tasks)
        pending.removeFirst(count)
        bytes -= work.group.reduce(0) { $0 + $1.heldBytes }
        open.removeAll()
        tasks = []
        lone.end()
        isDue = !pending.isEmpty
        isWriting = true
        return work
    }

    /// Takes the tasks alone, for one who has the log.
    mutating func takeTasks() -> [Task] {
        defer { tasks = [] }
        return tasks
    }

    /// Lets the log go, after nanoseconds that a group took; returns whether the writer's thread is
    /// to be woken.
    mutating func letGo(after writing: Int64?) -> Bool {
        isWriting = false
        lastWriting = writing ?? lastWriting
        return hasOrders
    }

    // MARK: - The writer's thread

    /// What its thread is to do at once; nil when it may wait for more.
    mutating func turn() -> Turn? {
        guard hasOrders else { return nil }
        if let work = take() { return .work(work) }
        return isClosed ? .end : nil
    }

    /// The same when it has waited for a while.
    mutating func turnAfterWait() -> Turn {
        guard lone.look() else { return .soon }
        if let work = take() { return .work(work) }
        return open.isEmpty && pending.isEmpty ? .idle : .soon
    }

    /// The same when it may wait until it is woken.
    mutating func turnOrSleep() -> Turn? {
        let turn = turn() ?? (open.isEmpty ? nil : .soon)
        isAsleep = turn == nil
        return turn
    }
}
