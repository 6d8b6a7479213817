internal import Bytes
internal import Events
internal import Host
internal import Synchronization

/// The one writer of the log: takes all that waits, writes it, syncs once, publishes, answers.
final class Committer: @unchecked Sendable {
    // SENDABLE: `log` is used by the writer's thread only, or, without threads, by the caller of
    // `runOnce` and `perform`.
    private let log: WriteAheadLog
    private let context: StoreContext
    private let hasThread: Bool
    private let queue = Monitor(Queue())
    private let durable: Atomic<UInt64>
    private let written = Atomic<UInt64>(0)

    typealias Completion = @Sendable (Result<Acceptance, EventStoreError>) -> Void

    /// A request on its way into the log.
    struct Pending: Sendable {
        let environment: Environment
        let batches: [EventBatch]
        let payload: LogPayload
        let idempotency: Idempotency?
        /// Nanoseconds since 1970.
        let acceptedAt: Int64
        let durability: Durability
        let completion: Completion
        /// Whose record it is, and how many events it has; nil for a record of batches.
        let grown: (batch: any GrowingBatch, rows: Int)?

        /// Bytes of memory it holds while it waits.
        var heldBytes: Int { payload.bytes.count + batches.reduce(0) { $0 + $1.byteCount } }

        var name: IdempotencyTable.Name? {
            idempotency.map { IdempotencyTable.Name(environment: environment.name, key: $0.key) }
        }

        /// Encodes a request; throws `tooLarge`.
        init(
            _ record: IngestRecord, in environment: Environment, _ context: StoreContext,
            durability: Durability, completion: @escaping Completion
        ) throws(EventStoreError) {
            acceptedAt = context.machine.clock.wallNanoseconds()
            payload = try Pending.payload(
                LogRecord(
                    environment: record.environment, acceptedAt: acceptedAt,
                    idempotency: record.idempotency,
                    batches: record.batches.map { .init(rows: $0.rows, bytes: $0.encoded()) }),
                context)
            self.environment = environment
            batches = record.batches
            idempotency = record.idempotency
            self.durability = durability
            self.completion = completion
            grown = nil
        }

        /// A record of a growing batch; throws `tooLarge`.
        init(
            _ record: ClosedRecord, of batch: any GrowingBatch, in environment: Environment,
            _ context: StoreContext
        ) throws(EventStoreError) {
            acceptedAt = context.machine.clock.wallNanoseconds()
            payload = try Pending.payload(
                LogRecord(
                    environment: environment.name, acceptedAt: acceptedAt,
                    batches: [.init(rows: record.rows, bytes: record.encoded)]), context)
            self.environment = environment
            batches = []
            idempotency = nil
            durability = .synced
            completion = record.completion
            grown = (batch, record.rows)
        }

        private static func payload(
            _ record: LogRecord, _ context: StoreContext
        ) throws(EventStoreError) -> LogPayload {
            let encoded = record.encoded()
            guard encoded.count <= context.limits.recordBytes else {
                throw EventStoreError(.tooLarge, "a request is too large: \(encoded.count) bytes")
            }
            return LogPayload(encoded)
        }
    }

    /// A growing batch whose record is ended when the writer gets to it.
    struct Open: Sendable {
        let environment: Environment
        let batch: any GrowingBatch
    }

    private struct Queue {
        var pending: [Pending] = []
        var bytes = 0
        var open: [Open] = []
        var tasks: [@Sendable (Committer) -> Void] = []
        var isClosed = false

        mutating func takeTasks() -> [@Sendable (Committer) -> Void] {
            defer { tasks = [] }
            return tasks
        }
    }

    init(_ log: WriteAheadLog, _ context: StoreContext, hasThread: Bool) {
        self.log = log
        self.context = context
        self.hasThread = hasThread
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
    func enqueue(_ pending: Pending) -> EventStoreError? {
        queue.update { queue in
            if queue.isClosed { return EventStoreError(.closed, "the store is closed") }
            let limits = context.limits
            if queue.pending.count >= limits.waitingRecords || queue.bytes >= limits.waitingBytes {
                return EventStoreError(
                    .overloaded, "too many requests wait to be written: \(queue.pending.count)")
            }
            queue.pending.append(pending)
            queue.bytes += pending.heldBytes
            return nil
        }
    }

    /// Adds a record to the next group that is ended only then; answers why not.
    func enqueue(_ open: Open) -> EventStoreError? {
        queue.update { queue in
            if queue.isClosed { return EventStoreError(.closed, "the store is closed") }
            queue.open.append(open)
            return nil
        }
    }

    /// Lets the writer do something with the log between two groups, and waits for it.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (WriteAheadLog) -> Result
    ) -> Result {
        guard hasThread else { return body(log) }
        let result = Monitor<Result?>(nil)
        let isTaken = queue.update { queue in
            if queue.isClosed { return false }
            queue.tasks.append { committer in
                let value = body(committer.log)
                result.update { $0 = value }
            }
            return true
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
    func close() { queue.update { $0.isClosed = true } }

    // MARK: - Writing

    /// The life of the writer's thread.
    func run() {
        while let work = queue.wait(until: { queue -> Work?? in
            if let work = self.takeWork(&queue) { return .some(work) }
            return queue.isClosed ? .some(nil) : nil
        }) {
            perform(work)
            waitForSeals()
        }
    }

    /// Slows the clients down to what seals can take, by letting them wait for their answers.
    private func waitForSeals() {
        let clock = context.machine.clock
        let deadline = clock.monotonicNanoseconds() + context.limits.slowWait
        while context.unsealed.bytes > context.limits.slowBytes,
            clock.monotonicNanoseconds() < deadline
        {
            let tasks = queue.wait(atMost: Committer.sealPoll) { queue in
                queue.tasks.isEmpty && !queue.isClosed ? nil : queue.takeTasks()
            }
            for task in tasks ?? [] { task(self) }
            if queue.withLock({ $0.isClosed }) { return }
        }
    }

    /// Nanoseconds between two looks at the heads while the writer waits for seals.
    private static let sealPoll: Int64 = 2_000_000

    /// Writes one group, if anything waits.
    func runOnce() {
        if let work = queue.withLock({ takeWork(&$0) }) { perform(work) }
    }

    private struct Work: Sendable {
        let group: [Pending]
        let open: [Open]
        let tasks: [@Sendable (Committer) -> Void]
    }

    private func takeWork(_ queue: inout Queue) -> Work? {
        if queue.pending.isEmpty && queue.open.isEmpty && queue.tasks.isEmpty { return nil }
        var count = 0
        var bytes = 0
        for pending in queue.pending {
            let size = pending.payload.recordBytes
            if count > 0 && bytes + size > context.limits.groupBytes { break }
            count += 1
            bytes += size
        }
        let work = Work(
            group: Array(queue.pending.prefix(count)), open: queue.open, tasks: queue.takeTasks())
        queue.pending.removeFirst(count)
        queue.open.removeAll()
        queue.bytes -= work.group.reduce(0) { $0 + $1.heldBytes }
        return work
    }

    private func perform(_ work: Work) {
        for task in work.tasks { task(self) }
        let group = work.group + work.open.compactMap { close($0) }
        if !group.isEmpty { commit(group) }
    }

    private func close(_ open: Open) -> Pending? {
        let record = open.batch.closeRecord()
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
        takeLarge(synced)
    }

    /// Makes batches of what has grown enough, when nobody waits for it.
    private func takeLarge(_ group: [Pending]) {
        for pending in group {
            guard let (batch, _) = pending.grown, batch.isLarge else { continue }
            pending.environment.endGrowth(of: batch)
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
