internal import Bytes
internal import CMicrohttpd
internal import Glibc
internal import Host

// What libmicrohttpd calls, on the epoll thread of the connection. The context is the server; the
// state of a request is its `HTTPExchange`, retained from `beginExchange` to `endExchange`.

typealias ExchangeState = UnsafeMutablePointer<UnsafeMutableRawPointer?>

func beginExchange(
    context: UnsafeMutableRawPointer?, target: UnsafePointer<CChar>?, connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let server = server(context) else { return nil }
    server.counters.exchangeBegan()
    // What is no UTF-8 is no target either; the empty text is refused as such.
    let text = target.flatMap { String(validatingCString: $0) } ?? ""
    return Unmanaged.passRetained(HTTPExchange(target: text)).toOpaque()
}

func endExchange(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?, state: ExchangeState?,
    reason: MHD_RequestTerminationCode
) {
    guard let server = server(context), let pointer = state?.pointee else { return }
    let exchange = Unmanaged<HTTPExchange>.fromOpaque(pointer).takeRetainedValue()
    state?.pointee = nil
    // A client that went away is not asked for its answer any more.
    if case .handling = exchange.phase { server.counters.workEnded() }
    if let requests = exchange.endBeingUnderWay(server.counters) {
        server.handler.noneIsUnderWay(after: requests)
    }
    exchange.discardBody(server.counters)
    server.counters.exchangeEnded(answerBytes: exchange.bytesAnswered)
    server.observer?(
        exchange.account(
            isCutOff: reason != .REQUEST_TERMINATED_COMPLETED_OK,
            wallNanoseconds: SystemClock().wallNanoseconds()))
}

func continueExchange(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?, url: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?,
    upload: UnsafePointer<CChar>?, uploadSize: UnsafeMutablePointer<Int>?, state: ExchangeState?
) -> MHD_Result {
    guard let server = server(context), let connection, let pointer = state?.pointee,
        let method, let version, let uploadSize
    else { return .NO }
    let exchange = Unmanaged<HTTPExchange>.fromOpaque(pointer).takeUnretainedValue()
    switch exchange.phase {
    case .begun:
        return readHead(
            of: exchange, on: connection, server: server, method: String(cString: method),
            version: String(cString: version))
    case .receiving(let head):
        if uploadSize.pointee > 0 {
            let count = uploadSize.pointee
            uploadSize.pointee = 0
            return receive(
                UnsafeRawBufferPointer(start: upload, count: count), of: exchange, head: head,
                server: server)
        }
        let body = exchange.body ?? PaddedBytes(capacity: 0)
        exchange.body = nil
        let request = HTTPRequest(head: head, body: body)
        if server.dispatch(request, of: exchange, on: connection) {
            return answerOrSuspend(exchange, on: connection, server: server)
        }
        return queue(
            server.handler.wording(
                of: .closing(.busy(503, "the server is stopping", retryAfterSeconds: 5)),
                for: head),
            for: exchange, on: connection, server: server)
    case .refusing(let response):
        if uploadSize.pointee > 0 {
            let count = uploadSize.pointee
            uploadSize.pointee = 0
            return discard(count, of: exchange)
        }
        return queue(response, for: exchange, on: connection, server: server)
    case .handling:
        // Called again after the suspension: the answer is there.
        guard let response = exchange.takeAnswer() else { return .YES }
        server.counters.workEnded()
        return queue(response, for: exchange, on: connection, server: server)
    case .answered: return .NO
    }
}

/// Sends the answer of a request that was dispatched; suspends its connection when there is none yet.
///
/// An answer that is there costs no suspension, which is some system calls and a turn of the thread.
private func answerOrSuspend(
    _ exchange: HTTPExchange, on connection: OpaquePointer, server: HTTPServer
) -> MHD_Result {
    if let response = exchange.takeAnswer() {
        server.counters.workEnded()
        return queue(response, for: exchange, on: connection, server: server)
    }
    MHD_suspend_connection(connection)
    // Whoever left the answer before this line did not know of the suspension.
    if !exchange.waitSuspended() { MHD_resume_connection(connection) }
    return .YES
}

private func server(_ context: UnsafeMutableRawPointer?) -> HTTPServer? {
    context.map { Unmanaged<HTTPServer>.fromOpaque($0).takeUnretainedValue() }
}

/// Judges the head; a refusal is sent before the body is read and ends the connection.
private func readHead(
    of exchange: HTTPExchange, on connection: OpaquePointer, server: HTTPServer, method: String,
    version: String
) -> MHD_Result {
    exchange.method = method
    let headers = readHeaders(of: connection)
    switch MessageFraming.judge(headers, version: version) {
    case .failure(let refusal):
        return queue(
            .closing(.error(refusal.status, refusal.message)), for: exchange, on: connection,
            server: server)
    case .success(let length):
        guard let target = RequestTarget(exchange.target) else {
            return queue(
                .closing(.error(400, "the request target is not well-formed")), for: exchange,
                on: connection, server: server)
        }
        let head = HTTPRequestHead(
            method: method, target: target, headers: headers,
            remoteAddress: peerAddress(of: connection),
            connection: ClientConnection(socket: wf_http_connection_socket(connection)))
        exchange.head = head
        if var refusal = server.handler.refusal(of: head) {
            refusal.closesConnection = refusal.closesConnection || length != .none
            return queue(refusal, for: exchange, on: connection, server: server)
        }
        let expected = if case .bytes(let count) = length { count } else { 0 }
        guard exchange.reserve(expected, server.counters) else {
            return queue(
                server.handler.wording(of: tooManyBodies(), for: head), for: exchange,
                on: connection, server: server)
        }
        exchange.body = PaddedBytes(capacity: expected)
        if expected > 0, server.handler.lane(of: head) == .ingest,
            head.isQuick(bodyBytes: expected)
        {
            exchange.beginBeingUnderWay(server.counters)
        }
        exchange.phase = .receiving(head)
        return .YES
    }
}

