internal import Alerting
internal import Bytes
internal import EventStore
internal import Glibc
internal import Host
internal import SeriesStore

/// The composition of everything: opens what is kept, serves it, closes it.
struct Server: Sendable {
    private let configuration: Configuration
    private let log: ServerLog
    private let access: AccessControl
    private let store: EventStore
    private let services: Services
    private let seriesKeeper: SeriesKeeper
    private let remoteWriters: [RemoteWriter]
    /// Nil when the server keeps nothing of its own requests.
    private let telemetry: SelfTelemetry?

    /// Serves until SIGTERM or SIGINT, then finishes what was begun; SIGHUP reads keys, certificate
    /// and files of rules again.
    ///
    /// Throws `ServerError` when it cannot start or not end cleanly.
    static func run(_ configuration: Configuration) throws(ServerError) {
        umask(0o077)
        ProcessLimits.prepare()
        ProcessLimits.mapProgram()
        Outgoing.prepare()
        let signals = awaitedSignals()
        let server = try Server(configuration)
        let listeners = try server.listen()
        server.wait(for: signals)
        try server.stop(listeners)
    }

    private init(_ configuration: Configuration) throws(ServerError) {
        self.configuration = configuration
        let log = ServerLog(level: configuration.logLevel)
        self.log = log
        access = AccessControl(
            try Server.keys(of: configuration), scheme: configuration.tls == nil ? "http" : "https")
        try Server.refuseOpenDoor(configuration, isOpen: access.isOpen)
        if let files = configuration.tls { try TLSIdentity.load(files) }
        do {
            var options = EventStore.Options()
            options.limits.headRows = configuration.headRows
            options.limits.logFileBytes = configuration.logFileBytes
            options.cacheBytes = configuration.columnCacheBytes
            options.notice = { log(.warn, "store", ["notice": .string($0)]) }
            let keeping = configuration.seriesRetention
            let past = EventsPast(directory: configuration.data, on: .real, retention: keeping) {
                log(.warn, "series", ["notice": .string($0)])
            }
            options.witness = past
            store = try EventStore.open(configuration.data, options: options)
            let retention = configuration.retention
            store.setRetention { environment, dataset in
                environment == SelfTelemetry.environment
                    ? SelfTelemetry.retention : retention.policy(of: dataset)
            }
            let series = SeriesStores(
                directory: configuration.data, on: .real, retention: keeping
            ) { log(.error, "damage", ["finding": .string($0.description)]) }
            try series.stores.open()
            seriesKeeper = try SeriesKeeper(series, past, Machine.real.clock) { error in
                log(.warn, "series", ["notice": .string(error.description)])
            }
            let definitions = try DefinitionStore(directory: configuration.data, on: .real)
            var services = try Services(
                store, definitions, series, past, threads: configuration.threads,
                metrics: configuration.metrics, objectives: configuration.objectives,
                queryCacheBytes: configuration.queryCacheBytes,
                alerts: { AlertKeeper(configuration, definitions, $0, log: log) })
            services.scheme = configuration.tls == nil ? "http" : "https"
            let telemetry =
                configuration.hasSelfTelemetry
                ? try SelfTelemetry(store, services.queries.datasets, .real) : nil
            if let telemetry { services.settleTelemetry = { telemetry.settle() } }
            self.telemetry = telemetry
            self.services = services
            remoteWriters = try configuration.remoteWrite.map {
                try RemoteWriter(
                    $0, configuration.remoteWriteVersion,
                    environment: configuration.remoteWriteEnvironment,
                    revisions: configuration.remoteWriteRevisions * 1000, services.metrics,
                    directory: configuration.data, .real, log)
            }
        } catch {
            throw ServerError(description: "\(configuration.data): \(error)")
        }
        for finding in store.findings {
            log(.error, "damage", ["finding": .string(finding.description)])
        }
        try startAlerts()
    }

    /// Starts evaluating rules; files of the configuration that cannot be taken keep the server from
    /// starting, so that nobody relies on rules that are not there.
    private func startAlerts() throws(ServerError) {
        let failures = services.alerts?.readSources() ?? []
        guard failures.isEmpty else {
            throw ServerError(
                description: "rules cannot be read:\n"
                    + failures.map(\.description).joined(separator: "\n"))
        }
        do throws(HostError) {
            try services.alerts?.start()
        } catch {
            throw ServerError(description: "\(error)")
        }
    }

