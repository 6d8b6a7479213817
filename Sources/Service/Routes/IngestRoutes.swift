internal import EventStore
internal import Events

/// Where events come in: one, a batch, or lines.
struct IngestRoutes: Sendable {
    let pipeline: Pipeline

    var routes: [Route] {
        [
            Route("POST", "/1/events/{dataset}", .sendEvents, lane: .ingest) { call, reply in
                take(call, reply) { _ in
                    .event(
                        time: call.head.headers["X-Honeycomb-Event-Time"],
                        sampleRate: call.head.headers["X-Honeycomb-Samplerate"])
                }
            },
            Route("POST", "/1/batch/{dataset}", .sendEvents, lane: .ingest) { call, reply in
                take(call, reply) { type in
                    let lines = ["application/x-ndjson", "application/ndjson"]
                    guard lines.contains(type ?? "") else { return .batch }
                    return .lines(timeField: call.head.target.queryValue("time_field"))
                }
            },
        ]
    }

    private static let packedTypes = [
        "application/msgpack", "application/x-msgpack", "application/vnd.msgpack",
    ]

    private func take(
        _ call: RouteCall, _ reply: @escaping Route.Reply,
        _ form: (_ contentType: String?) -> IncomingEvents.Form
    ) {
        do throws(HTTPRefusal) {
            pipeline.take(try incoming(call, form), reply: reply)
        } catch {
            reply(error.response)
        }
    }

    private func incoming(
        _ call: RouteCall, _ form: (_ contentType: String?) -> IncomingEvents.Form
    ) throws(HTTPRefusal) -> IncomingEvents {
        let dataset = call.parameters[0]
        if let fault = DatasetDirectory.fault(in: dataset) { throw HTTPRefusal(.error(400, fault)) }
        let type = call.head.contentType
        let form = form(type)
        return IncomingEvents(
            environment: call.principal.environment, dataset: dataset, form: form,
            body: try call.request.openedBody(),
            key: try RequestKey(
                of: call.request, meaning: "\(form)\n\(DatasetName.key(dataset))"),
            durability: try Durability(asked: call.head.headers["Widefield-Ack"]),
            format: IngestRoutes.packedTypes.contains(type ?? "") ? .messagePack : .json)
    }
}

extension Durability {
    /// How safe a request's events are to be before its answer, as a header asks.
    init(asked: String?) throws(HTTPRefusal) {
        switch asked {
        case nil, "synced": self = .synced
        case "buffered": self = .buffered
        default: throw HTTPRefusal(.error(400, "Widefield-Ack must be synced or buffered"))
        }
    }
}
