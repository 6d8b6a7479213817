internal import Alerting
internal import Bytes
internal import Host
internal import Synchronization

/// All who are told of alerts: the Alertmanagers of the configuration, of every environment's alerts,
/// and the receivers that an environment defines, of its own.
final class AlertTellers: Sendable {
    private struct Entry {
        /// What it tells by; nil where there is none any more, and it ends after what it is sending.
        let definition: String?
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
        entries.withLock { $0[environment] ?? [:] }.filter { $0.value.definition != nil }
            .sorted { $0.key < $1.key }.map(\.value.teller)
    }

    /// All who are told directly.
    func receivers(of environment: String) -> [Receiver] {
        all(of: environment).compactMap(\.receiver)
    }

    func tell(_ alerts: [Alert], of environment: String) {
        for teller in all(of: environment) { teller.tell(alerts) }
    }

    /// Forgets alerts that hold one of some texts, in memory and on disk.
    ///
    /// - Returns: false when what is being sent kept it from it for too long.
    func erase(_ texts: [String], of environment: String) -> Bool {
        let tellers = entries.withLock { $0[environment] ?? [:] }.values.map(\.teller)
        return tellers.map { $0.erase(texts) }.allSatisfy { $0 }
    }

    /// Starts, changes and ends tellers until there is one for each definition.
    ///
    /// It waits for none of them: what one is sending may hang.
    func prepare(_ environment: String) throws(HostError) {
        let before = entries.withLock { $0[environment] ?? [:] }
        var after: [String: Entry] = [:]
        for (name, definition, listener) in listeners(of: environment) {
            if let known = before[name],
                known.definition == definition || listener.isTaken(by: known.teller)
            {
                after[name] = Entry(definition: definition, teller: known.teller)
                continue
            }
            after[name] = Entry(
                definition: definition,
                teller: try AlertTeller(
                    Receiver.shown(name, type: nil), restored(listener), files, clock: clock,
                    externalURL: options.externalURL, interval: options.interval, log: log))
        }
        for (name, entry) in before where after[name] == nil && !entry.teller.isThrough {
            // What nobody is told of any more is not kept either.
            entry.teller.end(forgetting: true)
            after[name] = Entry(definition: nil, teller: entry.teller)
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

extension AlertTeller.Listener {
    /// Whether the teller of one that had the same name tells it now.
    fileprivate func isTaken(by teller: AlertTeller) -> Bool {
        guard case .receiver(let feed, _) = self else { return false }
        return teller.redefine(as: feed.receiver)
    }
}
