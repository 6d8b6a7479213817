internal import CEpoll
internal import Glibc
internal import Host
internal import Synchronization

/// A gRPC server for calls of one request and one answer: HTTP/2 by nghttp2 on a few epoll threads.
///
/// A call is a POST of its method's path, so routes, keys and limits are those of HTTP; its status
/// is made of theirs.
final class GRPCServer: Listener {
    /// The address it listens on, with the port the system chose when 0 was asked for.
    let address: ListenAddress
    let handler: any HTTPHandler
    let counters: HTTPCounters
    private let tls: TLSContext?
    /// Told of every call at its end, on its connection's thread: must not wait.
    let observer: (@Sendable (AnsweredRequest) -> Void)?
    private let lane: RequestLane
    private let loops: [GRPCLoop]
    private let socket: Int32
    private let isStopping = Atomic(false)
    /// No call goes to a worker any more.
    private let isClosed = Atomic(false)

    static let stopping = GRPCStatus(of: .busy(503, "the server is stopping", retryAfterSeconds: 5))

    /// Listens and serves until `stop()`, within TLS if it is given.
    ///
    /// Throws `ListenError` when the address cannot be listened on.
    init(
        address: ListenAddress, workers: Int, handler: any HTTPHandler, counters: HTTPCounters,
        tls: TLSContext? = nil,
        observer: (@Sendable (AnsweredRequest) -> Void)? = nil
    ) throws(ListenError) {
        let (socket, bound) = try address.listen()
        self.socket = socket
        self.address = bound
        self.handler = handler
        self.counters = counters
        self.tls = tls
        self.observer = observer
        // The loops share it, so one that asks for a connection another has taken must not wait.
        setNonBlocking(socket)
        loops = (0..<min(workers, GRPCLimits.loopsMax)).map { _ in GRPCLoop(listener: socket) }
        do throws(HostError) {
            lane = try RequestLane(name: "grpc", threads: workers)
        } catch {
            close(socket)
            throw ListenError(address: address, reason: "\(error)")
        }
        do throws(HostError) {
            for (index, loop) in loops.enumerated() { try loop.start(index, for: self) }
        } catch {
            for loop in loops { loop.stop() }
            close(socket)
            throw ListenError(address: address, reason: "\(error)")
        }
    }

    /// Stops accepting, waits until every call that was begun is answered, closes.
    ///
    /// A call that is not whole after `ServiceLimits.stopReceivingSeconds` is given up. After
    /// `ServiceLimits.stopSeconds` it no longer waits; returns whether all others were answered.
    func stop() -> Bool {
        guard !isStopping.exchange(true, ordering: .sequentiallyConsistent) else { return true }
        let began = ContinuousClock.now
        for loop in loops { loop.stop() }
        let patience = began + .seconds(ServiceLimits.stopReceivingSeconds)
        while loops.contains(where: { !$0.isDone }) && ContinuousClock.now < patience {
            usleep(2000)
        }
        isClosed.store(true, ordering: .sequentiallyConsistent)
        for loop in loops { loop.giveUpReceiving() }
        for loop in loops { loop.waitUntilDone() }
        close(socket)
        lane.close()
        return counters.exchangesWorkedOn == 0
    }

    /// The bytes of a new connection; nil without memory.
    func transport(over socket: Int32) -> (any ByteTransport)? {
        guard let tls else { return PlainTransport(socket) }
        return TLSTransport(socket, tls)
    }

    /// Hands a request to its lane; `reply` is called once, on any thread.
    func dispatch(_ request: HTTPRequest, reply: @escaping @Sendable (HTTPResponse) -> Void) {
        // Counted before it is asked whether work may begin: `stop` asks in the other order.
        counters.workBegan()
        let isAnswered = Once()
        let answer: @Sendable (HTTPResponse) -> Void = { [counters] response in
            guard isAnswered.happens() else { return }
            reply(response)
            counters.workEnded()
        }
        guard !isClosed.load(ordering: .sequentiallyConsistent) else {
            return answer(.busy(503, "the server is stopping", retryAfterSeconds: 5))
        }
        let job: RequestLane.Job = { [handler] in handler.respond(to: request, reply: answer) }
        let lane = handler.lane(of: request.head)
        if lane == .immediate || lane == .ingest && request.isQuick {
            job()
        } else if !self.lane.submit(job) {
            answer(.overloaded("too many requests are waiting"))
        }
    }
}

/// Something that happens the first time only.
private final class Once: Sendable {
    private let hasHappened = Atomic(false)

    func happens() -> Bool { !hasHappened.exchange(true, ordering: .relaxed) }
}

/// Lets reads and writes of a socket return when there is nothing to do.
func setNonBlocking(_ socket: Int32) {
    let flags = fcntl(socket, F_GETFL)
    _ = fcntl(socket, F_SETFL, flags | O_NONBLOCK)
}
