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
    let store: EventStore
    let datasets: DatasetDirectory
    let decoders: DecoderPool<JSONEventDecoder>
    let packedDecoders: DecoderPool<MessagePackEventDecoder>
    let exportDecoders: DecoderPool<OTLPDecoder>
    let clock: any HostClock

    /// Takes the events of one request; `reply` is called once, when they are as safe as was asked.
    func take(
        _ events: IncomingEvents, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        do throws(HTTPRefusal) {
            if let prior = priorAnswer(to: events.key, in: events.environment) {
                return reply(prior)
            }
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
        var dataset = datasets.name(for: events.dataset, in: events.environment)
        while true {
            let decoded = try decode(events, into: dataset)
            guard !decoded.batches.isEmpty else { return decoded }
            guard let settled = datasets.settle(dataset, in: events.environment) else {
                throw HTTPRefusal(
                    .error(
                        400, "the environment has \(ServiceLimits.datasetsMax) datasets already"))
            }
            if settled == dataset { return decoded }
            // Another spelling of the name came first meanwhile; it stays.
            dataset = settled
        }
    }

    private func decode(
        _ events: IncomingEvents, into dataset: String
    ) throws(HTTPRefusal) -> Decoded {
        let receivedAt = clock.wallNanoseconds()
        let earliest = store.retentionCutoff(environment: events.environment, dataset: dataset)
        do throws(BodyRefusal) {
            return switch events.format {
            case .json:
                try decoders.withDecoder { (decoder) throws(BodyRefusal) in
                    decoder.earliest = earliest
                    return try decoder.decode(events, into: dataset, receivedAt: receivedAt)
                }
            case .messagePack:
                try packedDecoders.withDecoder { (decoder) throws(BodyRefusal) in
                    decoder.earliest = earliest
                    return try decoder.decode(events, into: dataset, receivedAt: receivedAt)
                }
            }
        } catch {
            throw HTTPRefusal(error.response)
        }
    }
}

extension JSONEventDecoder {
    fileprivate func decode(
        _ events: IncomingEvents, into dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        switch events.form {
        case .event(let time, let sampleRate):
            try decodeEvent(
                events.body, dataset: dataset, receivedAt: receivedAt, time: time,
                sampleRate: sampleRate)
        case .batch:
            try decodeBatch(events.body, dataset: dataset, receivedAt: receivedAt)
        case .lines(let timeField):
            try decodeLines(
                events.body, dataset: dataset, receivedAt: receivedAt, timeField: timeField)
        case .records:
            try decodeLines(events.body, dataset: dataset, receivedAt: receivedAt)
        }
    }
}

extension MessagePackEventDecoder {
    fileprivate func decode(
        _ events: IncomingEvents, into dataset: String, receivedAt: Int64
    ) throws(BodyRefusal) -> Decoded {
        switch events.form {
        case .event(let time, let sampleRate):
            try decodeEvent(
                events.body, dataset: dataset, receivedAt: receivedAt, time: time,
                sampleRate: sampleRate)
        case .batch, .lines, .records:
            try decodeBatch(events.body, dataset: dataset, receivedAt: receivedAt)
        }
    }
}

/// The events of one request before they are decoded.
struct IncomingEvents: Sendable {
    /// What the body looks like, and with it the answer.
    enum Form: Sendable {
        /// One object of fields; time and sample rate as headers say them.
        case event(time: String?, sampleRate: String?)
        /// An array of events with time, sample rate and data.
        case batch
        /// An object of fields a line; the field that tells the time, if it was named.
        case lines(timeField: String?)
        /// Lines that came as the records of a delivery, by its id and its time.
        case records(requestID: String, receivedAt: Int64)
    }

    let environment: String
    /// As the client wrote it.
    let dataset: String
    let form: Form
    /// Already inflated.
    let body: PaddedBytes
    /// The client's key for the request, if it gave one.
    let key: RequestKey?
    let durability: Durability
    var format = Format.json

    /// How a body is written; lines are always JSON.
    enum Format: Sendable {
        case json, messagePack
    }
}
