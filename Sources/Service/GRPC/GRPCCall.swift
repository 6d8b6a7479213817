internal import Bytes
internal import Events

/// One call of a connection, from its first header field to the end of its stream.
///
/// Belongs to the connection's thread.
final class GRPCCall {
    enum Phase {
        /// Header fields arrive.
        case begun
        /// The message arrives.
        case receiving(HTTPRequestHead)
        /// It is being answered elsewhere.
        case working
        /// The answer is on its way; what still comes is thrown away.
        case answered
    }

    /// What is still to be sent of an answer's message, then of its trailers.
    struct Answer {
        let bytes: [UInt8]
        var sent = 0
        let status: GRPCStatus
    }

    /// What is told of the call when it has ended.
    struct Account {
        var head: HTTPRequestHead?
        var dispatched: ContinuousClock.Instant?
        /// Nil until there is an answer of gRPC.
        var status: RPCCode?
        var notes: [RequestNote] = []
    }

    let stream: Int32
    var account = Account()
    let began = ContinuousClock.now
    var phase = Phase.begun
    var answer: Answer?
    /// When the answer was begun.
    var answeredAt: ContinuousClock.Instant?
    private(set) var bytesReceived = 0
    /// Bytes that the server counts as in flight.
    private var bytesReserved = 0
    private var reader = GRPCMessageReader(limit: ServiceLimits.bodyBytesMax)
    private var fields = HTTPHeaders()
    private var fieldBytes = 0
    private var pseudoFields: [String: String] = [:]
    private var deadline: ContinuousClock.Instant?

    init(stream: Int32) { self.stream = stream }

    /// Whether the client has stopped waiting, as it said it would.
    var isLate: Bool { deadline.map { $0 <= ContinuousClock.now } ?? false }

    /// Whether the message comes slower than anyone honest sends.
    var isTooSlow: Bool { isSlowBody(since: began, bytes: bytesReceived) }

    // MARK: - The head

    /// Takes a header field; what is beyond the bound is counted and not kept.
    func addField(_ name: String, _ value: String) {
        fieldBytes += name.utf8.count + value.utf8.count + 32
        guard !hasTooManyFields else { return }
        if name.hasPrefix(":") { pseudoFields[name] = value } else { fields.add(name, value) }
    }

    /// Whether some of its header fields were not kept.
    var hasTooManyFields: Bool { fieldBytes > GRPCLimits.headerBytesMax }

    /// Whether it is a call of gRPC with messages in protobuf; anything else is told by HTTP alone.
    var isGRPC: Bool {
        let type = fields["content-type"] ?? ""
        let media = type.prefix { $0 != ";" && $0 != " " }
        return media == "application/grpc" || media == "application/grpc+proto"
    }

    /// The head as a route sees it: `:authority` as Host, without encodings.
    ///
    /// Throws when the header fields are too large or not understood.
    func head(from remoteAddress: String) throws(GRPCStatus) -> HTTPRequestHead {
        guard !hasTooManyFields else {
            throw GRPCStatus(
                .resourceExhausted,
                "the metadata is larger than \(GRPCLimits.headerBytesMax) bytes")
        }
        guard pseudoFields[":method"] == "POST",
            let target = RequestTarget(pseudoFields[":path"] ?? "")
        else { throw GRPCStatus(.unimplemented, "not the path of a method") }
        if let text = fields["grpc-timeout"] {
            guard let timeout = GRPCCall.timeout(text) else {
                throw GRPCStatus(.invalidArgument, "grpc-timeout is not well-formed")
            }
            deadline = began + timeout
        }
        var headers = fields
        if let authority = pseudoFields[":authority"] { headers["Host"] = authority }
        headers["Content-Encoding"] = nil
        return HTTPRequestHead(
            method: "POST", target: target, headers: headers, remoteAddress: remoteAddress)
    }

    /// Reads up to eight digits and a unit: `250m` is 250 milliseconds.
    static func timeout(_ text: String) -> Duration? {
        let digits = text.utf8.dropLast()
        guard (1...8).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(text.dropLast())
        else { return nil }
        return switch text.last {
        case "H": .seconds(count * 3600)
        case "M": .seconds(count * 60)
        case "S": .seconds(count)
        case "m": .milliseconds(count)
        case "u": .microseconds(count)
        case "n": .nanoseconds(count)
        default: nil
        }
    }

    // MARK: - The message

    /// Takes a piece of the message; with its length there must be room for all of it.
    func receive(
        _ bytes: UnsafeRawBufferPointer, _ counters: HTTPCounters
    ) throws(GRPCStatus) {
        bytesReceived += bytes.count
        try reader.append(bytes)
        guard let announced = reader.announced, announced > bytesReserved else { return }
        guard counters.reserve(announced, ofBody: announced) else {
            throw GRPCStatus(of: .overloaded("too many bodies are in flight"))
        }
        bytesReserved = announced
    }

    /// The whole request, its body as it was sent and `Content-Encoding` telling how.
    ///
    /// Throws when the message is not whole, or compressed in an unknown way.
    func request(_ head: HTTPRequestHead) throws(GRPCStatus) -> HTTPRequest {
        let body = try reader.whole()
        var headers = head.headers
        if reader.isCompressed {
            guard let encoding = headers["grpc-encoding"] else {
                throw GRPCStatus(.internal, "a compressed message without grpc-encoding")
            }
            headers["Content-Encoding"] = encoding
        }
        let opened = HTTPRequestHead(
            method: head.method, target: head.target, headers: headers,
            remoteAddress: head.remoteAddress)
        // The message is handed on; what comes after it is not kept.
        reader = GRPCMessageReader(limit: 0)
        return HTTPRequest(head: opened, body: body)
    }

    /// Lets go of what was received; it is refused.
    func discardMessage(_ counters: HTTPCounters) {
        reader = GRPCMessageReader(limit: 0)
        // What is worked on is in memory until the call ends.
        if case .working = phase { return }
        giveBack(counters)
    }

    /// Gives back the room of its message.
    func giveBack(_ counters: HTTPCounters) {
        counters.giveBack(bytesReserved)
        bytesReserved = 0
    }
}

extension GRPCCall {
    /// The whole of it, once it has ended; the wait for a worker is part of the answering.
    func accounted(wallNanoseconds: Int64) -> AnsweredRequest {
        let ended = ContinuousClock.now
        var request = AnsweredRequest(method: "POST", target: "", account.head)
        let isAnswered = answeredAt != nil
        request.status = isAnswered ? 200 : 0
        request.isCutOff = !isAnswered || (answer.map { $0.sent < $0.bytes.count } ?? false)
        request.bytesReceived = bytesReceived
        request.bytesAnswered = answer?.bytes.count ?? 0
        request.duration = ended - began
        request.beganAt = wallNanoseconds - Int64(request.duration / .nanoseconds(1))
        let answered = answeredAt ?? ended
        let dispatched = account.dispatched ?? answered
        request.receiving = dispatched - began
        request.answering = answered - dispatched
        request.notes = account.notes
        if let status = account.status {
            request.notes.append(
                RequestNote("rpc.grpc.status_code", .int(Int64(status.rawValue))))
            request.isFailure = status.isServerFailure
        }
        return request
    }
}