private func tooManyBodies() -> HTTPResponse {
    .closing(.overloaded("too many bodies are in flight"))
}

/// Takes a piece of the body; beyond the limit the rest is read and thrown away.
private func receive(
    _ bytes: UnsafeRawBufferPointer, of exchange: HTTPExchange, head: HTTPRequestHead,
    server: HTTPServer
) -> MHD_Result {
    exchange.bytesReceived += bytes.count
    if exchange.isTooSlow { return .NO }
    if exchange.bytesReceived > ServiceLimits.bodyBytesMax {
        exchange.discardBody(server.counters)
        exchange.phase = .refusing(
            server.handler.wording(of: .closing(MessageFraming.bodyTooLarge), for: head))
    } else if !exchange.reserve(exchange.bytesReceived, server.counters) {
        exchange.discardBody(server.counters)
        exchange.phase = .refusing(server.handler.wording(of: tooManyBodies(), for: head))
    } else {
        exchange.body?.append(bytes)
    }
    return .YES
}

/// Reads on after a refusal, for a client that looks for its answer only when it has sent all;
/// one that never ends is cut off.
private func discard(_ count: Int, of exchange: HTTPExchange) -> MHD_Result {
    exchange.bytesDiscarded += count
    return exchange.bytesDiscarded <= ServiceLimits.bodyBytesMax && !exchange.isTooSlow ? .YES : .NO
}

/// Hands the answer to libmicrohttpd, which copies it.
private func queue(
    _ response: HTTPResponse, for exchange: HTTPExchange, on connection: OpaquePointer,
    server: HTTPServer
) -> MHD_Result {
    var response = response
    let unread = server.counters.answerBytesInFlight
    if unread > 0 && unread + response.body.count > server.answersInFlightMax {
        let busy = HTTPResponse.overloaded("too many answers wait to be read")
        response = exchange.head.map { server.handler.wording(of: busy, for: $0) } ?? busy
    }
    exchange.phase = .answered
    exchange.times.answered = .now
    exchange.status = response.status
    exchange.notes = response.notes
    exchange.bytesAnswered = response.body.count
    server.counters.answered(response.status, bytes: response.body.count)
    guard let made = makeResponse(response, for: exchange, on: connection, server: server) else {
        return .NO
    }
    defer { MHD_destroy_response(made) }
    for (name, value) in response.headers.fields { addHeader(name, value, to: made) }
    for (name, value) in HTTPResponse.securityHeaders { addHeader(name, value, to: made) }
    if response.closesConnection || server.closesConnections {
        addHeader("Connection", "close", to: made)
    }
    return MHD_queue_response(connection, UInt32(response.status), made)
}

/// A value with a line break, as of a name a client chose, is not sent at all.
private func addHeader(_ name: String, _ value: String, to response: OpaquePointer) {
    // Given as they are, both texts would be copied to arrays for the call.
    name.withCString { name in
        value.withCString { value in _ = MHD_add_response_header(response, name, value) }
    }
}

private func makeResponse(
    _ response: HTTPResponse, for exchange: HTTPExchange, on connection: OpaquePointer,
    server: HTTPServer
) -> OpaquePointer? {
    guard let stream = response.stream else {
        return response.body.withUnsafeBytes { bytes in
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                .RESPMEM_MUST_COPY)
        }
    }
    server.counters.workBegan()
    let reader = StreamReader(
        stream, of: exchange, on: connection, server.counters, first: response.body)
    let context = Unmanaged.passRetained(reader)
    let made = MHD_create_response_from_callback(
        UInt64.max, StreamReader.blockBytes, readStream, context.toOpaque(), endStream)
    if made == nil { context.release() }
    return made
}

/// Gives libmicrohttpd more of an answer that is still being written.
private func readStream(
    context: UnsafeMutableRawPointer?, position: UInt64, buffer: UnsafeMutablePointer<CChar>?,
    size: Int
) -> Int {
    guard let context, let buffer else { return wf_http_stream_failed }
    let reader = Unmanaged<StreamReader>.fromOpaque(context).takeUnretainedValue()
    return reader.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
}

/// The answer was sent, or its client is gone.
private func endStream(context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<StreamReader>.fromOpaque(context).release()
}

private func peerAddress(of connection: OpaquePointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        wf_http_peer_address(connection, buffer.baseAddress, buffer.count)
        return buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
}

private final class HeaderCollection {
    var headers = HTTPHeaders()
}

private func readHeaders(of connection: OpaquePointer) -> HTTPHeaders {
    let collection = HeaderCollection()
    let count = MHD_get_connection_values(connection, .HEADER_KIND, nil, nil)
    collection.headers.reserveCapacity(Int(count))
    withExtendedLifetime(collection) {
        _ = MHD_get_connection_values(
            connection, .HEADER_KIND,
            { context, _, name, value in
                guard let context, let name else { return .YES }
                let collection = Unmanaged<HeaderCollection>.fromOpaque(context)
                    .takeUnretainedValue()
                collection.headers.add(
                    String(cString: name), value.map { String(cString: $0) } ?? "")
                return .YES
            }, Unmanaged.passUnretained(collection).toOpaque())
    }
    return collection.headers
}
