internal import Alerting
internal import Bytes
internal import EventQuery
internal import EventStore
internal import Host
internal import Metrics
internal import SeriesStore
internal import Synchronization

/// Evaluates the rules of all environments, on a thread of its own.
final class AlertKeeper: Sendable {
    private struct Orders {
        var isEnding = false
        var readsAgain = true
        /// Texts that no alert may hold, by environments; empty when that is done.
        var erased: [(environment: String, texts: [String])] = []
        /// Environments of which somebody said something of an alert.
        var toldAgain: Set<String> = []

        var isEmpty: Bool {
            !isEnding && !readsAgain && erased.isEmpty && toldAgain.isEmpty
        }
    }

    /// An environment as the thread sees it.
    private struct Room {
        var book: RuleBook
        /// Where the order of arrivals was when it was looked at last.
        var place: UInt64?
        /// When that was, milliseconds since 1970.
        var lookedAt: Int64 = 0
        /// Milliseconds since 1970 of the earliest event that came late and is not looked at yet.
        var late: Int64?
        /// When late events were looked at last, milliseconds since 1970.
        var revisedAt: Int64 = 0
        /// When its alerts were handed to those who are told last, milliseconds since 1970.
        var toldAt: Int64 = 0
        var burning = BurningObjectives()
    }

    let sources: RuleSources
    let incidents: IncidentKeeper
    private let metrics: DerivedMetrics
    private let files: AlertFiles
    private let machine: Machine
    private let options: Options
    private let tellers: AlertTellers
    private let explainer: AlertExplainer
    private let log: ServerLog
    private let orders = Monitor(Orders())
    /// The books as readers see them.
    private let books = Mutex<[String: RuleBook]>([:])
    private let thread = Mutex<HostThread?>(nil)
    private let cancellation = QueryCancellation()

    /// What the configuration says.
    struct Options: Sendable {
        /// Milliseconds between evaluations of groups that say nothing of it.
        var interval: Int64 = 60_000
        /// Milliseconds without any event after which nothing is observed.
        var standstill: Int64 = 120_000
        /// Who acts then.
        var standstillTier = AlertTier.page
        /// Where people reach the server.
        var externalURL = ""
    }

    init(
        _ sources: RuleSources, _ metrics: DerivedMetrics, _ files: AlertFiles,
        _ tellers: AlertTellers, on machine: Machine, options: Options, log: ServerLog
    ) {
        self.sources = sources
        incidents = IncidentKeeper(files, log: log)
        self.metrics = metrics
        self.files = files
        self.machine = machine
        self.options = options
        self.tellers = tellers
        explainer = AlertExplainer(
            metrics, incidents, tellers, clock: machine.clock, externalURL: options.externalURL)
        self.log = log
    }

    /// The keeper of a server on the real machine.
    convenience init(
        _ configuration: Configuration, _ definitions: DefinitionStore, _ metrics: DerivedMetrics,
        log: ServerLog
    ) {
        let scheme = configuration.tls == nil ? "http" : "https"
        let own = "\(scheme)://\(configuration.listen)"
        let options = Options(
            interval: Int64(configuration.ruleInterval) * 1000,
            standstill: Int64(configuration.standstill) * 1000,
            standstillTier: configuration.standstillTier,
            externalURL: configuration.externalURL.isEmpty ? own : configuration.externalURL)
        let files = AlertFiles(directory: configuration.data, on: .real)
        self.init(
            RuleSources(paths: configuration.rules, metrics.levels, .real), metrics, files,
            AlertTellers(
                alertmanagers: configuration.alertmanagers, definitions, files,
                clock: Machine.real.clock, options: options, log: log),
            on: .real, options: options, log: log)
    }

