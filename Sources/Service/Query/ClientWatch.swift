internal import EventQuery
internal import Host

/// Stops queries whose clients have gone away.
///
/// A suspended connection does not notice that its peer has closed it, so one thread looks at the
/// sockets of all queries under way, every 50 ms while there are any.
final class ClientWatch: Sendable {
    private struct Watched {
        let connection: ClientConnection
        let cancellation: QueryCancellation
    }

    private struct State {
        var watched: [Int: Watched] = [:]
        var next = 0
        var isClosed = false
    }

    private static let interval: Int64 = 50_000_000

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
        let number = state.update { state in
            state.next += 1
            state.watched[state.next] = Watched(
                connection: connection, cancellation: cancellation)
            return state.next
        }
        // The connection lives until it is answered, which is after this.
        defer { state.withLock { $0.watched[number] = nil } }
        return try body(cancellation)
    }

    private static func look(at state: Monitor<State>) {
        while true {
            let isOpen = state.wait { state -> Bool? in
                state.isClosed ? false : (state.watched.isEmpty ? nil : true)
            }
            guard isOpen else { return }
            _ = state.wait(atMost: interval) { $0.isClosed ? () : nil }
            // The lock keeps a query from ending, and its socket from closing, meanwhile.
            state.withLock { state in
                for watched in state.watched.values where watched.connection.isGone {
                    watched.cancellation.cancel()
                }
            }
        }
    }
}
