internal import Host
internal import SeriesStore
internal import Synchronization

/// The stores of one kind of series, one for each environment: `series/<environment>/<kind>` of the data
/// directory.
///
/// A store is opened when it is first asked for, and made when somebody says so.
final class EnvironmentSeries: Sendable {
    static let directoryName = "series"

    private let kind: String
    private let parent: String
    private let machine: Machine
    private let options: SeriesStore.Options
    private let damage: @Sendable (SeriesStoreError) -> Void
    private let opened = Mutex<[String: SeriesStore]>([:])
    /// Held while a store is opened.
    private let opening = Mutex(())

    /// Stores in the data directory `parent`; nothing is opened yet.
    ///
    /// - Parameter damage: told of files that cannot be read, when their store is opened.
    init(
        _ kind: String, in parent: String, on machine: Machine, options: SeriesStore.Options,
        damage: @escaping @Sendable (SeriesStoreError) -> Void = { _ in }
    ) {
        (self.kind, self.parent, self.machine) = (kind, parent, machine)
        (self.options, self.damage) = (options, damage)
    }

    /// Where the store of an environment is.
    func directory(of environment: String) -> String {
        EnvironmentSeries.directory(of: environment, in: parent) + "/" + kind
    }

    /// Where all that is stored of an environment's series is.
    static func directory(of environment: String, in parent: String) -> String {
        parent + "/" + directoryName + "/" + environment
    }

    /// The store of an environment; nil when there is none and it is not to be made.
    func store(of environment: String, makes: Bool) throws -> SeriesStore? {
        if let store = opened.withLock({ $0[environment] }) { return store }
        precondition(
            EnvironmentSeries.isName(environment), "BUG: no name of an environment")
        return try opening.withLock { _ in
            if let store = opened.withLock({ $0[environment] }) { return store }
            let path = directory(of: environment)
            guard try makes || machine.files.status(path) != nil else { return nil }
            try EnvironmentSeries.makeDirectory(of: environment, in: parent, on: machine)
            let store = try SeriesStore(machine, directory: path, options: options)
            for finding in store.findings { damage(finding) }
            opened.withLock { $0[environment] = store }
            return store
        }
    }

    /// Makes the directory of all that is stored of an environment's series.
    static func makeDirectory(
        of environment: String, in parent: String, on machine: Machine
    ) throws(HostError) {
        let all = parent + "/" + directoryName
        for path in [all, directory(of: environment, in: parent)] {
            try machine.files.createDirectory(path)
        }
        for path in [parent, all] { try machine.files.synchronizeDirectory(path) }
    }

    /// Opens the stores that are there.
    func open() throws {
        let all = parent + "/" + EnvironmentSeries.directoryName
        guard try machine.files.status(all) != nil else { return }
        for name in try machine.files.list(all) where EnvironmentSeries.isName(name) {
            _ = try store(of: name, makes: false)
        }
    }

    private static func isName(_ name: String) -> Bool {
        isEnvironmentName(name) || name == SelfTelemetry.environment
    }

    /// Does something with each environment whose store is open, by their names.
    ///
    /// Throws the first failure, after everything was tried.
    func forEachStore(
        _ body: (_ environment: String, SeriesStore) throws(SeriesStoreError) -> Void
    ) throws(SeriesStoreError) {
        var failure: SeriesStoreError?
        for (environment, store) in opened.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            do throws(SeriesStoreError) {
                try body(environment, store)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// What all stores are made of together.
    func figures() -> SeriesFigures {
        opened.withLock { $0 }.values.reduce(into: SeriesFigures()) { $0.add($1.figures()) }
    }

    // MARK: - Erasing and backing up

    /// Removes the series that have one of the texts in a label, from memory and every block.
    func erase(_ texts: [String], in environment: String) throws {
        if texts.isEmpty { return }
        _ = try store(of: environment, makes: false)?.erase { labels in
            labels.contains { label in texts.contains { label.value.utf8.contains($0.utf8) } }
        }
    }

    /// Saves all that is in memory, and calls `body` while no file changes.
    ///
    /// A store that is opened for the first time meanwhile may be written to.
    func whileNothingIsWritten(_ body: () throws(HostError) -> Void) throws(HostError) {
        try hold(opened.withLock { Array($0.values) }[...], body)
    }

    private func hold(
        _ stores: ArraySlice<SeriesStore>, _ body: () throws(HostError) -> Void
    ) throws(HostError) {
        guard let first = stores.first else { return try body() }
        // What cannot be saved is saved by no later start either; the backup has what is on disk.
        try? first.save()
        try first.whileNothingIsWritten { () throws(HostError) in
            try hold(stores.dropFirst(), body)
        }
    }
}