    /// The main listener and OTLP's own two, if they are wanted.
    private func listen() throws(ServerError) -> [any Listener] {
        let bytesInFlight = HTTPBytesInFlight()
        let counters = HTTPCounters(bytesInFlight)
        let otlpCounters = HTTPCounters(bytesInFlight)
        let grpcCounters = HTTPCounters(bytesInFlight)
        let observer = telemetry.map { telemetry in
            { @Sendable (request: AnsweredRequest) in telemetry.record(request) }
        }
        let status = StatusRoutes(
            obstacle: { [store] in store.refusal?.description },
            figures: {
                [
                    store, telemetry, remoteWriters, alerts = services.alerts,
                    series = services.series, past = services.past
                ] in
                Figure.process([counters, otlpCounters, grpcCounters])
                    + Figure.store(store.figures())
                    + Figure.series(series.stores.figures(), past.stores.figures())
                    + Figure.remoteWrite(remoteWriters, Machine.real.clock)
                    + (alerts.map(Figure.alerts) ?? [])
                    + (telemetry.map(Figure.selfTelemetry) ?? [])
            })
        let router = Router(
            routes: PageRoutes().routes + status.routes + AuthRoutes().routes + services.routes,
            access: access, log: log, whenNoneIsUnderWay: { [store] in store.commit(requests: $0) })
        let exports = Router(
            routes: services.exportRoutes + [status.health], access: access, log: log)
        let methods = Router(
            routes: services.exportMethods + [status.healthMethod], access: access, log: log)
        let tls = configuration.tls == nil ? nil : try TLSContext(applicationProtocol: "h2")
        do throws(ListenError) {
            let http = try HTTPServer(
                address: configuration.listen, workers: configuration.threads, handler: router,
                counters: counters, isTLS: configuration.tls != nil,
                observer: observer)
            let otlp = try configuration.otlpHTTP.map { (address) throws(ListenError) in
                try HTTPServer(
                    address: address, workers: configuration.threads, handler: exports,
                    counters: otlpCounters, isTLS: configuration.tls != nil, observer: observer)
            }
            log(.info, "serving", ["url": .string("\(access.scheme)://\(http.address)/")])
            if let otlp {
                log(.info, "serving OTLP", ["url": .string("\(access.scheme)://\(otlp.address)/")])
            }
            let grpc = try configuration.otlpGRPC.map { (address) throws(ListenError) in
                try GRPCServer(
                    address: address, workers: configuration.threads, handler: methods,
                    counters: grpcCounters, tls: tls, observer: observer)
            }
            if let grpc {
                log(.info, "serving OTLP over gRPC", ["address": .string("\(grpc.address)")])
            }
            let listeners: [(any Listener)?] = [http, otlp, grpc]
            return listeners.compactMap { $0 }
        } catch {
            throw ServerError(description: "\(error)")
        }
    }

    private func stop(_ listeners: [any Listener]) throws(ServerError) {
        log(.info, "stopping")
        services.tailEnding.end()
        let allAnswered = listeners.map { $0.stop() }.allSatisfy { $0 }
        services.alerts?.end()
        telemetry?.end()
        seriesKeeper.end()
        for writer in remoteWriters { writer.end() }
        for writer in remoteWriters { writer.join() }
        do {
            try services.series.close()
            try store.close()
            services.past.end()
        } catch {
            throw ServerError(description: "the store did not close: \(error)")
        }
        guard allAnswered else {
            throw ServerError(description: "requests were still being answered at the end")
        }
        log(.info, "stopped")
    }

    /// An address that others reach needs keys.
    private static func refuseOpenDoor(
        _ configuration: Configuration, isOpen: Bool
    ) throws(ServerError) {
        let addresses = [configuration.listen, configuration.otlpHTTP, configuration.otlpGRPC]
            .compactMap { $0 }
        guard isOpen, let address = addresses.first(where: { !$0.isLoopback }) else { return }
        throw ServerError(
            description: """
                \(address) can be reached by others, and there are no keys. Make one:
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
    private func wait(for signals: sigset_t) {
        var signals = signals
        while true {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0, signal == SIGHUP else { return }
            readAgain()
        }
    }

    /// Takes keys and certificate as they stand now; what cannot be read stays as it was.
    private func readAgain() {
        services.alerts?.readAgain()
        do throws(ServerError) {
            let ring = try Server.keys(of: configuration)
            access.replace(ring)
            log(.info, "keys read again", ["keys": .int(Int64(ring.keys.count))])
        } catch {
            log(.error, "keys not read", ["error": .string(error.description)])
        }
        guard let files = configuration.tls else { return }
        do throws(ServerError) {
            try TLSIdentity.load(files)
            log(.info, "certificate read again")
        } catch {
            log(.error, "certificate not read", ["error": .string(error.description)])
        }
    }
}

/// Why a server did not start, or did not end as it should.
struct ServerError: Error, CustomStringConvertible {
    let description: String
}
