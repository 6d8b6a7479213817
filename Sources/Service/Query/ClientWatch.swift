internal import EventQuery
internal import Host

/// Stops queries whose clients have gone away.
///
/// A suspended connection does not notice that its peer has closed it, so one thread looks at the
/// sockets of all queries under way, every 50 ms while there are any or were lately.
final class ClientWatch: Sendable {
    private struct Watched {
        let connection: ClientConnection
        let cancellation: QueryCancellation
    }

    private struct State {
        var watched: [Int: Watched] = [:]
        var next = 0
        /// The thread waits until there is something to watch.
        var isAsleep = false
        var isClosed = false
    }

    private static let interval: Int64 = 50_000_000
    /// A second.
    private static let idleTurnsMax = 20

    private let state: Monitor<State>

    /// Starts the thread.
    ///
    /// Throws `HostError` when the system has none to give.
    init() throws(HostError) {
        let state = Monitor(State())
        self.state = state
        _ = try HostThread(name: "client-watch") { ClientWatch.look(at: state) }
    }

    deinit { state.update { $0.isClosed = true } }

    /// Runs `body` with a cancellation that happens when the client goes away.
    func watching<Result, Failure: Error>(
        _ connection: ClientConnection,
        _ body: (QueryCancellation) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let cancellation = QueryCancellation()
        let (number, isAsleep) = state.withLock { state in
            state.next += 1
            state.watched[state.next] = Watched(
                connection: connection, cancellation: cancellation)
            return (state.next, state.isAsleep)
        }
        if isAsleep { state.update { $0.isAsleep = false } }
        // The connection lives until it is answered, which is after this.
        defer { state.withLock { $0.watched[number] = nil } }
        return try body(cancellation)
    }

    /// Looks at the sockets in turns, and goes to sleep after some turns without any query: a
    /// query that follows soon on another wakes no thread for it.
    private static func look(at state: Monitor<State>) {
        var idleTurns = 0
        while true {
            if idleTurns >= idleTurnsMax {
                state.withLock { $0.isAsleep = $0.watched.isEmpty }
                state.wait { !$0.isAsleep || $0.isClosed ? () : nil }
                idleTurns = 0
            }
            let isClosed = state.wait(atMost: interval) { $0.isClosed ? true : nil } ?? false
            if isClosed { return }
            // The lock keeps a query from ending, and its socket from closing, meanwhile.
            idleTurns = state.withLock { state in
                for watched in state.watched.values where watched.connection.isGone {
                    watched.cancellation.cancel()
                }
                return state.watched.isEmpty ? idleTurns + 1 : 0
            }
        }
    }
}
