internal import Bytes
internal import CNghttp2
internal import Glibc
internal import Host

/// One HTTP/2 connection: nghttp2 reads and writes the frames, calls are taken and answered.
///
/// Belongs to its loop's thread.
final class GRPCConnection {
    let socket: Int32
    /// Tells it from others that had the same socket.
    let id: UInt64
    let server: GRPCServer
    private let transport: any ByteTransport
    private let remoteAddress: String
    /// Leaves the answer to a call for the loop; from any thread.
    private let leave: @Sendable (_ stream: Int32, HTTPResponse) -> Void
    private var session: OpaquePointer?
    private(set) var calls: [Int32: GRPCCall] = [:]
    /// What nghttp2 wants sent and the socket has not taken, from `sent` on.
    private var output: [UInt8] = []
    private var sent = 0
    private let opened = ContinuousClock.now
    private var lastCall = ContinuousClock.now
    private var lastProgress = ContinuousClock.now
    /// The client has sent its settings, so it speaks HTTP/2.
    var hasSettings = false
    /// What its loop waits for, so that it is asked for only when it changes.
    var isWatchedForWriting = false
    private var isGoingAway = false
    private var lingersSince: ContinuousClock.Instant?
    private var isBroken = false

    /// Takes a socket that does not block, and closes it at the end; nil without memory, and the
    /// socket is still the caller's.
    init?(
        socket: Int32, id: UInt64, server: GRPCServer, transport: any ByteTransport,
        remoteAddress: String, leave: @escaping @Sendable (_ stream: Int32, HTTPResponse) -> Void
    ) {
        self.socket = socket
        self.id = id
        self.server = server
        self.transport = transport
        self.remoteAddress = remoteAddress
        self.leave = leave
        guard let session = makeGRPCSession(for: self) else { return nil }
        self.session = session
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: GRPCLimits.streamsMax),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: GRPCLimits.streamWindowBytes),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(GRPCLimits.headerBytesMax)),
        ]
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        guard nghttp2_submit_settings(session, none, settings, settings.count) == 0 else {
            nghttp2_session_del(session)
            self.session = nil
            return nil
        }
        nghttp2_session_set_local_window_size(session, none, 0, GRPCLimits.connectionWindowBytes)
        server.counters.connectionsChanged(by: 1)
    }

    deinit {
        guard let session else { return }
        nghttp2_session_del(session)
        for call in calls.values { ended(call) }
        server.counters.connectionsChanged(by: -1)
        close(socket)
    }

    // MARK: - Bytes

    /// Whether there is something to send that the socket did not take.
    ///
    /// Nothing is read meanwhile, so that a client that does not read its answers cannot ask for more.
    var wantsToWrite: Bool { transport.isReady && sent < output.count }

    /// Reads what has come, through `buffer`; returns whether there is more.
    func read(through buffer: UnsafeMutableRawBufferPointer) -> Bool {
        for _ in 0..<GRPCLimits.blocksPerTurn {
            switch transport.read(into: buffer) {
            case .blocked: return false
            case .ended:
                isBroken = true
                return false
            case .moved(let count):
                lastProgress = .now
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        return transport.holdsBytes
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        // After the last frame everything is thrown away until the client closes its side.
        guard lingersSince == nil else { return }
        let taken = nghttp2_session_mem_recv(
            session, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        if taken < 0 { isBroken = true }
    }

    /// Writes what can be written; returns false when the connection is to be closed.
    func settle() -> Bool {
        guard transport.isReady else { return !isBroken }
        while !isBroken {
            if !wantsToWrite {
                fillOutput()
                if !wantsToWrite { break }
            }
            let result = output.withUnsafeBytes { bytes in
                transport.write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            switch result {
            case .moved(let count):
                sent += count
                lastProgress = .now
            case .blocked: return true
            case .ended: isBroken = true
            }
        }
        guard !isBroken else { return false }
        if lingersSince == nil, nghttp2_session_want_read(session) == 0,
            nghttp2_session_want_write(session) == 0
        {
            transport.endWriting()
            lingersSince = .now
        }
        return true
    }

    private func fillOutput() {
        output.removeAll(keepingCapacity: true)
        sent = 0
        while output.count < GRPCLimits.blockBytes {
            var piece: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &piece)
            if count < 0 { isBroken = true }
            guard count > 0 else { return }
            output.append(contentsOf: UnsafeBufferPointer(start: piece, count: count))
        }
    }

    // MARK: - Calls

    func callBegan(_ stream: Int32) {
        calls[stream] = GRPCCall(stream: stream)
        lastCall = .now
        server.counters.exchangeBegan()
    }

    /// The header fields are there: refuses the call, or lets its message come.
    func headEnded(_ call: GRPCCall) {
        guard call.isGRPC || call.hasTooManyFields else { return refuse(call, httpStatus: 415) }
        do throws(GRPCStatus) {
            let head = try call.head(from: remoteAddress)
            call.account.head = head
            if let refusal = server.handler.refusal(of: head) {
                call.account.notes = refusal.notes
                throw GRPCStatus(of: refusal)
            }
            call.phase = .receiving(head)
        } catch {
            refuse(call, error)
        }
    }

    func received(_ bytes: UnsafeRawBufferPointer, for call: GRPCCall) {
        guard case .receiving = call.phase else { return }
        do throws(GRPCStatus) {
            try call.receive(bytes, server.counters)
        } catch {
            refuse(call, error)
        }
    }

    /// The client has sent everything: the call is worked on.
    func requestEnded(_ call: GRPCCall) {
        guard case .receiving(let head) = call.phase else { return }
        do throws(GRPCStatus) {
            let request = try call.request(head)
            // Whoever does not wait any more sends it again; it is not to be there twice.
            guard !call.isLate else { throw GRPCConnection.late }
            call.phase = .working
            call.account.dispatched = .now
            let stream = call.stream
            server.dispatch(request) { [leave] in leave(stream, $0) }
        } catch {
            refuse(call, error)
        }
    }

    /// The answer to a call is there; one that is answered or gone is passed over.
    func answer(_ stream: Int32, _ response: HTTPResponse) {
        guard let call = calls[stream], case .working = call.phase else { return }
        call.account.notes = response.notes
        if call.isLate { return refuse(call, GRPCConnection.late) }
        guard response.status == 200 else { return refuse(call, GRPCStatus(of: response)) }
        let count = UInt32(response.body.count)
        let prefix = [0] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
        call.phase = .answered
        call.answeredAt = .now
        call.account.status = .ok
        call.answer = GRPCCall.Answer(bytes: prefix + response.body, status: .ok)
        server.counters.answered(200, bytes: prefix.count + response.body.count)
        var source = nghttp2_data_provider()
        source.read_callback = readGRPCAnswer
        let fields = [(name: ":status", value: "200")] + GRPCConnection.answerFields
        let code = withHeaderFields(fields) {
            nghttp2_submit_response(session, stream, $0, $1, &source)
        }
        if code != 0 { isBroken = true }
    }

    /// Ends a call with a status alone.
    private func refuse(_ call: GRPCCall, _ status: GRPCStatus) {
        call.account.status = status.code
        end(
            call,
            with: [(name: ":status", value: "200")] + GRPCConnection.answerFields + status.trailers)
    }

    /// Ends what is no call of gRPC.
    private func refuse(_ call: GRPCCall, httpStatus: Int) {
        end(call, with: [(name: ":status", value: String(httpStatus))])
    }

    private func end(_ call: GRPCCall, with fields: [(name: String, value: String)]) {
        call.discardMessage(server.counters)
        call.phase = .answered
        call.answeredAt = .now
        server.counters.answered(200, bytes: 0)
        let code = withHeaderFields(fields) {
            nghttp2_submit_response(session, call.stream, $0, $1, nil)
        }
        if code != 0 { isBroken = true }
    }

    func callEnded(_ stream: Int32) {
        if let call = calls.removeValue(forKey: stream) { ended(call) }
    }

    private func ended(_ call: GRPCCall) {
        call.giveBack(server.counters)
        server.counters.exchangeEnded(answerBytes: call.answer?.bytes.count ?? 0)
        server.observer?(call.accounted(wallNanoseconds: SystemClock().wallNanoseconds()))
    }

    private static let late = GRPCStatus(.deadlineExceeded, "the deadline is over")

    private static let answerFields = [
        (name: "content-type", value: "application/grpc"),
        (name: "grpc-accept-encoding", value: "identity,gzip,deflate,zstd"),
    ]

    // MARK: - Time

    /// Ends what waits for too long; returns false when the connection is to be closed.
    func tick(_ now: ContinuousClock.Instant) -> Bool {
        func isOver(_ began: ContinuousClock.Instant, _ seconds: Int64) -> Bool {
            now - began > .seconds(seconds)
        }
        if let lingersSince { return !isOver(lingersSince, GRPCLimits.lingerSeconds) }
        if !hasSettings, isOver(opened, GRPCLimits.prefaceSeconds) { return false }
        if wantsToWrite, isOver(lastProgress, GRPCLimits.stalledSeconds) { return false }
        if calls.isEmpty, isOver(lastCall, GRPCLimits.idleSeconds) { goAway() }
        for call in calls.values {
            switch call.phase {
            case .working: if call.isLate { refuse(call, GRPCConnection.late) }
            case .begun, .receiving:
                if call.isTooSlow {
                    refuse(call, GRPCStatus(.resourceExhausted, "the message came too slowly"))
                }
            case .answered:
                if let at = call.answeredAt, isOver(at, GRPCLimits.stalledSeconds) {
                    reset(call.stream)
                }
            }
        }
        return settle()
    }

    /// Tells the client to send further calls elsewhere; the ones it has begun are answered.
    func goAway() {
        guard !isGoingAway else { return }
        isGoingAway = true
        if !transport.isReady { isBroken = true }
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR.rawValue, nil, 0)
    }

    /// Ends calls whose message is not whole, because the server stops.
    func giveUpReceiving() {
        for call in calls.values {
            switch call.phase {
            case .begun, .receiving: refuse(call, GRPCServer.stopping)
            case .working, .answered: break
            }
        }
    }

    /// Tells the client not to send the rest of a call that is answered already.
    func reset(_ stream: Int32) {
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, NGHTTP2_NO_ERROR.rawValue)
    }
}
