internal import Alerting
internal import Bytes
internal import Host
internal import Synchronization

/// All who are told of alerts: the Alertmanagers of the configuration, of every environment's alerts,
/// and the receivers that an environment defines, of its own.
final class AlertTellers: Sendable {
    private struct Entry {
        /// What it was made of; another definition makes another teller.
        let definition: String
        let teller: AlertTeller
    }

    private let alertmanagers: [String]
    private let definitions: DefinitionStore
    private let files: AlertFiles
    private let clock: any HostClock
    private let options: AlertKeeper.Options
    private let log: ServerLog
    private let entries = Mutex<[String: [String: Entry]]>([:])

    /// - Parameter alertmanagers: URLs.
    init(
        alertmanagers: [String], _ definitions: DefinitionStore, _ files: AlertFiles,
        clock: any HostClock, options: AlertKeeper.Options, log: ServerLog
    ) {
        self.alertmanagers = alertmanagers
        self.definitions = definitions
        self.files = files
        self.clock = clock
        self.options = options
        self.log = log
    }

    func all(of environment: String) -> [AlertTeller] {
        entries.withLock { $0[environment] ?? [:] }.sorted { $0.key < $1.key }.map(\.value.teller)
    }

    /// All who are told directly.
    func receivers(of environment: String) -> [Receiver] {
        all(of: environment).compactMap(\.receiver)
    }

    func tell(_ alerts: [Alert], of environment: String) {
        for teller in all(of: environment) { teller.tell(alerts) }
    }

    /// Starts and ends tellers until there is one for each definition.
    func prepare(_ environment: String) throws(HostError) {
        var before = entries.withLock { $0[environment] ?? [:] }
        var after: [String: Entry] = [:]
        for (name, definition, listener) in listeners(of: environment) {
            if let known = before[name], known.definition == definition {
                after[name] = known
                before[name] = nil
                continue
            }
            // The one before is through before the new one reads what it kept.
            before[name]?.teller.end()
            before.removeValue(forKey: name)?.teller.join()
            after[name] = Entry(
                definition: definition,
                teller: try AlertTeller(
                    name, restored(listener), files, clock: clock,
                    externalURL: options.externalURL, interval: options.interval, log: log))
        }
        for (name, entry) in before {
            entry.teller.end()
            entry.teller.join()
            // What nobody is told of any more is not kept either.
            if !alertmanagers.contains(name) { try files.remove("\(environment).\(name)") }
        }
        entries.withLock { $0[environment] = after }
    }

    private func listeners(
        of environment: String
    ) -> [(name: String, definition: String, listener: AlertTeller.Listener)] {
        let engines = alertmanagers.map { url in
            (
                url, url,
                AlertTeller.Listener.alertmanager(
                    AlertmanagerFeed(url: url, environment: environment))
            )
        }
        return engines
            + definitions.definitions(of: environment).listeners.map { receiver, definition in
                let listener = AlertTeller.Listener.receiver(
                    ReceiverFeed(receiver), file: "\(environment).\(receiver.name)")
                return (receiver.name, definition, listener)
            }
    }

    /// The listener with what it was told before.
    private func restored(_ listener: AlertTeller.Listener) -> AlertTeller.Listener {
        guard case .receiver(var feed, let file) = listener else { return listener }
        do {
            if let bytes = try files.bytes(in: file) { try feed.restore(bytes) }
        } catch {
            log(.error, "alerts not read", ["file": .string(file), "error": .string("\(error)")])
        }
        return .receiver(feed, file: file)
    }

    /// Ends all and waits for what is being sent.
    func end() {
        let tellers = entries.withLock { $0 }.values.flatMap(\.values).map(\.teller)
        for teller in tellers { teller.end() }
        for teller in tellers { teller.join() }
    }
}
