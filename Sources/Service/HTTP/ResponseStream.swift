internal import CMicrohttpd
internal import Host
internal import Synchronization

/// The body of an answer that is written by one thread while another sends it.
///
/// The writer waits while the client has much left to read, so an answer of any size takes little
/// memory.
final class ResponseStream: Sendable {
    private enum End { case finished, failed }

    private struct State {
        var bytes: [UInt8] = []
        var taken = 0
        var end: End?
        /// The client is gone, or has all of it.
        var isAbandoned = false
        /// The connection that waits for bytes.
        var waiting: WaitingConnection?

        mutating func takeWaiting() -> WaitingConnection? {
            defer { waiting = nil }
            return waiting
        }
    }

    /// What a connection finds when it asks for more.
    fileprivate enum Portion {
        case bytes(Int)
        case nothingYet
        case end
        case failure
    }

    private let state = Monitor(State())

    /// Adds bytes, and waits while too many have not been sent.
    ///
    /// Returns false when nobody will read them any more.
    func write(_ bytes: [UInt8]) -> Bool {
        let connection = state.withLock { state in
            state.bytes += bytes
            return state.takeWaiting()
        }
        connection?.resume()
        return state.wait { state in
            if state.isAbandoned { return false }
            return state.bytes.count - state.taken <= ServiceLimits.streamBytesAhead ? true : nil
        }
    }

    /// Adds bytes without waiting.
    func add(_ bytes: [UInt8]) {
        let connection = state.update { state in
            if !state.isAbandoned { state.bytes += bytes }
            return state.takeWaiting()
        }
        connection?.resume()
    }

    /// Bytes that have not been sent; nil when nobody will read them any more.
    var bytesAhead: Int? {
        state.withLock { $0.isAbandoned ? nil : $0.bytes.count - $0.taken }
    }

    /// Whether nobody will read more: the client has closed its side, which a connection that sleeps does
    /// not notice.
    func isLeft(by client: ClientConnection) -> Bool {
        // The lock keeps the body from being given up, and its socket from closing, meanwhile.
        state.withLock { $0.isAbandoned || client.isGone }
    }

    /// The body is whole.
    func finish() { end(.finished) }

    /// The body will not become whole; the connection is cut, so that the client can tell.
    func fail() { end(.failed) }

    private func end(_ end: End) {
        let connection = state.update { state in
            state.end = state.end ?? end
            return state.takeWaiting()
        }
        connection?.resume()
    }

    fileprivate func abandon() {
        state.update { state in
            state.isAbandoned = true
            state.waiting = nil
        }
    }

    /// Moves bytes into a buffer; where there are none yet, the connection sleeps until there are.
    fileprivate func read(
        into buffer: UnsafeMutableRawBufferPointer, for connection: WaitingConnection
    ) -> Portion {
        state.update { state in
            let count = min(buffer.count, state.bytes.count - state.taken)
            guard count > 0 else {
                switch state.end {
                case .finished: return .end
                case .failed: return .failure
                case nil:
                    // Under the lock: the writer must not wake a connection before it sleeps.
                    MHD_suspend_connection(connection.pointer)
                    state.waiting = connection
                    return .nothingYet
                }
            }
            buffer.copyBytes(from: state.bytes[state.taken..<state.taken + count])
            state.taken += count
            if state.taken == state.bytes.count {
                state.bytes.removeAll(keepingCapacity: true)
                state.taken = 0
            }
            return .bytes(count)
        }
    }
}

/// The right to read a stream: once nobody has it any more, the writer is told.
final class StreamedBody: Sendable {
    fileprivate let stream: ResponseStream

    init(_ stream: ResponseStream) { self.stream = stream }

    deinit { stream.abandon() }
}

/// A connection that sleeps until its answer goes on.
///
/// SENDABLE: libmicrohttpd allows a suspended connection to be resumed from any thread, and it lives
/// until then.
private struct WaitingConnection: @unchecked Sendable {
    let pointer: OpaquePointer

    func resume() { MHD_resume_connection(pointer) }
}

/// The sending end of a stream, on the connection's thread.
final class StreamReader {
    /// Bytes that libmicrohttpd asks for at a time.
    static let blockBytes = 64 << 10

    private let body: StreamedBody
    private let exchange: HTTPExchange
    private let connection: OpaquePointer
    private let counters: HTTPCounters
    /// Sent before the stream.
    private var first: ArraySlice<UInt8>

    init(
        _ body: StreamedBody, of exchange: HTTPExchange, on connection: OpaquePointer,
        _ counters: HTTPCounters, first: [UInt8]
    ) {
        self.body = body
        self.exchange = exchange
        self.connection = connection
        self.counters = counters
        self.first = first[...]
    }

    /// Bytes that were put into the buffer, or one of libmicrohttpd's signs.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if !first.isEmpty {
            let count = min(buffer.count, first.count)
            buffer.copyBytes(from: first.prefix(count))
            first = first.dropFirst(count)
            return count
        }
        return switch body.stream.read(into: buffer, for: WaitingConnection(pointer: connection)) {
        case .bytes(let count): counted(count)
        case .nothingYet: 0
        case .end: wf_http_stream_ended
        case .failure: wf_http_stream_failed
        }
    }

    private func counted(_ count: Int) -> Int {
        exchange.bytesStreamed += count
        return count
    }

    deinit { counters.workEnded() }
}

/// Starts the threads that write streams.
final class StreamThreads: Sendable {
    private let running = Atomic(0)
    private let most: Int

    /// - Parameter most: how many streams may be under way.
    init(most: Int = ServiceLimits.streamsMax) { self.most = most }

    /// An answer that begins with `head` and goes on with what `body` writes, on a thread of its own.
    ///
    /// `body` returns whether the answer is whole. Throws a refusal when too many are under way.
    func response(
        headers: HTTPHeaders, head: [UInt8], _ body: @escaping @Sendable (ResponseStream) -> Bool
    ) throws(HTTPRefusal) -> HTTPResponse {
        let stream = ResponseStream()
        guard running.add(1, ordering: .relaxed).newValue <= most else {
            running.subtract(1, ordering: .relaxed)
            throw HTTPRefusal(
                .busy(503, "too many long answers are under way", retryAfterSeconds: 1))
        }
        do throws(HostError) {
            _ = try HostThread(name: "stream") { [self] in
                if body(stream) { stream.finish() } else { stream.fail() }
                running.subtract(1, ordering: .relaxed)
            }
        } catch {
            running.subtract(1, ordering: .relaxed)
            throw HTTPRefusal(.busy(503, "no thread for the answer", retryAfterSeconds: 1))
        }
        var response = HTTPResponse(status: 200, headers: headers, body: head)
        response.stream = StreamedBody(stream)
        return response
    }
}
