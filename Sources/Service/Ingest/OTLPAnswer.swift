internal import Bytes
internal import Ingest

/// What an OTLP client is told, in the encoding in which it asked.
struct OTLPAnswer: Sendable {
    let encoding: OTLPDecoder.Encoding

    /// The request was taken: `Export…ServiceResponse`, with what was not kept of it if anything.
    func success(_ signal: OTLPSignal, _ result: OTLPDecoded) -> IngestAnswer {
        guard let rejection = result.decoded.rejections.first else {
            return answer(json: [:], protobuf: [])
        }
        let message =
            "\(result.decoded.rejections.count) of \(result.decoded.events) events "
            + "were not kept, the first: \(rejection.message)"
        var writer = ProtobufWriter()
        writer.message(1) { partial in
            if result.rejectedItems > 0 { partial.varint(1, UInt64(result.rejectedItems)) }
            partial.string(2, message)
        }
        return answer(
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
        let told = answer(
            status: refusal.status,
            json: ["code": .int(Int64(code)), "message": .string(message)],
            protobuf: writer.bytes)
        var answer = HTTPResponse(
            status: told.status, headers: ["Content-Type": contentType], body: told.body)
        for field in refusal.headers.fields where field.name != "Content-Type" {
            answer.headers.add(field.name, field.value)
        }
        answer.closesConnection = refusal.closesConnection
        return answer
    }

    /// The media type of every answer.
    var contentType: String {
        switch encoding {
        case .json: IngestAnswer.json
        case .protobuf: "application/x-protobuf"
        }
    }

    private func answer(
        status: Int = 200, json: JSONValue, protobuf: [UInt8]
    ) -> IngestAnswer {
        IngestAnswer(
            status: status, contentType: contentType,
            body: encoding == .json ? Array(json.text.utf8) : protobuf)
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
