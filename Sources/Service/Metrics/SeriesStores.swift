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
    private let machine: Machine
    /// By their environments.
    let stores: EnvironmentSeries

    /// Stores in the data directory `parent`; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - retention: how long samples of each tier are kept, in milliseconds.
    ///   - damage: told of files that cannot be read, when their store is opened.
    init(
        directory parent: String, on machine: Machine, retention: [Tier: Int64] = [:],
        damage: @escaping @Sendable (SeriesStoreError) -> Void = { _ in }
    ) {
        self.machine = machine
        var options = SeriesStore.Options(sumOfHistograms: NativeHistogram.sum)
        options.retention = retention
        stores = EnvironmentSeries(
            "written", in: parent, on: machine, options: options, damage: damage)
    }

    /// Sets samples of an environment's series, in any order; one of the same series and time as
    /// another takes its place.
    ///
    /// They can be read at once. Returns those that were refused. Throws when the store cannot be
    /// opened or a block of it not be read.
    func append(
        _ samples: [LabeledSample], to environment: String
    ) throws -> [SampleRejection] {
        if samples.isEmpty { return [] }
        return try stores.store(of: environment, makes: true)?.write(samples) ?? []
    }

    /// The series that were written in an environment; nil when none ever were.
    ///
    /// Where only cells of minutes or hours are left of samples, their averages are read.
    func written(in environment: String) throws -> (any SeriesSource)? {
        try stores.store(of: environment, makes: false)?.view(.average)
    }

    // MARK: - Keeping

    /// Saves what was written, closes blocks that are over, removes what is kept no longer.
    ///
    /// Throws the first failure, after everything was tried; the same call may be made again.
    func keep(now: Int64) throws(SeriesStoreError) {
        try stores.forEachStore { _, store throws(SeriesStoreError) in
            try store.close(endingBy: now - ServiceLimits.seriesOpenMilliseconds, now: now)
            try store.save()
            try store.retain(now: now)
        }
    }

    /// Writes all that is in memory to disk.
    func close() throws(SeriesStoreError) {
        let now = machine.clock.wallNanoseconds() / 1_000_000
        try stores.forEachStore { _, store throws(SeriesStoreError) in
            try store.close(endingBy: .max, now: now)
        }
    }
}

extension SeriesStores: Erasable {
    /// Removes the series that have one of the texts in a label, from memory and every block.
    func erase(_ texts: [String], in environment: String) throws {
        try stores.erase(texts, in: environment)
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
