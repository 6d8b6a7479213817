internal import CEpoll
internal import Glibc
internal import Host
internal import Synchronization

/// One thread that accepts, reads and writes connections of gRPC, and brings answers to them.
///
/// SENDABLE: all but the mailbox, `ended` and the descriptors, which never change, belongs to the
/// loop's thread.
final class GRPCLoop: @unchecked Sendable {
    /// What other threads leave for it.
    private struct Mailbox {
        var answers: [(connection: UInt64, stream: Int32, response: HTTPResponse)] = []
        var stops = false
        var givesUpReceiving = false
    }

    private static let listenerID: UInt64 = 0
    private static let wakeupID: UInt64 = 1

    private let listener: Int32
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    private let mailbox = Mutex(Mailbox())
    private let ended = Monitor(false)

    private var connections: [UInt64: GRPCConnection] = [:]
    private var lastID = GRPCLoop.wakeupID
    /// Whether the listener is watched; not for a while after the system had no descriptor to give.
    private var accepts = false
    private var stoppedAt: ContinuousClock.Instant?
    private var nextTick = ContinuousClock.now
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: GRPCLimits.blockBytes, alignment: 16)

    /// Accepts from a socket that does not block.
    init(listener: Int32) { self.listener = listener }

    deinit {
        close(epoll)
        close(wakeup)
        buffer.deallocate()
    }

    /// Starts the thread.
    ///
    /// Throws `HostError` when the system has none, or no descriptor, to give.
    func start(_ index: Int, for server: GRPCServer) throws(HostError) {
        guard epoll >= 0, wakeup >= 0 else {
            throw HostError(.startThread, "grpc-\(index)", code: errno)
        }
        watch(wakeup, as: GRPCLoop.wakeupID, EPOLL_CTL_ADD, EPOLLIN)
        _ = try HostThread(name: "grpc-\(index)") {
            self.run(for: server)
            self.ended.update { $0 = true }
        }
    }

    // MARK: - From other threads

    /// Leaves the answer to a call.
    func leave(_ response: HTTPResponse, for stream: Int32, of connection: UInt64) {
        let isFirst = mailbox.withLock { mailbox in
            mailbox.answers.append((connection, stream, response))
            return mailbox.answers.count == 1
        }
        if isFirst { wake() }
    }

    /// Ends the thread when all connections have ended, or `ServiceLimits.stopSeconds` after this.
    func stop() {
        mailbox.withLock { $0.stops = true }
        wake()
    }

    /// Refuses calls whose message is not whole; for when it stops.
    func giveUpReceiving() {
        mailbox.withLock { $0.givesUpReceiving = true }
        wake()
    }

    var isDone: Bool { ended.withLock { $0 } }

    func waitUntilDone() { ended.wait { $0 ? () : nil } }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, MemoryLayout<UInt64>.size)
    }

    // MARK: - The thread

    private func run(for server: GRPCServer) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        watchListener()
        while !isOver {
            let count = epoll_wait(epoll, &events, Int32(events.count), patience)
            for event in events.prefix(Int(max(0, count))) { handle(event, for: server) }
            takeMail()
            tick()
        }
        connections.removeAll()
    }

    private func watchListener() {
        accepts = watch(listener, as: GRPCLoop.listenerID, EPOLL_CTL_ADD, EPOLLIN)
    }

    private var isOver: Bool {
        guard let stoppedAt else { return false }
        return connections.isEmpty
            || ContinuousClock.now - stoppedAt > .seconds(ServiceLimits.stopSeconds)
    }

    /// Milliseconds until it must look after its connections; without any it sleeps.
    private var patience: Int32 {
        if stoppedAt != nil { return 50 }
        return connections.isEmpty && accepts ? -1 : 1000
    }

    private func handle(_ event: epoll_event, for server: GRPCServer) {
        switch event.data.u64 {
        case GRPCLoop.listenerID: accept(for: server)
        case GRPCLoop.wakeupID:
            var count: UInt64 = 0
            _ = read(wakeup, &count, MemoryLayout<UInt64>.size)
        case let id:
            guard let connection = connections[id] else { return }
            // The end of a connection that waits to write shows when it is written to.
            while !connection.wantsToWrite {
                let hasMore = connection.read(through: buffer)
                guard connection.settle() else { return end(connection) }
                if !hasMore { break }
            }
            settle(connection)
        }
    }

    /// Takes connections until there are none that wait.
    private func accept(for server: GRPCServer) {
        while true {
            guard let accepted = AcceptedSocket(from: listener) else {
                if AcceptedSocket.wasGone { continue }
                if errno != EAGAIN {
                    watch(listener, as: GRPCLoop.listenerID, EPOLL_CTL_DEL, EPOLLIN)
                    accepts = false
                }
                return
            }
            let socket = accepted.socket
            setNonBlocking(socket)
            var yes: Int32 = 1
            setsockopt(
                socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes,
                socklen_t(MemoryLayout<Int32>.size))
            lastID += 1
            let id = lastID
            let remote = numericHost(of: accepted.address, accepted.addressSize)
            guard server.counters.connectionsOpen < ServiceLimits.connectionsMax,
                let transport = server.transport(over: socket),
                let connection = GRPCConnection(
                    socket: socket, id: id, server: server, transport: transport,
                    remoteAddress: remote,
                    leave: { self.leave($1, for: $0, of: id) }
                )
            else {
                close(socket)
                continue
            }
            connections[id] = connection
            watch(socket, as: id, EPOLL_CTL_ADD, EPOLLIN)
            settle(connection)
        }
    }

    private func takeMail() {
        let mail = mailbox.withLock { mailbox in
            let taken = mailbox
            mailbox.answers = []
            return taken
        }
        var answered: Set<UInt64> = []
        for answer in mail.answers {
            connections[answer.connection]?.answer(answer.stream, answer.response)
            answered.insert(answer.connection)
        }
        for id in answered {
            if let connection = connections[id] { settle(connection) }
        }
        if mail.stops, stoppedAt == nil {
            stoppedAt = .now
            if accepts { watch(listener, as: GRPCLoop.listenerID, EPOLL_CTL_DEL, EPOLLIN) }
            for connection in Array(connections.values) {
                connection.goAway()
                settle(connection)
            }
        }
        guard mail.givesUpReceiving else { return }
        for connection in Array(connections.values) {
            connection.giveUpReceiving()
            settle(connection)
        }
    }

    private func tick() {
        let now = ContinuousClock.now
        guard now >= nextTick else { return }
        nextTick = now + .milliseconds(1000)
        if stoppedAt == nil, !accepts { watchListener() }
        for connection in Array(connections.values) {
            if connection.tick(now) { settle(connection) } else { end(connection) }
        }
    }

    /// Writes what there is, and watches for what the connection waits for.
    private func settle(_ connection: GRPCConnection) {
        guard connection.settle() else { return end(connection) }
        guard connection.wantsToWrite != connection.isWatchedForWriting else { return }
        connection.isWatchedForWriting = connection.wantsToWrite
        watch(
            connection.socket, as: connection.id, EPOLL_CTL_MOD,
            connection.wantsToWrite ? EPOLLOUT : EPOLLIN)
    }

    private func end(_ connection: GRPCConnection) { connections[connection.id] = nil }

    @discardableResult
    private func watch(
        _ descriptor: Int32, as id: UInt64, _ operation: Int32, _ interest: EPOLL_EVENTS
    ) -> Bool {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = id
        return epoll_ctl(epoll, operation, descriptor, &event) == 0
    }
}

/// The address of a peer in numbers, without its port; empty when the system does not tell.
private func numericHost(of address: sockaddr_storage, _ size: socklen_t) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { host in
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getnameinfo(
                    $0, size, host.baseAddress, socklen_t(host.count), nil, 0,
                    Int32(NI_NUMERICHOST))
            }
        }
        return code == 0 ? host.baseAddress.map { String(cString: $0) } ?? "" : ""
    }
}
