internal import Bytes
internal import EventStore
internal import Events
internal import Host
internal import Ingest

/// One OTLP request before it is decoded.
struct IncomingExport: Sendable {
    let environment: String
    let signal: OTLPSignal
    let encoding: OTLPDecoder.Encoding
    let routing: OTLPDecoder.Routing
    /// Already inflated.
    let body: PaddedBytes
    /// The client's key for the request, if it gave one.
    let key: RequestKey?
    let durability: Durability
}

/// OTLP on the road of events: one request may hold several datasets, and is one record all the same.
extension Pipeline {
    /// Takes what one request exports; `reply` is called once, when it is as safe as was asked.
    func take(
        _ export: IncomingExport, reply: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        do throws(HTTPRefusal) {
            if let prior = priorAnswer(to: export.key, in: export.environment) {
                return reply(prior)
            }
            let result = try decode(export)
            keep(
                result.decoded, of: export.environment, key: export.key,
                durability: export.durability,
                answer: OTLPAnswer(encoding: export.encoding).success(export.signal, result),
                reply: reply)
        } catch {
            reply(error.response)
        }
    }

    private func decode(_ export: IncomingExport) throws(HTTPRefusal) -> OTLPDecoded {
        while true {
            let result = try decodeOnce(export)
            var isSettled = true
            for name in OTLPDecoded.datasets(in: result.decoded.batches) {
                guard let settled = intake.datasets.settle(name, in: export.environment) else {
                    throw .tooManyDatasets
                }
                // Another spelling of the name came first meanwhile; it stays.
                isSettled = isSettled && settled == name
            }
            if isSettled { return result }
        }
    }

    private func decodeOnce(_ export: IncomingExport) throws(HTTPRefusal) -> OTLPDecoded {
        do throws(OTLPRefusal) {
            return try exportDecoders.withDecoder { (decoder) throws(OTLPRefusal) in
                try decoder.decode(
                    export.body, export.encoding, export.signal, routing: export.routing,
                    receivedAt: intake.clock.wallNanoseconds()
                ) { name in
                    if let fault = DatasetDirectory.fault(in: name) { return .refused(fault) }
                    let known = intake.datasets.name(for: name, in: export.environment)
                    return .open(
                        name: known,
                        earliest: store.retentionCutoff(
                            environment: export.environment, dataset: known))
                }
            }
        } catch {
            throw HTTPRefusal(
                error.isTooLarge
                    ? .error(413, "Request body is too large. \(error)")
                    : .error(400, "failed to parse OTLP request body: \(error)"))
        }
    }
}

extension OTLPDecoded {
    /// The datasets of the batches' events.
    fileprivate static func datasets(in batches: [EventBatch]) -> Set<String> {
        var names: Set<String> = []
        for batch in batches {
            for index in 0..<batch.datasets.dictionary.count {
                if case .string(let name) = batch.datasets.dictionary[index] { names.insert(name) }
            }
        }
        return names
    }
}
