internal import Bytes
internal import Events
internal import Host
internal import Synchronization

/// Events of all environments: appended once, on disk when that is answered, readable at once.
///
/// One process opens a directory at a time. All calls are safe from any thread.
public final class EventStore: Sendable {
    /// How a store is opened.
    public enum Mode: Hashable, Sendable {
        /// To serve. Damage makes it take nothing new; what can be read is there.
        case serve
        /// To serve, with a note in the place of what is damaged: only by explicit command.
        case serveSkippingDamage
        /// To read a stopped server's directory; nothing is written.
        case readOnly
    }

    /// What may be decided when a store is opened.
    public struct Options: Sendable {
        public var mode = Mode.serve
        public var limits = StoreLimits()
        /// Bytes of decoded columns kept for later queries.
        public var cacheBytes = 512 << 20
        /// Told of events before retention lets them go.
        public var witness: (any RetentionWitness)?
        /// Told what an operator should know, one line at a time, on any thread.
        public var notice: @Sendable (String) -> Void = { _ in }
        /// Whether the store runs threads of its own; without them tests call `step`.
        package var hasThreads = true

        public init() {}
    }

    let context: StoreContext
    let mode: Mode
    /// nil when the store was opened to read or its log is damaged.
    let committer: Committer?
    let maintenance: Maintenance
    /// What was wrong with the files when the store was opened.
    public let findings: [Finding]
    private let lock: (any FileLock)?
    private let threads: StoreThreads?
    private let isClosed = Atomic<Bool>(false)

    init(
        _ context: StoreContext, mode: Mode, committer: Committer?, findings: [Finding],
        lock: (any FileLock)?, hasThreads: Bool
    ) throws(EventStoreError) {
        self.context = context
        self.mode = mode
        self.committer = committer
        self.findings = findings
        self.lock = lock
        maintenance = Maintenance(context, committer)
        threads =
            hasThreads && mode != .readOnly
            ? try StoreThreads(context, committer, maintenance) : nil
    }

    // MARK: - Appending

    /// Stores a request's events; `completion` is called once, on the writer's thread or this one.
    ///
    /// It should be short: the next group waits for it. The events are visible to snapshots before
    /// it is called. Failures: `outOfSpace` and `overloaded` pass by themselves, `keyConflict`,
    /// `tooLarge` are the caller's, `readOnly`, `inputOutput`, `closed` end the matter.
    public func append(
        _ record: IngestRecord, durability: Durability = .synced,
        completion: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void
    ) {
        do throws(EventStoreError) {
            try check(record)
            let (committer, environment) = try writer(of: record.environment)
            guard let idempotency = record.idempotency else {
                return try enqueue(record, environment, durability, committer, completion)
            }
            let name = IdempotencyTable.Name(
                environment: record.environment, key: idempotency.key)
            switch meet(name, idempotency.digest, completion) {
            case .first:
                do throws(EventStoreError) {
                    try enqueue(record, environment, durability, committer, completion)
                } catch {
                    for waiter in context.withKeys({ $0.abandon(name) }) { waiter(.failure(error)) }
                    throw error
                }
            case .waiting: break
            case .answered(let answer): completion(.success(.repeated(answer)))
            case .conflict:
                throw EventStoreError(
                    .keyConflict, "the idempotency key was used with another body")
            }
        } catch {
            completion(.failure(error))
        }
    }

    /// Stores the events of several requests, all that `batch` has taken when the writer gets to it.
    ///
    /// That is after `StoreLimits.groupWait`, when no record had waited for it lately after up to four
    /// times as long, or when `commit` is called. They are synced before its completion is called, as
    /// with `append(_:durability:completion:)`.
    ///
    /// All records of a batch are of one environment until `endGrowth`. Throws, and will not close the
    /// record, when nothing is taken.
    public func append(
        _ batch: any GrowingBatch, environment: String
    ) throws(EventStoreError) {
        try checkRoom()
        let (committer, environment) = try writer(of: environment)
        let open = Committer.Open(environment: environment, batch: batch)
        if let refusal = committer.enqueue(open) { throw refusal }
    }

