internal import Bytes
internal import CMicrohttpd
internal import Glibc
internal import Host
internal import Synchronization

/// Where a request is worked on, so that slow ones do not hold up quick ones.
enum HTTPLane: Sendable {
    /// On the connection's own thread: it neither waits nor takes long.
    case immediate
    /// Small bodies on the connection's thread, others on a worker's.
    case ingest
    case query
}

/// What answers the requests of a server.
protocol HTTPHandler: Sendable {
    /// Looks at a request before its body is read; an answer given here is sent at once, and the
    /// body is not read. Called on a connection's thread: must not wait.
    func refusal(of head: HTTPRequestHead) -> HTTPResponse?

    /// Where the request is to be answered.
    func lane(of head: HTTPRequestHead) -> HTTPLane

    /// Answers a request by calling `reply` once, from whatever thread; a second call is ignored.
    func respond(
        to request: HTTPRequest, reply: @escaping @Sendable (HTTPResponse) -> Void)

    /// How a refusal of the server's own is told to who sent this request.
    func wording(of refusal: HTTPResponse, for head: HTTPRequestHead) -> HTTPResponse

    /// Told when the last quick request of the lane `ingest` that was under way has been responded to:
    /// what waits for others to come need not wait. Called on that request's connection's thread.
    ///
    /// - Parameter requests: how many there were since there was none.
    func noneIsUnderWay(after requests: Int)
}

extension HTTPHandler {
    func noneIsUnderWay(after requests: Int) {}

    func wording(of refusal: HTTPResponse, for head: HTTPRequestHead) -> HTTPResponse { refusal }
}

/// What listens on an address.
protocol Listener: Sendable {
    /// Stops accepting, waits until what was begun is answered, closes; returns whether all of it was.
    func stop() -> Bool
}

/// An HTTP/1.1 server: libmicrohttpd's epoll threads read and write, lanes of workers answer.
///
/// A request's connection is suspended while a worker has it, so that no thread waits for another.
final class HTTPServer: Listener {
    /// The address it listens on, with the port the system chose when 0 was asked for.
    let address: ListenAddress
    let handler: any HTTPHandler
    let counters: HTTPCounters
    let answersInFlightMax: Int
    /// Told of every request at its end, on its connection's thread: must not wait.
    let observer: (@Sendable (AnsweredRequest) -> Void)?
    private let ingestLane: RequestLane
    private let queryLane: RequestLane
    private let threads: ConnectionThreads
    private let acceptor: ConnectionAcceptor
    private let isStopping = Atomic(false)
    /// No request goes to a worker any more.
    private let isClosed = Atomic(false)

    /// Listens and serves until `stop()`, within TLS as `TLSIdentity` if asked.
    ///
    /// Throws `ListenError` when the address cannot be listened on.
    init(
        address: ListenAddress, workers: Int, handler: any HTTPHandler,
        counters: HTTPCounters, isTLS: Bool = false,
        answersInFlightMax: Int = ServiceLimits.answersInFlightBytesMax,
        connectionsMax: Int = ServiceLimits.connectionsMax,
        observer: (@Sendable (AnsweredRequest) -> Void)? = nil
    ) throws(ListenError) {
        do throws(HostError) {
            ingestLane = try RequestLane(name: "ingest", threads: workers)
            queryLane = try RequestLane(name: "query", threads: workers)
        } catch {
            throw ListenError(address: address, reason: "\(error)")
        }
        let (socket, bound) = try address.listen()
        self.address = bound
        self.handler = handler
        self.counters = counters
        self.answersInFlightMax = answersInFlightMax
        self.observer = observer
        threads = ConnectionThreads(counters, connectionsMax: connectionsMax)
        acceptor = ConnectionAcceptor(socket, threads)
        guard start(threads: workers, isTLS: isTLS) else {
            threads.stop()
            close(socket)
            throw ListenError(address: address, reason: "the HTTP server did not start")
        }
    }

