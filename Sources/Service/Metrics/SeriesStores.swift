internal import Bytes
internal import Host
internal import Metrics
internal import SeriesStore
internal import Synchronization

/// The series that are stored, in `series/<environment>/written` of the data directory: what rules
/// record.
///
/// A store is opened when it is first asked for and made when it is first written to. Samples are on
/// disk some seconds after they were written (`ServiceLimits.seriesSavedNanoseconds`): a crash takes those
/// of the last seconds.
final class SeriesStores: Sendable {
    static let directoryName = "series"

    private let parent: String
    private let machine: Machine
    private let options: SeriesStore.Options
    private let opened = Mutex<[String: SeriesStore]>([:])
    /// Held while a store is opened.
    private let opening = Mutex(())

    /// Stores in the data directory `parent`; nothing is opened yet.
    ///
    /// - Parameter retention: how long samples of each tier are kept, in milliseconds.
    init(directory parent: String, on machine: Machine, retention: [Tier: Int64] = [:]) {
        (self.parent, self.machine) = (parent, machine)
        var options = SeriesStore.Options(sumOfHistograms: NativeHistogram.sum)
        options.retention = retention
        self.options = options
    }

    private var directory: String { parent + "/" + SeriesStores.directoryName }

    /// Sets samples of an environment's series, in any order; one of the same series and time as
    /// another takes its place.
    ///
    /// They can be read at once. Returns those that were refused. Throws when the store cannot be
    /// opened or a block of it not be read.
    func append(
        _ samples: [LabeledSample], to environment: String
    ) throws -> [SampleRejection] {
        if samples.isEmpty { return [] }
        return try store(of: environment, makes: true)?.write(samples) ?? []
    }

    /// The series that were written in an environment; nil when none ever were.
    ///
    /// Where only cells of minutes or hours are left of samples, their averages are read.
    func written(in environment: String) throws -> (any SeriesSource)? {
        try store(of: environment, makes: false)?.view(.average)
    }

    private func store(of environment: String, makes: Bool) throws -> SeriesStore? {
        if let store = opened.withLock({ $0[environment] }) { return store }
        precondition(
            isEnvironmentName(environment) || environment == SelfTelemetry.environment,
            "BUG: no name of an environment")
        return try opening.withLock { _ in
            if let store = opened.withLock({ $0[environment] }) { return store }
            let path = directory + "/" + environment
            let written = path + "/written"
            guard try makes || machine.files.status(written) != nil else { return nil }
            try SeriesStores.makeDirectory(of: environment, in: parent, on: machine)
            let store = try SeriesStore(machine, directory: written, options: options)
            opened.withLock { $0[environment] = store }
            return store
        }
    }

    /// Makes the directory of all that is stored of an environment's series.
    static func makeDirectory(
        of environment: String, in parent: String, on machine: Machine
    ) throws(HostError) {
        let directory = parent + "/" + directoryName
        for path in [directory, directory + "/" + environment] {
            try machine.files.createDirectory(path)
        }
        for path in [parent, directory] { try machine.files.synchronizeDirectory(path) }
    }

    /// The environments that have a directory here.
    private func environments() throws -> [String] {
        guard try machine.files.status(directory) != nil else { return [] }
        return try machine.files.list(directory).filter {
            isEnvironmentName($0) || $0 == SelfTelemetry.environment
        }
    }
}

// MARK: - Erasing and backing up

extension SeriesStores: Erasable {
    /// Removes the series that have one of the texts in a label, from memory and every block.
    func erase(_ texts: [String], in environment: String) throws {
        if texts.isEmpty { return }
        _ = try store(of: environment, makes: false)?.erase { SeriesStores.holds($0, texts) }
    }

    /// Whether one of the texts is in the value of a label.
    static func holds(_ labels: Labels, _ texts: [String]) -> Bool {
        labels.contains { label in texts.contains { label.value.utf8.contains($0.utf8) } }
    }

    /// Saves all that is in memory, and calls `body` while no file changes.
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

// MARK: - Keeping

extension SeriesStores {
    /// Opens what is there, and tells of files that are damaged: these are not read.
    func open() throws -> [SeriesStoreError] {
        try environments().sorted().flatMap {
            try store(of: $0, makes: false)?.findings ?? []
        }
    }

    /// Saves what was written, closes blocks that are over, removes what is kept no longer.
    ///
    /// Throws the first failure, after everything was tried; the same call may be made again.
    func keep(now: Int64) throws(SeriesStoreError) {
        try forEachStore { store throws(SeriesStoreError) in
            try store.close(endingBy: now - ServiceLimits.seriesOpenMilliseconds, now: now)
            try store.save()
            try store.retain(now: now)
        }
    }

    /// Writes all that is in memory to disk.
    func close() throws(SeriesStoreError) {
        let now = machine.clock.wallNanoseconds() / 1_000_000
        try forEachStore { store throws(SeriesStoreError) in
            try store.close(endingBy: .max, now: now)
        }
    }

    private func forEachStore(
        _ body: (SeriesStore) throws(SeriesStoreError) -> Void
    ) throws(SeriesStoreError) {
        var failure: SeriesStoreError?
        for (_, store) in opened.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            do throws(SeriesStoreError) { try body(store) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// What all stores are made of together.
    func figures() -> SeriesFigures {
        opened.withLock { $0 }.values.reduce(into: SeriesFigures()) { $0.add($1.figures()) }
    }
}

/// The thread that keeps stored series.
final class SeriesKeeper: Sendable {
    private let isEnding = Monitor(false)
    private let thread = Mutex<HostThread?>(nil)

    /// Starts the thread; `notice` is told of what goes wrong.
    ///
    /// Throws `HostError` when the system has none to give.
    init(
        _ stores: SeriesStores, _ past: EventsPast, _ clock: any HostClock,
        notice: @escaping @Sendable (SeriesStoreError) -> Void
    ) throws(HostError) {
        let started = try HostThread(name: "series") { [isEnding] in
            var pause = ServiceLimits.seriesSavedNanoseconds
            while isEnding.wait(atMost: pause, until: { $0 ? () : nil }) == nil {
                let begin = clock.monotonicNanoseconds()
                let now = clock.wallNanoseconds() / 1_000_000
                do throws(SeriesStoreError) {
                    try stores.keep(now: now)
                    try past.keep(now: now)
                } catch {
                    notice(error)
                }
                // Large blocks are saved less often: at most a twentieth of one core's time.
                let taken = clock.monotonicNanoseconds() - begin
                pause = max(ServiceLimits.seriesSavedNanoseconds, 20 * taken)
            }
        }
        thread.withLock { $0 = started }
    }

    func end() {
        isEnding.update { $0 = true }
        thread.withLock { $0 }?.join()
    }
}