    /// Has the records of growing batches that wait for company written now.
    ///
    /// They are written on this thread when syncs are quick, before the call returns; it takes less
    /// than `StoreLimits.quickWriting` then, as a rule.
    ///
    /// - Parameter requests: how many requests these records are of; that of a single one may be left
    ///   to wait for once more `StoreLimits.groupWait`, see `LoneRequests`.
    public func commit(requests: Int) { committer?.commit(requests: requests) }

    /// Takes what a growing batch has kept, so that it may begin anew, if only for another environment.
    public func endGrowth(of batch: any GrowingBatch, environment: String) {
        context.environment(environment)?.endGrowth(of: batch)
    }

    private func writer(
        of environment: String
    ) throws(EventStoreError) -> (Committer, Environment) {
        guard (1...FormatLimits.environmentNameBytes).contains(environment.utf8.count) else {
            throw EventStoreError(.tooLarge, "an environment's name is empty or too long")
        }
        guard let committer else {
            throw context.refusal ?? EventStoreError(.readOnly, "the store is open to read")
        }
        guard let environment = context.findOrMakeEnvironment(environment) else {
            throw EventStoreError(.tooLarge, "too many environments")
        }
        return (committer, environment)
    }

    /// The answer to a request that was here before, to spare its decoding; nil when it must be
    /// appended to know.
    public func priorAnswer(
        environment: String, key: String, digest: BodyDigest
    ) -> [UInt8]? {
        let name = IdempotencyTable.Name(environment: environment, key: key)
        let now = context.machine.clock.monotonicNanoseconds()
        return context.withKeys { $0.answer(name, digest, now: now) }
    }

    private func meet(
        _ name: IdempotencyTable.Name, _ digest: BodyDigest,
        _ completion: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void
    ) -> IdempotencyTable.Meeting {
        let now = context.machine.clock.monotonicNanoseconds()
        return context.withKeys { keys in
            keys.meet(name, digest, now: now) { result in
                completion(result.map { .repeated($0) })
            }
        }
    }

    /// Throws what a request would be answered now, if nothing is taken.
    public func checkRoom() throws(EventStoreError) {
        if isClosed.load(ordering: .relaxed) {
            throw EventStoreError(.closed, "the store is closed")
        }
        if let refusal = context.refusal { throw refusal }
        let (limits, unsealed) = (context.limits, context.unsealed)
        if unsealed.rows >= limits.unsealedRows || unsealed.bytes >= limits.unsealedBytes {
            throw EventStoreError(.overloaded, "sealing does not keep up: \(unsealed.rows) rows")
        }
    }

    private func check(_ record: IngestRecord) throws(EventStoreError) {
        try checkRoom()
        guard record.batches.count <= FormatLimits.batchesPerRecord else {
            throw EventStoreError(.tooLarge, "a request has too many batches")
        }
        if let idempotency = record.idempotency {
            guard (1...FormatLimits.keyBytes).contains(idempotency.key.utf8.count),
                idempotency.answer.count <= FormatLimits.answerBytes
            else { throw EventStoreError(.tooLarge, "an idempotency key is empty or too long") }
        }
    }

    private func enqueue(
        _ record: IngestRecord, _ environment: Environment, _ durability: Durability,
        _ committer: Committer,
        _ completion: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void
    ) throws(EventStoreError) {
        let pending = try Committer.Pending(
            record, in: environment, context, durability: durability, completion: completion)
        if let refusal = committer.enqueue(pending) { throw refusal }
    }

    // MARK: - Reading

    /// All events of an environment at this moment; empty for one that does not exist.
    ///
    /// While snapshots are taken, small batches of the head are merged sooner.
    public func snapshot(environment: String) -> EventStoreSnapshot {
        guard let environment = context.environment(environment) else {
            return EventStoreSnapshot(head: [], segments: [])
        }
        environment.noteQuestion()
        return environment.snapshot()
    }

    /// A number that is another one after events of an environment were erased, or a dataset deleted.
    ///
    /// What was counted of them before is no longer true then. Costs a short lock.
    public func erasures(environment: String) -> Int {
        context.environment(environment)?.erasures ?? 0
    }

