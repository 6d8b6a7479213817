internal import Bytes
internal import Glibc
internal import Host

/// The composition of everything: opens what is kept, serves it, closes it.
enum Server {
    /// Serves until SIGTERM or SIGINT, then finishes what was begun; SIGHUP reads the keys again.
    ///
    /// Throws `ServerError` when it cannot start or not end cleanly.
    static func run(_ configuration: Configuration) throws(ServerError) {
        let log = ServerLog(level: configuration.logLevel)
        umask(0o077)
        let signals = awaitedSignals()
        do throws(HostError) {
            try Machine.real.files.createDirectory(configuration.data)
        } catch {
            throw ServerError(description: "\(error)")
        }
        let access = AccessControl(try keys(of: configuration))
        try refuseOpenDoor(configuration, isOpen: access.isOpen)
        let counters = HTTPCounters()
        let status = StatusRoutes(obstacle: { nil }, figures: { Figure.process(counters) })
        let router = Router(
            routes: PageRoutes().routes + status.routes + AuthRoutes().routes, access: access,
            log: log)
        let http: HTTPServer
        do throws(ListenError) {
            http = try HTTPServer(
                address: configuration.listen, workers: configuration.threads, handler: router,
                counters: counters)
        } catch {
            throw ServerError(description: "\(error)")
        }
        log(.info, "serving", ["url": .string("http://\(http.address)/")])
        wait(for: signals, access: access, configuration: configuration, log: log)
        log(.info, "stopping")
        let allAnswered = http.stop()
        guard allAnswered else {
            throw ServerError(description: "requests were still being answered at the end")
        }
        log(.info, "stopped")
    }

    /// An address that others reach needs keys.
    private static func refuseOpenDoor(
        _ configuration: Configuration, isOpen: Bool
    ) throws(ServerError) {
        guard isOpen, !configuration.listen.isLoopback else { return }
        throw ServerError(
            description: """
                \(configuration.listen) can be reached by others, and there are no keys. Make one:
                  widefield keys create --data \(configuration.data) --kind admin
                or listen on 127.0.0.1 only.
                """)
    }

    private static func keys(of configuration: Configuration) throws(ServerError) -> KeyRing {
        do throws(KeyRingError) {
            return try KeyRing(directory: configuration.data, on: .real)
        } catch {
            throw ServerError(description: error.description)
        }
    }

    /// Blocks the signals for every thread to come; they are taken one by one in `wait`.
    private static func awaitedSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        return signals
    }

    /// Returns when the server is told to stop.
    private static func wait(
        for signals: sigset_t, access: AccessControl, configuration: Configuration, log: ServerLog
    ) {
        var signals = signals
        while true {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0, signal == SIGHUP else { return }
            do throws(ServerError) {
                let ring = try keys(of: configuration)
                access.replace(ring)
                log(.info, "keys read again", ["keys": .int(Int64(ring.keys.count))])
            } catch {
                log(.error, "keys not read", ["error": .string(error.description)])
            }
        }
    }
}

/// Why a server did not start, or did not end as it should.
struct ServerError: Error, CustomStringConvertible {
    let description: String
}
