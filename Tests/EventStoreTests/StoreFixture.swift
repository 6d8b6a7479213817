import Events
import Host
import Synchronization
import TestSupport

@testable import EventStore

/// A store on a simulated machine, without threads: everything happens when a test says so.
final class StoreFixture {
    let disk: SimulatedDisk
    let clock = SimulatedClock()
    var options = EventStore.Options()
    let notices = Notices()
    private let seed: UInt64

    /// What the store told its operator.
    final class Notices: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// What became of a request.
    final class Outcome: Sendable {
        private let result = Mutex<Result<Acceptance, EventStoreError>?>(nil)
        private let told: @Sendable (Result<Acceptance, EventStoreError>) -> Void

        init(_ told: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void = { _ in }) {
            self.told = told
        }

        var value: Result<Acceptance, EventStoreError>? { result.withLock { $0 } }
        func set(_ value: Result<Acceptance, EventStoreError>) {
            result.withLock { result in
                precondition(result == nil, "BUG: a request is answered twice")
                result = value
            }
            told(value)
        }
        var acceptance: Acceptance? { try? value?.get() }
        var error: EventStoreError? {
            if case .failure(let error)? = value { error } else { nil }
        }
    }

    /// Requests that share records, and leave their events in one batch.
    final class SharedRequests: GrowingBatch {
        // SENDABLE: the builder is used under the lock only.
        private struct State: @unchecked Sendable {
            let builder = EventBatchBuilder()
            var kept = 0
            var closed = 0
            var outcomes: [Outcome] = []
        }

        private let state = Mutex(State())
        private let large: Int

        /// - Parameter large: events from which the batch is taken.
        init(large: Int = .max) { self.large = large }

        /// Adds a request; gives whether it is the first of its record.
        func add(_ events: [ModelEvent], _ outcome: Outcome) -> Bool {
            state.withLock { state in
                TestSupport.add(events, to: state.builder)
                state.outcomes.append(outcome)
                return state.outcomes.count == 1
            }
        }

        func closeRecord(environment: String) -> ClosedRecord {
            state.withLock { state in
                state.closed = state.builder.rows - state.kept
                let outcomes = state.outcomes
                state.outcomes = []
                return ClosedRecord(
                    rows: state.closed, encoded: state.builder.encoded(from: state.kept)
                ) { result in
                    for outcome in outcomes { outcome.set(result) }
                }
            }
        }

        func keepRecord() {
            state.withLock { state in
                state.kept += state.closed
                state.closed = 0
            }
        }

        func dropRecord(_ error: EventStoreError) {
            state.withLock { state in
                state.builder.removeRows(from: state.kept)
                state.closed = 0
                for outcome in state.outcomes { outcome.set(.failure(error)) }
                state.outcomes = []
            }
        }

        var isLarge: Bool { state.withLock { $0.builder.rows >= large } }

        func takeKept() -> EventBatch {
            state.withLock { state in
                let batch = state.builder.take(state.kept)
                state.kept = 0
                return batch
            }
        }
    }

    init(seed: UInt64 = 1, capacity: Int = .max) {
        self.seed = seed
        disk = SimulatedDisk(seed: seed, capacity: capacity)
        options.hasThreads = false
        options.limits.logFileBytes = 4_096
        options.limits.reserveBytes = 0
        options.limits.manifestBytes = 2_000
        let notices = notices
        options.notice = { notices.add($0) }
    }

    var machine: Machine {
        Machine(
            files: SimulatedProcess(disk), clock: clock,
            random: SimulatedRandomness(seed: seed &+ 9))
    }

    func open(_ mode: EventStore.Mode = .serve) throws -> EventStore {
        var options = options
        options.mode = mode
        return try EventStore.open("data", machine: machine, options: options)
    }
}

extension EventStore {
    /// Appends events and writes them at once, if nothing else waits.
    @discardableResult
    func send(
        _ events: [ModelEvent], to environment: String = "e", key: String? = nil, body: UInt64 = 0,
        durability: Durability = .synced, commits: Bool = true
    ) -> StoreFixture.Outcome {
        let outcome = StoreFixture.Outcome()
        let idempotency = key.map {
            Idempotency(key: $0, digest: BodyDigest(high: 0, low: body), answer: Array($0.utf8))
        }
        let record = IngestRecord(
            environment: environment, idempotency: idempotency,
            batches: events.isEmpty ? [] : [makeBatch(events)])
        append(record, durability: durability) { outcome.set($0) }
        if commits { step() }
        return outcome
    }

    /// Appends requests that share a record, not yet written; gives the outcome of the last.
    func sendShared(
        _ requests: [[ModelEvent]], in batch: StoreFixture.SharedRequests = .init(),
        to environment: String = "e",
        told: @escaping @Sendable (Result<Acceptance, EventStoreError>) -> Void = { _ in }
    ) -> StoreFixture.Outcome {
        var last = StoreFixture.Outcome()
        for events in requests {
            last = StoreFixture.Outcome(told)
            if !batch.add(events, last) { continue }
            do {
                try append(batch, environment: environment)
            } catch {
                batch.dropRecord(error)
            }
        }
        return last
    }

    /// The numbers in the field `id` of every event, ascending.
    func ids(in environment: String = "e") throws -> [Int64] {
        try snapshot(environment: environment).ids()
    }
}

extension EventStoreSnapshot {
    func ids() throws -> [Int64] {
        try events().compactMap { event -> Int64? in
            if case .int(let id) = event.fields["id"] { id } else { nil }
        }.sorted()
    }

    /// All events that are not dead.
    func events() throws -> [ModelEvent] {
        var events = try head.flatMap { try model(of: $0) }
        for stored in segments {
            for group in try stored.open().rowGroups {
                events += try model(of: group).filter { !stored.deadDatasets.contains($0.dataset) }
            }
        }
        return events
    }
}

/// Events with the given ids, an hour's worth of each day of 1,000 ids.
func numbered(_ ids: some Sequence<Int>, dataset: String = "shop") -> [ModelEvent] {
    ids.map { id in
        ModelEvent(
            timestamp: 1_773_100_000_000_000_000 + Int64(id / 1_000) * 86_400_000_000_000
                + Int64(id),
            dataset: dataset, fields: ["id": .int(Int64(id)), "text": .string("value \(id % 7)")])
    }
}
