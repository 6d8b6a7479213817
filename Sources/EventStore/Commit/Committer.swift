internal import Bytes
internal import Events
internal import Host
internal import Synchronization

/// The one writer of the log: takes all that waits, writes it, syncs once, publishes, answers.
///
/// The record of a growing batch waits for others to be written with it, at most for the time of
/// `StoreLimits.groupWait`: a sync takes as long for ten of them as for one. `commit` says that none
/// are to be expected; it writes on its own thread where that is soon done, which spares the
/// processor two changes of threads. What only one request waits for may wait for another all the
/// same (`LoneRequests`).
final class Committer: @unchecked Sendable {
    // SENDABLE: `log` is used by whoever has taken it from `queue`, or, without threads, by the caller
    // of `runOnce` and `perform`.
    private let log: WriteAheadLog
    private let context: StoreContext
    private let hasThread: Bool
    private let queue: Monitor<CommitQueue>
    private let durable: Atomic<UInt64>
    private let written = Atomic<UInt64>(0)

    typealias Completion = @Sendable (Result<Acceptance, EventStoreError>) -> Void

    init(_ log: WriteAheadLog, _ context: StoreContext, hasThread: Bool) {
        self.log = log
        self.context = context
        self.hasThread = hasThread
        queue = Monitor(CommitQueue(context.limits))
        durable = Atomic(log.syncedBelow)
    }

    /// Every record of a lower sequence is durable and published.
    var durableBelow: UInt64 { durable.load(ordering: .acquiring) }

    /// Bytes of records written since the store was opened.
    var writtenBytes: UInt64 { written.load(ordering: .relaxed) }

    /// Bytes and records that wait to be written.
    var waiting: (records: Int, bytes: Int) {
        queue.withLock { ($0.pending.count + $0.open.count, $0.bytes) }
    }

    // MARK: - Taking

    /// Adds a request to the next group; answers why not when there is no room or no more writing.
    func enqueue(_ pending: Pending) -> EventStoreError? { enqueue { $0.add(pending) } }

    /// Adds a record to the next group that is ended only then; answers why not.
    func enqueue(_ open: Open) -> EventStoreError? { enqueue { $0.add(open) } }

    private func enqueue<Result>(_ add: (inout CommitQueue) -> Result) -> Result {
        let (result, mustWake) = queue.withLock { (add(&$0), $0.mustWake) }
        if mustWake { queue.wake() }
        return result
    }

    /// Has what waits written without waiting for more: here if that is soon done, otherwise by the
    /// writer's thread.
    func commit(requests: Int) {
        guard hasThread else { return }
        let mayWrite = context.unsealed.bytes <= context.limits.slowBytes
        let (work, mustWake) = queue.withLock { queue in
            (queue.takeDue(mayWrite: mayWrite, requests: requests), queue.mustWake)
        }
        if let work {
            let writing = perform(work, isBorrowed: true)
            if queue.withLock({ $0.letGo(after: writing) }) { queue.wake() }
        } else if mustWake {
            queue.wake()
        }
    }

