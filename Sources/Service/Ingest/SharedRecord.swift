internal import Bytes
internal import EventStore
internal import Events
internal import Host
internal import Ingest
internal import Synchronization

/// Requests on their way to one record: each leaves its events with the decoder, and all are
/// answered when the record is synced.
///
/// The events stay with the decoder, where those of the next records join them, until somebody looks
/// at them or they are many. A request of fifty events takes four fifths of the processor's time
/// that it takes as a batch of its own when two clients send, and less the more of them do.
final class SharedRecord: GrowingBatch {
    /// What has become of a request that was offered.
    enum Outcome {
        /// The record is in use, or full.
        case declined
        /// Events that are safe are in the way: of another environment, or too many.
        case occupied(byEnvironment: String)
        /// There is nothing to wait for.
        case answered(HTTPResponse)
        /// It is answered with the record.
        case taken
    }

    private typealias Completion = @Sendable (Result<Acceptance, EventStoreError>) -> Void

    // SENDABLE: the decoder is used under the lock only.
    private struct State: @unchecked Sendable {
        let decoder: any IncomingEventsDecoder
        var environment = ""
        /// Of the requests that wait for the next record.
        var bodyBytes = 0
        var completions: [Completion] = []
    }

    /// What has become of the decoder's events.
    ///
    /// Locked after `state`, and never for long: who has synced a record need not wait for the body
    /// that is being decoded.
    private struct Progress {
        /// Events that are safe.
        var kept = 0
        /// Events behind those that are being written.
        var closed = 0
        var isLarge = false
    }

    private let progress = Mutex(Progress())
    // A lock of the threads' library: one of `Mutex` makes whoever waits for a decoder call the kernel
    // to lend its priority.
    private let state: Monitor<State>

    init(_ makeDecoder: () -> any IncomingEventsDecoder) {
        state = Monitor(State(decoder: makeDecoder()))
    }

    /// Takes a request; `waits` until another one is decoded, if need be.
    func offer(
        _ events: IncomingEvents, _ intake: Intake, waits: Bool,
        reply: @escaping @Sendable (HTTPResponse) -> Void
    ) -> Outcome {
        var isFirst = false
        let outcome =
            if waits {
                state.withLock { take(events, intake, &$0, &isFirst, reply: reply) }
            } else {
                state.withLockIfAvailable { take(events, intake, &$0, &isFirst, reply: reply) }
                    ?? .declined
            }
        // Outside of the lock, for which the writer would have to wait as soon as it is told.
        guard isFirst else { return outcome }
        do throws(EventStoreError) {
            try intake.store.append(self, environment: events.environment)
        } catch {
            dropOpen(error)
        }
        return outcome
    }

    private func take(
        _ events: IncomingEvents, _ intake: Intake, _ state: inout State,
        _ isFirstOfRecord: inout Bool, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) -> Outcome {
        let isFirst = state.completions.isEmpty
        let (decoder, bytes) = (state.decoder, events.body.count)
        let rowsBefore = decoder.shared.rows
        let written = progress.withLock { $0 }
        guard rowsBefore == 0 || state.environment == events.environment, decoder.shared.hasRoom
        else {
            let mayBegin = isFirst && written.closed == 0 && rowsBefore > 0
            return mayBegin ? .occupied(byEnvironment: state.environment) : .declined
        }
        guard isFirst || state.bodyBytes + bytes <= ServiceLimits.sharedRecordBytesMax else {
            return .declined
        }
        do throws(Intake.Refusal) {
            let decoded = try intake.decode(events, decoder)
            let answer = IngestAnswer(to: events.form, decoded)
                .response(isDuplicate: false, .synced).noting(decoded)
            if decoded.accepted == 0 { return .answered(answer) }
            guard decoder.shared.mayEncode(from: written.kept + written.closed) else {
                decoder.shared.removeRows(from: rowsBefore)
                return .declined
            }
            do throws(EventStoreError) {
                try intake.store.checkRoom()
            } catch {
                decoder.shared.removeRows(from: rowsBefore)
                return .answered(error.response)
            }
            progress.withLock { $0.isLarge = !decoder.shared.hasRoom }
            state.environment = events.environment
            state.bodyBytes = isFirst ? bytes : state.bodyBytes + bytes
            state.completions.append { result in
                switch result {
                case .failure(let error): reply(error.response)
                case .success: reply(answer)
                }
            }
            isFirstOfRecord = isFirst
            return .taken
        } catch {
            if case .body(let refusal) = error, refusal.reason == .notShared { return .declined }
            return .answered(error.response)
        }
    }
}

