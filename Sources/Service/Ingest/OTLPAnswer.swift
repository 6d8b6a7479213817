internal import Bytes
internal import Ingest

/// What an OTLP client is told, in the encoding in which it asked.
struct OTLPAnswer: Sendable {
    let encoding: OTLPDecoder.Encoding

    /// The request was taken: `Export…ServiceResponse`, with what was not kept of it if anything.
    func success(_ signal: OTLPSignal, _ result: OTLPDecoded) -> HTTPResponse {
        guard let rejection = result.decoded.rejections.first else {
            return response(status: 200, json: [:], protobuf: [])
        }
        let message =
            "\(result.decoded.rejections.count) of \(result.decoded.events) events "
            + "were not kept, the first: \(rejection.message)"
        var writer = ProtobufWriter()
        writer.message(1) { partial in
            if result.rejectedItems > 0 { partial.varint(1, UInt64(result.rejectedItems)) }
            partial.string(2, message)
        }
        return response(
            status: 200,
            json: [
                "partialSuccess": [
                    signal.rejectedName: .string(String(result.rejectedItems)),
                    "errorMessage": .string(message),
                ]
            ], protobuf: writer.bytes)
    }

    /// A refusal as `google.rpc.Status`; its headers, as `Retry-After`, stay.
    func refusal(_ refusal: HTTPResponse) -> HTTPResponse {
        let message = refusal.message ?? ""
        let code = RPCCode(ofStatus: refusal.status).rawValue
        var writer = ProtobufWriter()
        writer.varint(1, UInt64(code))
        writer.string(2, message)
        var answer = response(
            status: refusal.status,
            json: ["code": .int(Int64(code)), "message": .string(message)],
            protobuf: writer.bytes)
        for field in refusal.headers.fields where field.name != "Content-Type" {
            answer.headers.add(field.name, field.value)
        }
        answer.closesConnection = refusal.closesConnection
        return answer
    }

    private func response(
        status: Int, json: JSONValue, protobuf: [UInt8]
    ) -> HTTPResponse {
        switch encoding {
        case .json: .json(json, status: status)
        case .protobuf:
            HTTPResponse(
                status: status, headers: ["Content-Type": "application/x-protobuf"],
                body: protobuf)
        }
    }
}

extension OTLPDecoder.Encoding {
    /// How a body of this media type is written; nil for a type that OTLP does not have.
    init?(contentType: String?) {
        switch contentType {
        case "application/x-protobuf", "application/protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }
}

extension OTLPSignal {
    /// How a response in JSON calls the number of what was not kept.
    fileprivate var rejectedName: String {
        switch self {
        case .traces: "rejectedSpans"
        case .logs: "rejectedLogRecords"
        case .metrics: "rejectedDataPoints"
        }
    }
}