    private func start(threads count: Int, isTLS: Bool) -> Bool {
        var options = wf_http_options()
        options.idle_timeout_seconds = UInt32(ServiceLimits.idleSeconds)
        options.connection_memory_bytes = ServiceLimits.connectionMemoryBytes
        options.context = Unmanaged.passUnretained(self).toOpaque()
        options.begin = beginExchange
        options.handle = continueExchange
        options.completed = endExchange
        let haveStarted = TLSIdentity.priorities.withCString { priorities in
            if isTLS {
                options.tls_priorities = priorities
                options.tls_retrieve = unsafeBitCast(
                    TLSIdentity.retrieve, to: UnsafeMutableRawPointer.self)
            }
            return threads.start(count, options)
        }
        guard haveStarted else { return false }
        do throws(HostError) {
            try acceptor.start()
        } catch {
            return false
        }
        return true
    }

    /// Stops accepting, waits until every request that was begun is answered, closes.
    ///
    /// A request that is not whole after `ServiceLimits.stopReceivingSeconds` is given up. After
    /// `ServiceLimits.stopSeconds` it no longer waits; returns whether all others were answered.
    func stop() -> Bool {
        if isStopping.exchange(true, ordering: .sequentiallyConsistent) { return true }
        acceptor.stop()
        let began = ContinuousClock.now
        let patience = began + .seconds(ServiceLimits.stopReceivingSeconds)
        while counters.exchangesOpen > 0 && ContinuousClock.now < patience { usleep(2000) }
        isClosed.store(true, ordering: .sequentiallyConsistent)
        let deadline = began + .seconds(ServiceLimits.stopSeconds)
        while counters.exchangesWorkedOn > 0 && ContinuousClock.now < deadline { usleep(2000) }
        // A suspended connection must not meet the end of its daemon; the process ends anyway.
        guard counters.exchangesWorkedOn == 0 else { return false }
        threads.stop()
        ingestLane.close()
        queryLane.close()
        return true
    }

    /// Whether it is being stopped: connections are closed after the answer that is under way.
    var closesConnections: Bool { isStopping.load(ordering: .relaxed) }

    /// Has a request answered, here or by its lane, for which its connection is suspended until then.
    ///
    /// Returns false when the server is closed to new work.
    func dispatch(
        _ request: HTTPRequest, of exchange: HTTPExchange, on connection: OpaquePointer
    ) -> Bool {
        // Counted before it is asked whether work may begin: `stop` asks in the other order.
        counters.workBegan()
        guard !isClosed.load(ordering: .sequentiallyConsistent) else {
            counters.workEnded()
            return false
        }
        exchange.phase = .handling
        exchange.times.dispatched = .now
        let waiting = WaitingForAnswer(exchange: exchange, connection: connection)
        let job: RequestLane.Job = { [handler] in
            let taken = ContinuousClock.now
            handler.respond(to: request) { waiting.end(with: $0, taken: taken) }
        }
        let lane: RequestLane? =
            switch handler.lane(of: request.head) {
            case .ingest: request.isQuick ? nil : ingestLane
            case .immediate: nil
            case .query: queryLane
            }
        if let lane {
            if !lane.submit(job) { waiting.end(with: tooManyWaiting(request.head), taken: .now) }
        } else {
            job()
        }
        // After its events have been left where those of others are.
        if let requests = exchange.endBeingUnderWay(counters) {
            handler.noneIsUnderWay(after: requests)
        }
        return true
    }

    private func tooManyWaiting(_ head: HTTPRequestHead) -> HTTPResponse {
        handler.wording(of: .overloaded("too many requests are waiting"), for: head)
    }
}

extension HTTPRequest {
    /// Whether the body is so small that to hand it to another thread would take longer than it saves.
    var isQuick: Bool {
        head.isQuick(bodyBytes: body.count)
    }
}

extension HTTPRequestHead {
    /// Whether a body of so many bytes is.
    func isQuick(bodyBytes: Int) -> Bool {
        bodyBytes <= ServiceLimits.immediateBodyBytes && headers["Content-Encoding"] == nil
    }
}

/// A connection that waits for its answer.
///
/// SENDABLE: the pointer is used once, by whoever leaves the first answer after the connection was
/// suspended, and it lives until it is resumed.
private struct WaitingForAnswer: @unchecked Sendable {
    let exchange: HTTPExchange
    let connection: OpaquePointer

    func end(with response: HTTPResponse, taken: ContinuousClock.Instant) {
        if exchange.leave(response, taken: taken) == .suspended {
            MHD_resume_connection(connection)
        }
    }
}

