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
        var value: Result<Acceptance, EventStoreError>? { result.withLock { $0 } }
        func set(_ value: Result<Acceptance, EventStoreError>) {
            result.withLock { result in
                precondition(result == nil, "BUG: a request is answered twice")
                result = value
            }
        }
        var acceptance: Acceptance? { try? value?.get() }
        var error: EventStoreError? {
            if case .failure(let error)? = value { error } else { nil }
        }
    }

    /// Requests that are one record, and what became of it.
    struct SharedRequests: OpenRecord {
        let outcome = Outcome()
        private let requests: [[ModelEvent]]

        init(_ requests: [[ModelEvent]]) { self.requests = requests }

        func close() -> ClosedRecord {
            ClosedRecord(batches: [makeBatch(requests.flatMap { $0 })]) { outcome.set($0) }
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

    /// Appends requests that share a record, not yet written.
    func sendShared(
        _ requests: [[ModelEvent]], to environment: String = "e"
    ) -> StoreFixture.Outcome {
        let record = StoreFixture.SharedRequests(requests)
        do {
            try append(record, environment: environment)
        } catch {
            record.outcome.set(.failure(error))
        }
        return record.outcome
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
