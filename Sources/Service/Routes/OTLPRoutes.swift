internal import EventStore
internal import Ingest

/// Where OpenTelemetry's exporters send, on the main listener and on OTLP's own two.
struct OTLPRoutes: Sendable {
    let pipeline: Pipeline

    var routes: [Route] {
        OTLPSignal.allCases.flatMap { signal in
            // Some senders end the path with a slash.
            ["/v1/\(signal.rawValue)", "/v1/\(signal.rawValue)/"].map { path in
                Route("POST", path, .sendEvents, lane: .ingest) { call, reply in
                    take(call, signal, reply)
                }.refusing { head, refusal in
                    OTLPDecoder.Encoding(contentType: head.contentType)
                        .map { OTLPAnswer(encoding: $0).refusal(refusal) } ?? refusal
                }
            }
        }
    }

    /// The same as methods of OTLP's services, as gRPC calls them.
    var methods: [Route] {
        OTLPSignal.allCases.map { signal in
            Route("POST", "/\(signal.serviceName)/Export", .sendEvents, lane: .ingest) {
                take($0, signal, .protobuf, $1)
            }
        }
    }

    private func take(
        _ call: RouteCall, _ signal: OTLPSignal, _ reply: @escaping Route.Reply
    ) {
        guard let encoding = OTLPDecoder.Encoding(contentType: call.head.contentType) else {
            return reply(
                .text(
                    "unsupported content-type, valid types are: application/protobuf, "
                        + "application/x-protobuf, application/json", status: 415))
        }
        let answer = OTLPAnswer(encoding: encoding)
        take(call, signal, encoding) { response in
            reply(response.status == 200 ? response : answer.refusal(response))
        }
    }

    private func take(
        _ call: RouteCall, _ signal: OTLPSignal, _ encoding: OTLPDecoder.Encoding,
        _ reply: @escaping Route.Reply
    ) {
        do throws(HTTPRefusal) {
            pipeline.take(try incoming(call, signal, encoding), reply: reply)
        } catch {
            reply(error.response)
        }
    }

    private func incoming(
        _ call: RouteCall, _ signal: OTLPSignal, _ encoding: OTLPDecoder.Encoding
    ) throws(HTTPRefusal) -> IncomingExport {
        let headers = call.head.headers
        let routing = OTLPDecoder.Routing(
            header: headers["X-Honeycomb-Dataset"],
            isClassic: OTLPRoutes.isClassicKey(headers["X-Honeycomb-Team"] ?? ""))
        if routing.isClassic, signal != .logs, (routing.header ?? "").isEmpty {
            throw HTTPRefusal(.error(401, "missing 'x-honeycomb-dataset' header"))
        }
        return IncomingExport(
            environment: call.principal.environment, signal: signal, encoding: encoding,
            routing: routing, body: try call.request.openedBody(),
            key: try RequestKey(
                of: call.request,
                meaning: "\(signal) \(encoding)\n\(routing.header ?? "") \(routing.isClassic)",
                answerType: OTLPAnswer(encoding: encoding).contentType),
            durability: try Durability(asked: headers["Widefield-Ack"]))
    }

    /// Honeycomb's keys of old, with which a header names the dataset: 32 hexadecimal digits, or 64
    /// characters that begin with `hc`, a letter, and `ic_`.
    private static func isClassicKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        switch bytes.count {
        case 32: return bytes.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
        case 64:
            return key.hasPrefix("hc") && isLetter(bytes[2])
                && bytes[3..<6].elementsEqual("ic_".utf8)
                && bytes[6...].allSatisfy { isDigit($0) || isLetter($0) }
        default: return false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
}

extension OTLPSignal {
    /// The service of OTLP that exports it, with its package.
    fileprivate var serviceName: String {
        switch self {
        case .traces: "opentelemetry.proto.collector.trace.v1.TraceService"
        case .logs: "opentelemetry.proto.collector.logs.v1.LogsService"
        case .metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService"
        }
    }
}