/// What a server counts of itself.
final class HTTPCounters: Sendable {
    private let open = Atomic(0)
    private let workedOn = Atomic(0)
    private let bytesInFlight: HTTPBytesInFlight
    private let connections = Atomic(0)
    /// Quick requests of the lane `ingest` that were announced and are not responded to yet.
    private let underWay = Atomic(0)
    /// How many of them were announced since there was none.
    private let underWaySinceNone = Atomic(0)
    /// Answers by the first digit of their status, 1 to 5.
    private let answers = Mutex([Int](repeating: 0, count: 6))

    init(_ bytesInFlight: HTTPBytesInFlight = HTTPBytesInFlight()) {
        self.bytesInFlight = bytesInFlight
    }

    /// Requests whose line was read and whose answer is not yet sent.
    var exchangesOpen: Int { open.load(ordering: .relaxed) }
    /// Requests that a worker has, or whose answer waits for its connection's thread.
    var exchangesWorkedOn: Int { workedOn.load(ordering: .sequentiallyConsistent) }
    var connectionsOpen: Int { connections.load(ordering: .relaxed) }
    /// Bytes of all bodies being received or answered, of all servers that share the bound.
    var bodyBytesInFlight: Int { bytesInFlight.bodyBytes }
    /// Bytes of all answers that are not sent to their end, likewise.
    var answerBytesInFlight: Int { bytesInFlight.answerBytes }
    var answersByClass: [Int] { answers.withLock { $0 } }

    func exchangeBegan() { open.add(1, ordering: .relaxed) }

    func exchangeEnded(answerBytes answered: Int) {
        bytesInFlight.answerEnded(answered)
        open.subtract(1, ordering: .sequentiallyConsistent)
    }

    func workBegan() { workedOn.add(1, ordering: .sequentiallyConsistent) }
    func workEnded() { workedOn.subtract(1, ordering: .sequentiallyConsistent) }

    func isUnderWay() {
        underWay.add(1, ordering: .sequentiallyConsistent)
        underWaySinceNone.add(1, ordering: .relaxed)
    }

    /// Returns how many there were since there was none; nil while others are under way.
    func isNoLongerUnderWay() -> Int? {
        guard underWay.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 else {
            return nil
        }
        return underWaySinceNone.exchange(0, ordering: .relaxed)
    }

    func connectionsChanged(by difference: Int) {
        connections.add(difference, ordering: .relaxed)
    }

    /// See `HTTPBytesInFlight`.
    func reserve(_ more: Int, ofBody total: Int) -> Bool {
        bytesInFlight.reserve(more, ofBody: total)
    }

    func giveBack(_ count: Int) { bytesInFlight.giveBack(count) }

    func answered(_ status: Int, bytes: Int) {
        bytesInFlight.answerGrew(by: bytes)
        answers.withLock { $0[min(max(status / 100, 0), 5)] += 1 }
    }
}

/// The memory that bodies and answers take, of all servers together.
final class HTTPBytesInFlight: Sendable {
    private let bodies = Atomic(0)
    private let answers = Atomic(0)
    private let bodiesMax: Int

    init(bodiesMax: Int = ServiceLimits.bodiesInFlightBytesMax) { self.bodiesMax = bodiesMax }

    /// Bytes of all bodies being received or answered, with what was announced of them and has not
    /// come yet.
    var bodyBytes: Int { bodies.load(ordering: .relaxed) }
    /// Bytes of all answers that are not sent to their end.
    var answerBytes: Int { answers.load(ordering: .relaxed) }

    /// Takes room for more bytes of a body that has `total` with them, if there is any left.
    ///
    /// Large bodies leave a quarter to the others, so that some that stall do not keep out
    /// everyone. What is taken is given back once, by `giveBack`.
    func reserve(_ more: Int, ofBody total: Int) -> Bool {
        guard more > 0 else { return true }
        let isLarge = total > ServiceLimits.ordinaryBodyBytes
        let bound = isLarge ? bodiesMax / 4 * 3 : bodiesMax
        if bodies.add(more, ordering: .relaxed).newValue <= bound { return true }
        giveBack(more)
        return false
    }

    func giveBack(_ count: Int) { bodies.subtract(count, ordering: .relaxed) }

    func answerGrew(by count: Int) { answers.add(count, ordering: .relaxed) }
    func answerEnded(_ count: Int) { answers.subtract(count, ordering: .relaxed) }
}
