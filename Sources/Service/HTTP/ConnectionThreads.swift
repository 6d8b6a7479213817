internal import CMicrohttpd
internal import Glibc
internal import Synchronization

/// The threads that serve a server's connections, each a daemon of libmicrohttpd of its own.
///
/// libmicrohttpd's own pool leaves it to chance which of its threads takes a connection. Here four
/// connections share a thread before another one gets any: the requests of few clients then have
/// their events in one record more often, and the processor changes threads less. Requests of fifty
/// events on four connections take 0.9 of the time, on two and on 32 of them 0.97.
///
/// SENDABLE: `threads` is written before the first connection, and libmicrohttpd allows the use of
/// its daemons from every thread.
final class ConnectionThreads: @unchecked Sendable {
    private var threads: [ConnectionThread] = []
    private let counters: HTTPCounters
    private let connectionsMax: Int

    init(_ counters: HTTPCounters, connectionsMax: Int) {
        self.counters = counters
        self.connectionsMax = connectionsMax
    }

    /// Starts threads with the server's options; returns whether all did.
    func start(_ count: Int, _ options: wf_http_options) -> Bool {
        for _ in 0..<count {
            let thread = ConnectionThread(counters)
            var options = options
            // The bound of all is kept here: a thread's own must not be reached before.
            options.connection_limit = UInt32(connectionsMax) * 2
            options.thread = Unmanaged.passUnretained(thread).toOpaque()
            options.connection_changed = connectionChanged
            guard let daemon = wf_http_start(&options) else { return false }
            thread.daemon = daemon
            threads.append(thread)
        }
        return true
    }

    /// Ends the threads and all their connections, none of which may be suspended.
    func stop() {
        for thread in threads { MHD_stop_daemon(thread.daemon) }
        threads = []
    }

    /// Whether another connection is within the bound.
    var haveRoom: Bool {
        threads.reduce(0) { $0 + $1.connections } < connectionsMax
    }

    /// Gives a connection to a thread, which closes it.
    func take(_ accepted: AcceptedSocket) {
        let index = ConnectionThreads.next(connections: threads.map(\.connections))
        let thread = threads[index]
        // Counted before it is served: of many that come at once the next must see it.
        thread.connectionsChanged(by: 1)
        let result = withUnsafePointer(to: accepted.address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                MHD_add_connection(thread.daemon, accepted.socket, $0, accepted.addressSize)
            }
        }
        if result == .NO { thread.connectionsChanged(by: -1) }
    }

    /// Connections that share a thread before another thread gets one.
    private static let together = 4

    /// Which thread gets the next connection, by the connections of each.
    static func next(connections: [Int]) -> Int {
        var best = 0
        for (index, count) in connections.enumerated()
        where count / together < connections[best] / together {
            best = index
        }
        return best
    }
}

/// One of them.
///
/// SENDABLE: `daemon` is written before the first connection.
private final class ConnectionThread: @unchecked Sendable {
    fileprivate var daemon: OpaquePointer?
    private let open = Atomic(0)
    fileprivate let counters: HTTPCounters

    init(_ counters: HTTPCounters) { self.counters = counters }

    /// Connections that it was given and that have not ended.
    var connections: Int { open.load(ordering: .relaxed) }

    func connectionsChanged(by difference: Int) { open.add(difference, ordering: .relaxed) }
}

/// What libmicrohttpd calls on the thread of a connection, at its beginning and its end.
private func connectionChanged(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?, state: ExchangeState?,
    code: MHD_ConnectionNotificationCode
) {
    guard let context else { return }
    let thread = Unmanaged<ConnectionThread>.fromOpaque(context).takeUnretainedValue()
    if code == .CONNECTION_NOTIFY_STARTED {
        thread.counters.connectionsChanged(by: 1)
    } else {
        thread.counters.connectionsChanged(by: -1)
        thread.connectionsChanged(by: -1)
    }
}
