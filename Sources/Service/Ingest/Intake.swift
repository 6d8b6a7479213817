internal import EventStore
internal import Host
internal import Ingest

/// Decodes the bodies of requests into the datasets they are meant for.
struct Intake: Sendable {
    let store: EventStore
    let datasets: DatasetDirectory
    let clock: any HostClock

    /// Why nothing of a body is kept.
    enum Refusal: Error {
        case body(BodyRefusal)
        case tooManyDatasets
    }

    /// Decodes one body; of a refused one the decoder keeps nothing.
    func decode(
        _ events: IncomingEvents, _ decoder: some IncomingEventsDecoder
    ) throws(Refusal) -> Decoded {
        let rowsBefore = decoder.shared.rows
        var dataset = datasets.name(for: events.dataset, in: events.environment)
        while true {
            let decoded = try decode(events, decoder, into: dataset)
            guard decoded.accepted > 0 else { return decoded }
            let settled = datasets.settle(dataset, in: events.environment)
            if settled == dataset { return decoded }
            decoder.shared.removeRows(from: rowsBefore)
            // Another spelling of the name came first meanwhile; it stays.
            guard let settled else { throw .tooManyDatasets }
            dataset = settled
        }
    }

    private func decode(
        _ events: IncomingEvents, _ decoder: some IncomingEventsDecoder, into dataset: String
    ) throws(Refusal) -> Decoded {
        let receivedAt = clock.wallNanoseconds()
        decoder.earliest = store.retentionCutoff(
            environment: events.environment, dataset: dataset)
        do throws(BodyRefusal) {
            return try decoder.decode(events, into: dataset, receivedAt: receivedAt)
        } catch {
            throw .body(error)
        }
    }
}

extension Intake.Refusal {
    var response: HTTPResponse {
        switch self {
        case .body(let refusal): refusal.response
        case .tooManyDatasets: HTTPRefusal.tooManyDatasets.response
        }
    }
}

extension HTTPRefusal {
    /// For events of a new dataset where there are too many.
    static let tooManyDatasets = HTTPRefusal(
        .error(400, "the environment has \(ServiceLimits.datasetsMax) datasets already"))
}
