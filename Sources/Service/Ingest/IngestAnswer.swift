internal import Bytes
internal import EventStore
internal import Ingest

/// What a sender is told of its events: status and body, in the shape its form of body asks for.
struct IngestAnswer: Sendable {
    static let json = "application/json"

    let status: Int
    let contentType: String
    let body: [UInt8]

    init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// The answer to a body that was well-formed.
    init(to form: IncomingEvents.Form, _ decoded: Decoded) {
        contentType = IngestAnswer.json
        switch form {
        case .event:
            if let rejection = decoded.rejections.first {
                status = 400
                body = HTTPResponse.error(400, rejection.message).body
            } else {
                status = 200
                body = []
            }
        case .batch:
            status = 200
            body = IngestAnswer.statuses(decoded)
        case .lines:
            status = 200
            body = IngestAnswer.counts(decoded)
        case .records(let requestID, let receivedAt):
            status = 200
            let fault = decoded.rejections.first.map {
                "\(decoded.rejections.count) of \(decoded.events) events were not kept, "
                    + "the first: \($0.message)"
            }
            let receipt = KinesisDelivery.receipt(of: requestID, at: receivedAt, fault: fault)
            body = Array(JSONValue.object(receipt).text.utf8)
        }
    }

    /// As Honeycomb has it: `[{"status":202},{"status":400,"error":"…"},…]`, one for each event.
    private static func statuses(_ decoded: Decoded) -> [UInt8] {
        var writer = JSONWriter(capacity: decoded.events * acceptedBytes + 64)
        var rejections = decoded.rejections[...]
        writer.beginArray()
        var index = 0
        while index < decoded.events {
            let end = min(rejections.first?.index ?? decoded.events, index + acceptedAtOnce)
            if index < end {
                writer.raw(accepted[..<((end - index) * acceptedBytes - 1)])
                index = end
            } else if let rejection = rejections.popFirst() {
                writer.beginObject()
                writer.key("status")
                writer.int(400)
                writer.key("error")
                writer.string(rejection.message)
                writer.endObject()
                index += 1
            }
        }
        writer.endArray()
        return writer.bytes
    }

    /// The statuses of accepted events, each with a comma: many are written as fast as one.
    private static let accepted = Array(
        String(repeating: #"{"status":202},"#, count: acceptedAtOnce).utf8)
    private static let acceptedAtOnce = 256
    private static let acceptedBytes = 15

    /// `{"accepted":n,"rejected":[{"line":i,"error":"…"}]}`.
    private static func counts(_ decoded: Decoded) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("accepted")
        writer.int(decoded.accepted)
        writer.key("rejected")
        writer.beginArray()
        for rejection in decoded.rejections {
            writer.beginObject()
            writer.key("line")
            writer.int(rejection.line)
            writer.key("error")
            writer.string(rejection.message)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    func response(isDuplicate: Bool, _ durability: Durability) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: body)
        // An empty body of JSON would be none; the empty message of protobuf is one.
        if !body.isEmpty || contentType != IngestAnswer.json {
            response.headers["Content-Type"] = contentType
        }
        response.headers["Widefield-Ack"] = durability == .synced ? "synced" : "buffered"
        if isDuplicate { response.headers["Widefield-Duplicate"] = "true" }
        return response
    }
}

// MARK: - Kept under an idempotency key

extension IngestAnswer {
    /// Two bytes of status and the body through zstd: a million equal statuses are a few bytes.
    var stored: [UInt8] {
        [UInt8(status >> 8), UInt8(status & 255)] + Zstd.compress(body)
    }

    /// Reads what `stored` gave; a record that was damaged would not have passed its checksum.
    init(stored bytes: [UInt8], contentType: String) {
        self.contentType = contentType
        let opened = try? Zstd.decompress(
            PaddedBytes(bytes.dropFirst(2)), limit: ServiceLimits.inflatedBytesMax)
        status = bytes.count < 2 ? 200 : Int(bytes[0]) << 8 | Int(bytes[1])
        body = opened?.withBytes { Array($0) } ?? []
    }
}

// MARK: - Refusals

extension BodyRefusal {
    /// The body as a whole is refused; nothing of it was stored.
    var response: HTTPResponse {
        switch reason {
        case .empty: return .error(400, "Request body should not be empty.")
        case .tooManyEvents, .notShared:
            return .error(413, "Request body is too large. \(message)")
        case .malformed:
            var place = JSONObject()
            place["error"] = .string(
                "Request body is malformed and cannot be read. \(description)")
            place["offset"] = .int(Int64(offset))
            if line > 0 {
                place["line"] = .int(Int64(line))
                place["column"] = .int(Int64(column))
            }
            return .json(.object(place), status: 400)
        }
    }
}

extension EventStoreError {
    /// What a sender is told when its events could not be stored.
    var response: HTTPResponse {
        switch code {
        case .outOfSpace: .busy(503, "\(message)", retryAfterSeconds: 10)
        case .overloaded: .overloaded("\(message)")
        case .keyConflict: .error(422, message)
        case .tooLarge: .error(413, message)
        case .expired: .error(400, message)
        case .readOnly, .damaged, .inputOutput, .inUse, .closed:
            .busy(503, "nothing is taken at the moment: \(message)", retryAfterSeconds: 30)
        }
    }
}
