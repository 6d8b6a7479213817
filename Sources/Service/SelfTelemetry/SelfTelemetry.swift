internal import EventStore
internal import Events
internal import Host
internal import Synchronization

/// Keeps each request the server answers as a wide event, in an environment of the server's own.
///
/// Requests are gathered and written in batches straight to the store, so that nothing is told of the
/// telling. What the store has no room for is dropped and counted; nobody waits for it.
final class SelfTelemetry: Sendable {
    /// Its name is no key's: `isEnvironmentName` wants a letter or digit first.
    static let environment = "_self"
    static let dataset = "widefield"
    /// What is kept of it: a week, and no more than a small part of a disk.
    static let retention = RetentionPolicy(
        age: 7 * 86_400 * 1_000_000_000, bytes: 1 << 30)

    private struct Buffer {
        var requests: [AnsweredRequest] = []
        var bytes = 0
        var isEnding = false
        /// Whether somebody waits until all is written.
        var isAwaited = false
        /// Whether requests that were taken are not in the store yet.
        var isWriting = false

        mutating func take() -> [AnsweredRequest] {
            defer {
                isWriting = !requests.isEmpty
                isAwaited = false
                requests = []
                bytes = 0
            }
            return requests
        }
    }

    private let buffer = Monitor(Buffer())
    private let keptCount = Atomic(0)
    private let droppedCount = Atomic(0)
    private let thread = Mutex<HostThread?>(nil)

    /// Nanoseconds between two batches while requests are few.
    private static let interval: Int64 = 1_000_000_000

    /// Starts the thread that writes.
    ///
    /// Throws `HostError` when the system has none to give.
    init(_ store: EventStore, _ datasets: DatasetDirectory, _ machine: Machine) throws(HostError) {
        let started = try HostThread(name: "self-telemetry") { [self] in
            let writer = RequestEvents(seed: machine.random.nextUInt64())
            while let requests = next() {
                guard let name = datasets.settle(Self.dataset, in: Self.environment) else {
                    continue
                }
                let batch = writer.batch(
                    of: requests, dataset: name, receivedAt: machine.clock.wallNanoseconds())
                append(batch, to: store)
            }
        }
        thread.withLock { $0 = started }
    }

    /// Events that were kept, and that were not.
    var kept: Int { keptCount.load(ordering: .relaxed) }
    var dropped: Int { droppedCount.load(ordering: .relaxed) }

    /// Takes a request that has ended; never waits for the disk.
    func record(_ request: AnsweredRequest) {
        let bytes = request.byteCount
        let state = buffer.withLock { buffer -> (isTaken: Bool, isDue: Bool) in
            guard !buffer.isEnding, buffer.requests.count < ServiceLimits.selfEventsMax,
                buffer.bytes < ServiceLimits.selfEventsBytesMax
            else { return (false, false) }
            buffer.requests.append(request)
            buffer.bytes += bytes
            return (true, buffer.requests.count == ServiceLimits.selfEventsPerBatch)
        }
        if !state.isTaken { droppedCount.add(1, ordering: .relaxed) }
        if state.isDue { buffer.update { _ in } }
    }

    /// Waits until all requests that have ended are in the store, some seconds at most.
    func settle() {
        buffer.update { $0.isAwaited = true }
        buffer.wait(atMost: 5 * Self.interval) { buffer in
            buffer.isAwaited || buffer.isWriting ? nil : ()
        }
    }

    /// Writes what is left, and takes nothing more.
    func end() {
        buffer.update { $0.isEnding = true }
        thread.withLock { $0 }?.join()
    }

    /// What is to be written now; nil at the end.
    private func next() -> [AnsweredRequest]? {
        while true {
            buffer.update { $0.isWriting = false }
            let due = buffer.wait(atMost: Self.interval) { buffer -> Buffer? in
                let isDue = buffer.requests.count >= ServiceLimits.selfEventsPerBatch
                guard isDue || buffer.isEnding || buffer.isAwaited else { return nil }
                defer { _ = buffer.take() }
                return buffer
            }
            let requests = due?.requests ?? buffer.withLock { $0.take() }
            if !requests.isEmpty { return requests }
            if due?.isEnding == true { return nil }
        }
    }

    /// Writes one batch and waits for it: so no more than one is on its way.
    private func append(_ batch: EventBatch, to store: EventStore) {
        let isKept = Monitor<Bool?>(nil)
        let record = IngestRecord(environment: Self.environment, batches: [batch])
        store.append(record, durability: .buffered) { result in
            isKept.update { isKept in
                if case .success = result { isKept = true } else { isKept = false }
            }
        }
        if isKept.wait(until: { $0 }) {
            keptCount.add(batch.rows, ordering: .relaxed)
        } else {
            droppedCount.add(batch.rows, ordering: .relaxed)
        }
    }
}