    /// Lets the writer do something with the log between two groups, and waits for it.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (WriteAheadLog) -> Result
    ) -> Result {
        guard hasThread else { return body(log) }
        let result = Monitor<Result?>(nil)
        let isTaken = enqueue { queue in
            queue.add { committer in
                let value = body(committer.log)
                result.update { $0 = value }
            }
        }
        // After the writer's thread has ended its log is the caller's.
        return isTaken ? result.wait { $0 } : body(log)
    }

    /// Copies what a full disk kept from being copied at the start: only then may it be sealed.
    ///
    /// For when the writer has ended. Throws `outOfSpace` while there is no room.
    func finishRecovery() throws(EventStoreError) {
        try log.copyTail()
        durable.store(log.syncedBelow, ordering: .releasing)
    }

    /// Ends the writer when everything that waits is written.
    func close() { queue.update { $0.close() } }

    // MARK: - Writing

    /// The life of the writer's thread.
    func run() {
        while let work = nextWork() {
            let writing = perform(work)
            waitForSeals()
            _ = queue.withLock { $0.letGo(after: writing) }
        }
    }

    /// What the writer's thread is to write next, and with it the log; nil at the end.
    private func nextWork() -> CommitQueue.Work? {
        var idle = 0
        while true {
            // While requests come nobody needs to wake this thread: it looks by itself, and ever more
            // seldom as long as nothing waits for it.
            let wait = context.limits.groupWait * Int64(min(1 << idle, Committer.groupWaits))
            let turn =
                idle < Committer.idleLooks
                ? queue.wait(atMost: wait) { $0.turn() } ?? queue.withLock { $0.turnAfterWait() }
                : queue.wait { $0.turnOrSleep() }
            switch turn {
            case .work(let work): return work
            case .soon: idle = 0
            case .idle: idle += 1
            case .end: return nil
            }
        }
    }

    /// Looks at nothing after which the writer's thread sleeps until it is woken.
    private static let idleLooks = 5
    /// Times `StoreLimits.groupWait` that pass between two looks at most.
    private static let groupWaits = 4

    /// Slows the clients down to what seals can take, by letting them wait for their answers.
    private func waitForSeals() {
        let clock = context.machine.clock
        let deadline = clock.monotonicNanoseconds() + context.limits.slowWait
        while context.unsealed.bytes > context.limits.slowBytes,
            clock.monotonicNanoseconds() < deadline
        {
            let tasks = queue.wait(atMost: Committer.sealPoll) { queue in
                let tasks = queue.takeTasks()
                return tasks.isEmpty && !queue.isClosed ? nil : tasks
            }
            for task in tasks ?? [] { task(self) }
            if queue.withLock({ $0.isClosed }) { return }
        }
    }

    /// Nanoseconds between two looks at the heads while the writer waits for seals.
    private static let sealPoll: Int64 = 2_000_000

    /// Writes one group, if anything waits.
    func runOnce() {
        guard let work = queue.withLock({ $0.take() }) else { return }
        let writing = perform(work)
        _ = queue.withLock { $0.letGo(after: writing) }
    }

    /// Does the work; returns the nanoseconds that writing took, nil when there was nothing to write.
    ///
    /// - Parameter isBorrowed: whether the thread is one that has other things to do.
    private func perform(_ work: CommitQueue.Work, isBorrowed: Bool = false) -> Int64? {
        for task in work.tasks { task(self) }
        let group = work.group + work.open.compactMap { close($0) }
        if group.isEmpty { return nil }
        let clock = context.machine.clock
        let began = clock.monotonicNanoseconds()
        commit(group)
        let writing = clock.monotonicNanoseconds() - began
        takeLarge(group, isBorrowed: isBorrowed)
        return writing
    }

    private func close(_ open: Open) -> Pending? {
        let record = open.batch.closeRecord(environment: open.environment.name)
        if record.rows == 0 {
            // Nothing to write: its requests, if any, were told of an earlier failure.
            record.completion(.success(.stored(.synced)))
            return nil
        }
        do throws(EventStoreError) {
            return try Pending(record, of: open.batch, in: open.environment, context)
        } catch {
            open.batch.dropRecord(error)
            record.completion(.failure(error))
            return nil
        }
    }

    private func commit(_ group: [Pending]) {
        // Buffered ones first: they are published first, and a head is in the order of the log.
        let buffered = group.filter { $0.durability == .buffered }
        let synced = group.filter { $0.durability == .synced }
        let bytesBefore = log.writtenBytes
        let first: UInt64
        do throws(EventStoreError) {
            first = try log.write((buffered + synced).map(\.payload))
        } catch {
            return fail(group, error)
        }
        written.store(log.writtenBytes, ordering: .relaxed)
        publish(buffered, from: first, bytesBefore)
        for pending in buffered { answer(pending) }
        do throws(EventStoreError) {
            try log.synchronize()
        } catch {
            abandonKeys(of: buffered, error)
            return fail(synced, error)
        }
        publish(synced, from: first + UInt64(buffered.count), bytesBefore)
        durable.store(log.nextSequence, ordering: .releasing)
        finishKeys(of: buffered, from: first)
        finishKeys(of: synced, from: first + UInt64(buffered.count))
        for pending in synced { answer(pending) }
    }

    /// Makes batches of what has grown enough, when nobody waits for it.
    private func takeLarge(_ group: [Pending], isBorrowed: Bool) {
        for pending in group {
            guard let (batch, _) = pending.grown, batch.isLarge else { continue }
            let environment = pending.environment
            let isLeft =
                isBorrowed
                && queue.withLock { $0.add { _ in environment.endGrowth(of: batch) } }
            if !isLeft { environment.endGrowth(of: batch) }
        }
    }

    private func publish(_ group: [Pending], from first: UInt64, _ bytesBefore: UInt64) {
        let now = context.machine.clock.monotonicNanoseconds()
        var parts: [String: (Environment, [HeadList.Part])] = [:]
        for (index, pending) in group.enumerated() {
            let sequence = first + UInt64(index)
            if let grown = pending.grown {
                pending.environment.keepRecord(
                    HeadGrowth.Part(
                        batch: grown.batch, rows: grown.rows,
                        byteCount: pending.payload.bytes.count * Committer.grownBytes,
                        sequences: sequence...sequence, arrivedAt: now,
                        logBytesBefore: bytesBefore))
            }
            for batch in pending.batches where batch.rows > 0 {
                let part = HeadList.Part(
                    batch: batch, sequences: sequence...sequence, arrivedAt: now,
                    logBytesBefore: bytesBefore)
                parts[pending.environment.name, default: (pending.environment, [])].1.append(part)
            }
        }
        for (environment, parts) in parts.values { environment.append(parts) }
    }

    /// Bytes in memory of events that take one byte in the log, about.
    private static let grownBytes = 2

    // MARK: - Answering

    private func answer(_ pending: Pending) {
        pending.completion(
            .success(.stored(pending.durability, answer: pending.idempotency?.answer)))
    }

    private func fail(_ group: [Pending], _ error: EventStoreError) {
        if !error.isTemporary && error.code != .inputOutput { context.refuse(error) }
        abandonKeys(of: group, error)
        for pending in group {
            pending.grown?.batch.dropRecord(error)
            pending.completion(.failure(error))
        }
    }

    /// Keys are remembered when their request is durable; who waited for it is answered then.
    private func finishKeys(of group: [Pending], from first: UInt64) {
        let now = context.machine.clock.monotonicNanoseconds()
        for (index, pending) in group.enumerated() {
            guard let name = pending.name, let idempotency = pending.idempotency else { continue }
            let saved = SavedKey(
                sequence: first + UInt64(index), acceptedAt: pending.acceptedAt,
                idempotency: idempotency)
            let waiters = context.withKeys { $0.finish(name, saved, now: now) }
            for waiter in waiters { waiter(.success(idempotency.answer)) }
        }
    }

    private func abandonKeys(of group: [Pending], _ error: EventStoreError) {
        for pending in group {
            guard let name = pending.name else { continue }
            for waiter in context.withKeys({ $0.abandon(name) }) { waiter(.failure(error)) }
        }
    }
}
