internal import Bytes
internal import EventStore
internal import Events
internal import Ingest
internal import Synchronization

/// Small requests on their way to one record: each leaves its events with the decoder, and all are
/// answered when the record is synced.
///
/// With thirty-two clients that send fifty events at a time a request takes three quarters of the
/// processor's time that it takes alone.
final class SharedRecord: OpenRecord {
    /// What has become of a request that was offered.
    enum Outcome {
        /// The record is another environment's, in use, or full.
        case declined
        /// There is nothing to wait for.
        case answered(HTTPResponse)
        /// It is answered with the record.
        case taken
    }

    // SENDABLE: the decoder is used under the lock only.
    private struct State: @unchecked Sendable {
        let decoder: any IncomingEventsDecoder
        var environment = ""
        var bodyBytes = 0
        var completions: [@Sendable (Result<Acceptance, EventStoreError>) -> Void] = []
    }

    private let state: Mutex<State>

    init(_ makeDecoder: () -> any IncomingEventsDecoder) {
        state = Mutex(State(decoder: makeDecoder()))
    }

    /// Takes a request, unless the record is in use.
    func offer(
        _ events: IncomingEvents, _ intake: Intake,
        reply: @escaping @Sendable (HTTPResponse) -> Void
    ) -> Outcome {
        state.withLockIfAvailable { take(events, intake, &$0, reply: reply) } ?? .declined
    }

    private func take(
        _ events: IncomingEvents, _ intake: Intake, _ state: inout State,
        reply: @escaping @Sendable (HTTPResponse) -> Void
    ) -> Outcome {
        let isFirst = state.completions.isEmpty
        let (decoder, bytes) = (state.decoder, events.body.count)
        guard isFirst || state.environment == events.environment,
            isFirst || state.bodyBytes + bytes <= ServiceLimits.sharedRecordBytesMax,
            decoder.shared.hasRoom
        else { return .declined }
        let rowsBefore = decoder.shared.rows
        do throws(Intake.Refusal) {
            let decoded = try intake.decode(events, decoder)
            let answer = IngestAnswer(to: events.form, decoded)
                .response(isDuplicate: false, .synced).noting(decoded)
            if decoded.accepted == 0 { return .answered(answer) }
            do throws(EventStoreError) {
                if isFirst {
                    try intake.store.append(self, environment: events.environment)
                } else {
                    try intake.store.checkRoom()
                }
            } catch {
                decoder.shared.removeRows(from: rowsBefore)
                return .answered(error.response)
            }
            state.environment = events.environment
            state.bodyBytes = isFirst ? bytes : state.bodyBytes + bytes
            state.completions.append { result in
                switch result {
                case .failure(let error): reply(error.response)
                case .success: reply(answer)
                }
            }
            return .taken
        } catch {
            if case .body(let refusal) = error, refusal.reason == .notShared { return .declined }
            return .answered(error.response)
        }
    }

    func close() -> ClosedRecord {
        state.withLock { state in
            let completions = state.completions
            state.completions = []
            return ClosedRecord(batches: [state.decoder.shared.take()]) { result in
                for completion in completions { completion(result) }
            }
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
        for record in events.format == .json ? json : messagePack {
            switch record.offer(events, intake, reply: reply) {
            case .declined: continue
            case .answered(let response):
                reply(response)
                return true
            case .taken: return true
            }
        }
        return false
    }
}