    /// The names of the environments that have or had events, ascending.
    public var environments: [String] { context.allEnvironments.map(\.name) }

    /// Why nothing new is taken until the next start; nil while the store works.
    public var refusal: EventStoreError? { context.refusal }

    /// What the store holds and how it fares.
    public func figures() -> StoreFigures {
        var figures = StoreFigures()
        figures.headRows = context.unsealed.rows
        figures.headBytes = context.unsealed.bytes
        for environment in context.allEnvironments {
            let (segments, headBatches) = environment.withoutHead()
            figures.headBatches += headBatches
            figures.segments += segments.count
            for segment in segments {
                figures.segmentRows += segment.rows
                figures.segmentBytes += segment.byteCount
            }
        }
        if let waiting = committer?.waiting {
            figures.waitingRecords = waiting.records
            figures.waitingBytes = waiting.bytes
        }
        figures.keys = context.withKeys { $0.count }
        return figures
    }

    // MARK: - Life

    /// Says how long events are kept; asked anew at each round of retention.
    public func setRetention(_ policy: @escaping RetentionPolicies) {
        maintenance.setRetention(policy)
    }

    /// The time before which an event of a dataset is past its retention; nil when none is.
    ///
    /// Such events are refused one by one; their age counts from the earlier of event and receipt.
    public func retentionCutoff(environment: String, dataset: String) -> Int64? {
        maintenance.retentionCutoff(environment, dataset)
    }

    /// Seals all heads now and waits for it.
    public func seal() throws(EventStoreError) { try perform { $0.sealAll() } }

    /// Does one round of sealing, compaction, retention and tidying of the log, and waits for it.
    package func maintain() throws(EventStoreError) { try perform { $0.runRound() } }

    private func perform(
        _ body: @escaping @Sendable (Maintenance) -> Void
    ) throws(EventStoreError) {
        onMaintenance(body)
        if let failure = maintenance.lastFailure { throw failure }
    }

    /// Lets the maintaining thread do something, and waits; does nothing when it has ended.
    func onMaintenance(_ body: @escaping @Sendable (Maintenance) -> Void) {
        if let threads { threads.maintain(body) } else { body(maintenance) }
    }

    /// Without threads: writes one group and merges small batches, as the threads would.
    package func step() {
        committer?.runOnce()
        for environment in context.allEnvironments { while environment.mergeOnce() {} }
    }

    /// Finishes what was begun, seals everything, leaves an empty log and lets the directory go.
    ///
    /// Throws when something could not be written; nothing acknowledged is lost by it. A second call
    /// does nothing.
    public func close() throws(EventStoreError) {
        if isClosed.exchange(true, ordering: .relaxed) { return }
        defer { lock?.release() }
        guard mode != .readOnly, let committer else {
            threads?.end()
            return
        }
        committer.close()
        threads?.end()
        while committer.waiting.records > 0 { committer.runOnce() }
        if let refusal = context.refusal { throw refusal }
        try committer.finishRecovery()
        maintenance.sealAll()
        if let failure = maintenance.lastFailure { throw failure }
        precondition(context.unsealed.rows == 0, "BUG: events that only the log has at its end")
        try maintenance.saveKeys(below: committer.durableBelow)
        try committer.perform { log in
            Result { () throws(EventStoreError) in try log.closeEmpty() }
        }.get()
    }
}

extension Acceptance {
    fileprivate static func repeated(_ answer: [UInt8]) -> Acceptance {
        Acceptance(answer: answer, isDuplicate: true, durability: .synced)
    }
}

/// What a store holds and how it fares; rows, bytes and counts of this moment.
public struct StoreFigures: Hashable, Sendable {
    public internal(set) var headRows = 0
    public internal(set) var headBytes = 0
    public internal(set) var headBatches = 0
    public internal(set) var segments = 0
    /// Dead rows not counted.
    public internal(set) var segmentRows = 0
    public internal(set) var segmentBytes = 0
    /// Requests that wait for the writer.
    public internal(set) var waitingRecords = 0
    public internal(set) var waitingBytes = 0
    /// Idempotency keys that are remembered.
    public internal(set) var keys = 0
}