extension SharedRecord {
    func closeRecord(environment: String) -> ClosedRecord {
        state.withLock { state in
            guard state.environment == environment else { return .empty }
            let completions = state.completions
            state.completions = []
            let shared = state.decoder.shared
            let (kept, closed) = progress.withLock { progress in
                progress.closed = shared.rows - progress.kept
                return (progress.kept, progress.closed)
            }
            return ClosedRecord(
                rows: closed, encoded: closed == 0 ? [] : shared.encoded(from: kept)
            ) { result in
                for completion in completions { completion(result) }
            }
        }
    }

    func keepRecord() {
        progress.withLock { progress in
            progress.kept += progress.closed
            progress.closed = 0
        }
    }

    func dropRecord(_ error: EventStoreError) { drop(error, closed: true) }

    /// Takes back what is open, for which nobody will ask.
    ///
    /// What is closed stays: it is being written.
    func dropOpen(_ error: EventStoreError) { drop(error, closed: false) }

    private func drop(_ error: EventStoreError, closed: Bool) {
        let completions = state.withLock { state in
            progress.withLock { progress in
                if closed { progress.closed = 0 }
                state.decoder.shared.removeRows(from: progress.kept + progress.closed)
                progress.isLarge = !state.decoder.shared.hasRoom
            }
            let completions = state.completions
            state.completions = []
            return completions
        }
        for completion in completions { completion(.failure(error)) }
    }

    var isLarge: Bool { progress.withLock { $0.isLarge } }

    func takeKept() -> EventBatch {
        state.withLock { state in
            let kept = progress.withLock { progress in
                defer { progress.kept = 0 }
                return progress.kept
            }
            let batch = state.decoder.shared.take(kept)
            progress.withLock { $0.isLarge = !state.decoder.shared.hasRoom }
            return batch
        }
    }
}

/// The records that are open: one for each thread that decodes, and each format.
struct SharedRecords: Sendable {
    private let json: [SharedRecord]
    private let messagePack: [SharedRecord]
    private let intake: Intake

    init(_ intake: Intake, threads: Int) {
        self.intake = intake
        json = (0..<threads).map { _ in SharedRecord { JSONEventDecoder(sharesBatches: true) } }
        messagePack = (0..<threads).map { _ in
            SharedRecord { MessagePackEventDecoder(sharesBatches: true) }
        }
    }

    /// Takes a small request that asks for nothing special; otherwise it goes its own way.
    func take(
        _ events: IncomingEvents, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) -> Bool {
        guard events.body.count <= ServiceLimits.sharedBodyBytesMax, events.key == nil,
            events.durability == .synced
        else { return false }
        let records = events.format == .json ? json : messagePack
        // First whichever is free; then, as all are in use, one that will be soon: to go its own way
        // takes a request longer than to wait for another one's end.
        for waits in [false, true] {
            for record in records {
                var outcome = record.offer(events, intake, waits: waits, reply: reply)
                if case .occupied(let environment) = outcome {
                    intake.store.endGrowth(of: record, environment: environment)
                    outcome = record.offer(events, intake, waits: waits, reply: reply)
                }
                switch outcome {
                case .declined, .occupied: continue
                case .answered(let response):
                    reply(response)
                    return true
                case .taken: return true
                }
            }
        }
        return false
    }
}
