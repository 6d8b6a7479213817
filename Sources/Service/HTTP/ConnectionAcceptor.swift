internal import Glibc
internal import Host
internal import Synchronization

/// Takes the connections of a listening socket, on a thread of its own.
///
/// While as many are open as may be, or the system has no descriptor to give, others wait in the
/// system's queue.
final class ConnectionAcceptor: Sendable {
    private let listener: Int32
    private let threads: ConnectionThreads
    private let isStopping = Atomic(false)
    private let thread = Mutex<HostThread?>(nil)

    init(_ listener: Int32, _ threads: ConnectionThreads) {
        self.listener = listener
        self.threads = threads
    }

    /// Throws `HostError` when the system has no thread to give.
    func start() throws(HostError) {
        let started = try HostThread(name: "http-accept") { self.run() }
        thread.withLock { $0 = started }
    }

    /// Refuses connections from here on; once.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        // Wakes the thread, whose `accept` fails from here on.
        shutdown(listener, Int32(SHUT_RDWR))
        thread.withLock { $0 }?.join()
        close(listener)
    }

    private func run() {
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            if !threads.haveRoom || !acceptOne() { usleep(ConnectionAcceptor.pause) }
        }
    }

    /// Microseconds until it is tried again.
    private static let pause: useconds_t = 10_000

    /// Waits for a connection and passes it on; returns false when the system has none to give.
    private func acceptOne() -> Bool {
        guard let accepted = AcceptedSocket(from: listener) else { return AcceptedSocket.wasGone }
        _ = fcntl(accepted.socket, F_SETFD, FD_CLOEXEC)
        threads.take(accepted)
        return true
    }
}
