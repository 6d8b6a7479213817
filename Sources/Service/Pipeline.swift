internal import Bytes
internal import EventStore
internal import Events
internal import Host
internal import Ingest

/// The road of events: a body is decoded, logged, added to the head, and then acknowledged.
///
/// The store does the middle in one step: a record is synced, its batches are published, and only
/// then is its completion called. What is answered is made beforehand, because under an idempotency
/// key it is stored in the same record.
struct Pipeline: Sendable {
    let intake: Intake
    let sharedRecords: SharedRecords
    let decoders: DecoderPool<JSONEventDecoder>
    let packedDecoders: DecoderPool<MessagePackEventDecoder>
    let exportDecoders: DecoderPool<OTLPDecoder>

    var store: EventStore { intake.store }

    /// Takes the events of one request; `reply` is called once, when they are as safe as was asked.
    func take(
        _ events: IncomingEvents, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        do throws(HTTPRefusal) {
            if let prior = priorAnswer(to: events.key, in: events.environment) {
                return reply(prior)
            }
            if sharedRecords.take(events, reply: reply) { return }
            let decoded = try decode(events)
            keep(
                decoded, of: events.environment, key: events.key, durability: events.durability,
                answer: IngestAnswer(to: events.form, decoded), reply: reply)
        } catch {
            reply(error.response)
        }
    }

    /// What was answered to the first request of this key; nil when this may be the first.
    func priorAnswer(to key: RequestKey?, in environment: String) -> HTTPResponse? {
        guard let key,
            let stored = store.priorAnswer(
                environment: environment, key: key.text, digest: key.digest)
        else { return nil }
        return IngestAnswer(stored: stored, contentType: key.answerType)
            .response(isDuplicate: true, .synced)
    }

    /// Stores what was decoded, under the client's key if it gave one, and then answers.
    func keep(
        _ decoded: Decoded, of environment: String, key: RequestKey?, durability: Durability,
        answer: IngestAnswer, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        @Sendable func accepted(_ durability: Durability) -> HTTPResponse {
            answer.response(isDuplicate: false, durability).noting(decoded)
        }
        guard !decoded.batches.isEmpty || key != nil else { return reply(accepted(durability)) }
        let idempotency = key.map {
            Idempotency(key: $0.text, digest: $0.digest, answer: answer.stored)
        }
        let record = IngestRecord(
            environment: environment, idempotency: idempotency, batches: decoded.batches)
        store.append(record, durability: durability) { result in
            switch result {
            case .failure(let error): reply(error.response)
            case .success(let acceptance) where acceptance.isDuplicate:
                let first = IngestAnswer(
                    stored: acceptance.answer ?? [], contentType: answer.contentType)
                reply(first.response(isDuplicate: true, acceptance.durability))
            case .success(let acceptance):
                reply(accepted(acceptance.durability))
            }
        }
    }

    private func decode(_ events: IncomingEvents) throws(HTTPRefusal) -> Decoded {
        do throws(Intake.Refusal) {
            return switch events.format {
            case .json:
                try decoders.withDecoder { (decoder) throws(Intake.Refusal) in
                    try intake.decode(events, decoder)
                }
            case .messagePack:
                try packedDecoders.withDecoder { (decoder) throws(Intake.Refusal) in
                    try intake.decode(events, decoder)
                }
            }
        } catch {
            throw HTTPRefusal(error.response)
        }
    }
}