    /// Starts the thread.
    ///
    /// Throws `HostError` when the system has none to give.
    func start() throws(HostError) {
        try explainer.start()
        let started = try HostThread(name: "alerts") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Ends what is being evaluated, and the thread.
    func end() {
        cancellation.cancel()
        orders.update { $0.isEnding = true }
        thread.withLock { $0 }?.join()
        explainer.end()
        tellers.end()
    }

    /// Where people reach the server.
    var externalURL: String { options.externalURL }

    /// Milliseconds between evaluations of groups that say nothing of it.
    var interval: Int64 { options.interval }

    /// What became of telling an environment's alerts.
    func tellers(of environment: String) -> [AlertTeller] { tellers.all(of: environment) }

    /// The rules of an environment with what they have come to; nil when it has none.
    func book(of environment: String) -> RuleBook? { books.withLock { $0[environment] } }

    /// The rules of all environments, by their names.
    var everyBook: [(environment: String, book: RuleBook)] {
        books.withLock { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    /// Reads the configuration's files of rules and logs what deserves a look; what is wrong with others.
    func readSources() -> [RuleFileError] {
        let (failures, warnings) = sources.readAgain()
        for warning in warnings.prefix(ServiceLimits.ruleWarningsLogged) {
            log(.warn, "a rule deserves a look", ["problem": .string(warning.description)])
        }
        return failures
    }

    /// Takes rules as they are defined now, soon.
    func readAgain() { orders.update { $0.readsAgain = true } }

    /// Tells an environment's alerts as they are known now, soon: who is next may hear that somebody knows.
    func tellAgain(_ environment: String) {
        orders.update { _ = $0.toldAgain.insert(environment) }
    }

    // MARK: - Thread

    private func run() {
        var rooms: [String: Room] = [:]
        while true {
            let order = orders.wait(atMost: ServiceLimits.rulePollNanoseconds) { orders in
                orders.isEmpty ? nil : orders
            }
            if order?.isEnding ?? false { return }
            if order?.readsAgain ?? false || hasNewcomer(rooms) {
                orders.update { $0.readsAgain = false }
                read(&rooms)
            }
            if let environments = order?.toldAgain, !environments.isEmpty {
                orders.update { $0.toldAgain.subtract(environments) }
                for environment in environments { rooms[environment]?.toldAt = 0 }
            }
            for erasure in order?.erased ?? [] { erase(erasure.texts, erasure.environment, &rooms) }
            for environment in rooms.keys.sorted() {
                if cancellation.isCancelled { return }
                evaluate(environment, &rooms)
            }
        }
    }

    private var now: Int64 { machine.clock.wallNanoseconds() / 1_000_000 }

    private func read(_ rooms: inout [String: Room]) {
        for failure in readSources() {
            log(.error, "rules not read", ["problem": .string(failure.description)])
        }
        var environments = sources.environments(among: observed).union(rooms.keys)
        do throws(HostError) {
            environments.formUnion(try files.environments())
        } catch {
            log(.error, "alerts not read", ["error": .string("\(error)")])
        }
        for environment in environments {
            var room = rooms[environment] ?? makeRoom(environment)
            room.book.replace(sources.files(of: environment), at: now)
            rooms[environment] = room
            do throws(HostError) {
                try tellers.prepare(environment)
            } catch {
                log(.error, "nobody is told", ["error": .string("\(error)")])
            }
            publish(environment, room.book)
        }
        log(.info, "rules read", ["environments": .int(Int64(environments.count))])
    }

    /// The environments that have events, without the server's own.
    private var observed: [String] {
        metrics.service.store.environments.filter { $0 != SelfTelemetry.environment }
    }

    /// Whether an environment got its first events for which SLOs of the configuration hold.
    private func hasNewcomer(_ rooms: [String: Room]) -> Bool {
        !metrics.levels.configured.isEmpty && observed.contains { rooms[$0] == nil }
    }

    /// An environment with what was kept of it.
    private func makeRoom(_ environment: String) -> Room {
        var book = RuleBook(
            interval: options.interval, standstill: options.standstill, at: now,
            standstillTier: options.standstillTier)
        do {
            if let bytes = try files.bytes(in: environment) { try book.restore(bytes) }
        } catch {
            log(
                .error, "alerts not read",
                ["environment": .string(environment), "error": .string("\(error)")])
        }
        return Room(book: book, place: nil)
    }

    private func publish(_ environment: String, _ book: RuleBook) {
        let alerts = book.alerts
        // Before anybody sees them: an alert is acknowledged by its incident's id.
        do throws(HostError) {
            try incidents.change(environment) { ((), $0.observe(alerts)) }
        } catch {
            log(.error, "incidents not kept", ["error": .string("\(error)")])
        }
        books.withLock { $0[environment] = book }
        explainer.tell(book, of: environment)
    }

    private func evaluate(_ environment: String, _ rooms: inout [String: Room]) {
        // Taken out, so that what was counted for SLOs changes where it is: a copy is up to 190 MB.
        guard var room = rooms.removeValue(forKey: environment) else { return }
        defer { rooms[environment] = room }
        let now = now
        let store = metrics.service.store
        let arrivals = store.arrivals(environment: environment, since: room.place)
        if let before = room.place, before != arrivals.end {
            note(arrivals, in: &room.book, since: room.lookedAt, at: now)
            if let late = arrivals.earliest(before: (now - DerivedSeries.settling) * 1_000_000) {
                room.late = min(room.late ?? .max, late / 1_000_000)
            }
            room.burning.note(arrivals)
        }
        room.place = arrivals.end
        room.lookedAt = now
        guard room.book.isDue(at: now) else {
            // Deadlines of alerts pass between evaluations too.
            if now - room.toldAt >= ServiceLimits.tellingMilliseconds {
                room.toldAt = now
                explainer.tell(room.book, of: environment)
            }
            return
        }
        let changed: Bool
        do {
            let began = machine.clock.monotonicNanoseconds()
            room.burning.count(environment, metrics, at: now, cancellation)
            var context = try context(of: environment, room.burning)
            context.began = began
            changed = room.book.evaluate(at: now, context)
        } catch {
            log(.error, "rules not evaluated", ["error": .string("\(error)")])
            return
        }
        // What the evaluation was cut short by would look like failures of rules.
        if cancellation.isCancelled { return }
        if changed {
            do throws(HostError) {
                try files.keep(room.book.encoded(), in: environment)
            } catch {
                log(.error, "alerts not kept", ["error": .string("\(error)")])
            }
        }
        revise(environment, &room)
        room.toldAt = now
        publish(environment, room.book)
    }

    /// Tells a book when events arrived since they were looked at.
    private func note(_ arrivals: Arrivals, in book: inout RuleBook, since: Int64, at now: Int64) {
        // Fast path: a silence is longer than what lies between two looks.
        guard now - since > options.standstill else { return book.arrived(at: now) }
        let times = arrivals.times(aroundSilencesOf: options.standstill * 1_000_000)
            .map { $0 / 1_000_000 }
        // Of what was sealed in a round that took long it is not known when it came.
        if arrivals.missed > 0 { book.arrivedThroughout(to: times.first ?? now) }
        for time in times { book.arrived(at: time) }
    }

    /// Looks at what late events change of past verdicts, and keeps it.
    private func revise(_ environment: String, _ room: inout Room) {
        let now = now
        guard let late = room.late, now - room.revisedAt >= ServiceLimits.revisionMilliseconds
        else { return }
        room.late = nil
        room.revisedAt = now
        do {
            let found = room.book.revise(
                since: late, at: now, try context(of: environment, room.burning))
            try incidents.change(environment) { ((), $0.note(found)) }
        } catch {
            log(.error, "past verdicts not looked at", ["error": .string("\(error)")])
        }
    }

    // MARK: - Erasing

    private func erase(_ texts: [String], _ environment: String, _ rooms: inout [String: Room]) {
        if var room = rooms[environment] {
            room.book.erase(texts)
            rooms[environment] = room
            do throws(HostError) {
                try files.keep(room.book.encoded(), in: environment)
                try incidents.change(environment) { ((), $0.erase(texts)) }
                publish(environment, room.book)
            } catch {
                // Whoever asked waits, is told that it was not done, and asks again.
                return log(.error, "alerts not erased", ["error": .string("\(error)")])
            }
        }
        orders.update { _ = $0.erased.removeFirst() }
    }

    // MARK: - Context

    private func context(
        of environment: String, _ burning: BurningObjectives
    ) throws -> RuleContext {
        let series = RoundSeries(
            try metrics.series(of: environment, cancellation, servesRules: true),
            unshared: Set(SLOSeries.descriptions.map(\.name)))
        let fresh = RoundSeries(
            try metrics.derived(of: environment, cancellation, settling: 0))
        let (clock, stored) = (machine.clock, metrics.stored)
        var context = RuleContext(
            answer: answer(over: series), fresh: answer(over: fresh),
            ask: metrics.ask(
                environment, cancellation, timeLimit: ServiceLimits.ruleNanosecondsMax),
            write: { samples in
                series.forget(Set(samples.map(\.labels.metricName)))
                _ = try stored.append(samples, to: environment)
            })
        context.queryOffset = DerivedSeries.settling
        context.externalURL = options.externalURL
        context.tally = burning.tally
        context.tallyFailure = burning.failure
        context.nanoseconds = { clock.monotonicNanoseconds() }
        return context
    }

    /// What answers expressions over series, each in the time that one may take.
    private func answer(
        over series: any SeriesSource
    ) -> @Sendable (PromQLQuery, Int64) throws -> PromQLEngine.Value {
        let (clock, cancellation) = (machine.clock, cancellation)
        return { query, time in
            var options = PromQLEngine.Options()
            let end = clock.monotonicNanoseconds() + ServiceLimits.ruleNanosecondsMax
            options.interruption = {
                if cancellation.isCancelled {
                    return PromQLError(.canceled, "the server stops")
                }
                return clock.monotonicNanoseconds() < end
                    ? nil : PromQLError(.timeout, "the rule takes too long")
            }
            return try PromQLEngine(series, options: options).answer(query, at: time).value
        }
    }
}

extension AlertKeeper: Erasable {
    /// Forgets alerts and incidents that hold one of the texts, and that anybody was told of them.
    func erase(_ texts: [String], in environment: String) throws {
        if texts.isEmpty { return }
        orders.update { $0.erased.append((environment, texts)) }
        let isDone: Void? = orders.wait(atMost: 60_000_000_000) { orders in
            orders.isEnding || orders.erased.isEmpty ? () : nil
        }
        // What was handed over before might be told after.
        let isSettled = explainer.settle()
        let areTold = tellers.erase(texts, of: environment)
        guard isDone != nil, isSettled, areTold else {
            throw ServerError(description: "alerts: not erased in time")
        }
    }
}
