internal import Bytes
internal import Compute
internal import EventQuery
internal import EventStore
internal import Events
internal import Host
internal import Metrics
internal import SeriesStore
internal import Synchronization

/// Keeps what metrics count of events that retention lets go of, in `series/<environment>/past` of the
/// data directory.
///
/// Before events go their increments are staged, and a note says which runs they are of. When the edit of
/// the manifest has made these runs dead, the staged blocks take their places; a crash between the two is
/// settled at the next start by what the manifest says. So every event is counted once: as it is, or here.
final class EventsPast: RetentionWitness {
    /// What a metric is counted by, once the server can.
    struct Counting: Sendable {
        let definitions: @Sendable (_ environment: String) -> [MetricDefinition]
        /// Answers queries, about the events of a snapshot or, without one, about all there are.
        let ask: @Sendable (_ environment: String, EventStoreSnapshot?) -> DerivedSeries.Ask
    }

    /// How far an environment's stores of events and of what is left of others go together.
    private struct Agreement {
        /// How often events went.
        var changes = 0
        var isChanging = false
        /// Why what was staged is not in its place though its events are gone.
        var failure: String?
    }

    /// By their environments.
    let stores: EnvironmentSeries
    private let machine: Machine
    private let notice: @Sendable (String) -> Void
    private let counting = Mutex<Counting?>(nil)
    private let agreements = Monitor<[String: Agreement]>([:])

    /// - Parameters:
    ///   - parent: the data directory.
    ///   - retention: how long cells of each tier are kept, in milliseconds.
    ///   - notice: told what an operator should know.
    init(
        directory parent: String, on machine: Machine, retention: [Tier: Int64] = [:],
        notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        (self.machine, self.notice) = (machine, notice)
        var options = SeriesStore.Options(sumOfHistograms: NativeHistogram.sum)
        options.retention = retention
        options.keepsTotals = true
        stores = EnvironmentSeries("past", in: parent, on: machine, options: options) {
            notice("damage: \($0)")
        }
    }

    /// Says how metrics are counted; until then retention waits.
    func begin(_ counting: Counting) { self.counting.withLock { $0 = counting } }

    /// Counts nothing more.
    func end() { counting.withLock { $0 = nil } }

    // MARK: - Reading

    /// What is left of events in an environment; nil when none went.
    func series(of environment: String, notes: SeriesNotes = SeriesNotes()) throws -> PastSeries? {
        guard let store = try stores.store(of: environment, makes: false) else { return nil }
        return PastSeries(store, notes: notes) { [agreements] in
            let settled = agreements.wait(atMost: EventsPast.patience) { agreements -> Agreement? in
                let agreement = agreements[environment] ?? Agreement()
                return agreement.isChanging ? nil : agreement
            }
            guard let settled else {
                throw PromQLError(.timeout, "events are going; ask again")
            }
            if let failure = settled.failure { throw PromQLError(.execution, failure) }
            return settled.changes
        }
    }

    /// Nanoseconds that a question waits while events go.
    private static let patience: Int64 = 10_000_000_000

    // MARK: - Events that go

    func prepare(
        _ dying: EventStoreSnapshot, _ runs: [DeadRun], of environment: String
    ) throws {
        guard let counting = counting.withLock({ $0 }),
            let store = try stores.store(of: environment, makes: true)
        else { throw EventsPastError(description: "metrics cannot be counted yet") }
        if hasFailed(environment) { try commit(environment, store) }
        try store.discardStaged()
        let going = counting.ask(environment, dying)
        let now = machine.clock.wallNanoseconds() / 1_000_000
        var metrics: [(definition: MetricDefinition, counting: PastCounting)] = []
        for definition in counting.definitions(environment) {
            try skippingRefusals(definition) {
                let counting = try PastCounting(
                    definition, all: counting.ask(environment, nil), going: going)
                metrics.append((definition, counting))
            }
        }
        let byName = Dictionary(
            metrics.flatMap { metric in
                metric.definition.seriesNames.map { ($0, metric.definition) }
            },
            uniquingKeysWith: { first, _ in first })
        for start in try EventsPast.blocks(of: dying, going) {
            var series: [SeriesData] = []
            for (definition, counting) in metrics {
                try skippingRefusals(definition) { series += try counting.increments(at: start) }
            }
            if series.isEmpty { continue }
            try store.stage(series, at: start, now: now) { labels, first, second in
                byName[labels.metricName].map { PastCounting.sum($0, first, second) } ?? second
            }
        }
        try write(GoingRuns(runs: runs), of: environment)
        agreements.update { $0[environment, default: Agreement()].isChanging = true }
    }

    /// Goes on without a metric that cannot be counted, such as one with an expression too dear.
    private func skippingRefusals(
        _ definition: MetricDefinition, _ body: () throws -> Void
    ) throws {
        do {
            try body()
        } catch let error as PromQLError where error.code == .execution {
            notice("\(definition.name) will not know of events that go: \(error)")
        }
    }

    func settle(_ environment: String, areGone: ([DeadRun]) -> Bool) {
        var failure: String?
        do {
            if let store = try stores.store(of: environment, makes: false) {
                let going = try read(environment)
                if let going, areGone(going.runs) {
                    failure = "what is left of deleted events cannot be read"
                    try commit(environment, store)
                    failure = nil
                } else {
                    try store.discardStaged()
                    try forget(environment)
                }
            }
        } catch {
            notice("events that went, environment \(environment): \(error)")
        }
        let reason = failure
        agreements.update { agreements in
            agreements[environment, default: Agreement()].changes += 1
            agreements[environment]?.isChanging = false
            agreements[environment]?.failure = reason
        }
    }

    /// Counts what was staged, whose events are gone; done twice it is the same.
    private func commit(_ environment: String, _ store: SeriesStore) throws {
        try store.commitStaged(now: machine.clock.wallNanoseconds() / 1_000_000)
        try forget(environment)
    }

    private func hasFailed(_ environment: String) -> Bool {
        agreements.withLock { $0[environment]?.failure != nil }
    }

    /// The starts of the blocks of two hours in which events are.
    private static func blocks(
        of events: EventStoreSnapshot, _ ask: DerivedSeries.Ask
    ) throws -> [Int64] {
        let length = Tier.written.blockLength
        var found: Set<Int64> = []
        var waiting: [Range<Int64>] = events.segments.compactMap(\.timeBounds).map { bounds in
            let first = Tier.written.blockStart(of: bounds.lowerBound.milliseconds)
            return first..<Tier.written.blockStart(of: bounds.upperBound.milliseconds) + length
        }
        while let range = waiting.popLast() {
            var query = Query()
            query.timeRange = .between(
                .absolute(range.lowerBound.nanosecondsOfMilliseconds),
                .absolute(range.upperBound.nanosecondsOfMilliseconds))
            query.shape = .statistics(Statistics(calculations: [Calculation(.count)]))
            let isEmpty = try ask(query).rows.allSatisfy { $0.values == [.value(.int(0))] }
            if isEmpty { continue }
            let blocks = (range.upperBound - range.lowerBound) / length
            if blocks <= 1 {
                found.insert(range.lowerBound)
            } else {
                let middle = range.lowerBound + blocks / 2 * length
                waiting += [range.lowerBound..<middle, middle..<range.upperBound]
            }
        }
        return found.sorted()
    }
}

extension Int64 {
    /// Of nanoseconds the whole milliseconds before.
    fileprivate var milliseconds: Int64 {
        self / 1_000_000 - (self % 1_000_000 < 0 ? 1 : 0)
    }
}

/// Why what is left of events could not be kept or read.
struct EventsPastError: Error, CustomStringConvertible {
    let description: String
}

// MARK: - Keeping

extension EventsPast {
    /// Takes the past of environments back to what their tiers keep, and to the labels that metrics keep.
    func keep(now: Int64) throws(SeriesStoreError) {
        let counting = counting.withLock { $0 }
        try stores.forEachStore { environment, store throws(SeriesStoreError) in
            try store.retain(now: now)
            guard let counting else { return }
            try PastSeries.dropLabels(
                of: counting.definitions(environment), in: store, now: now)
        }
    }
}

extension EventsPast: Erasable {
    /// Removes what is left of series that have one of the texts in a label.
    func erase(_ texts: [String], in environment: String) throws {
        try stores.erase(texts, in: environment)
    }
}

// MARK: - The note

/// The runs whose increments are staged: `going` beside the blocks, there whole or not at all.
private struct GoingRuns {
    let runs: [DeadRun]

    private static let magic = Array("WFGR".utf8)
    /// Bytes of a name, and runs of one note: many times what one edit buries.
    private static let nameBytes = 1 << 16
    static let bytesMax = 1 << 24

    init(runs: [DeadRun]) { self.runs = runs }

    /// Magic, CRC-32C of what follows, the number of runs as a varint, for each the names of its file
    /// and its dataset.
    func encoded() -> [UInt8] {
        var body = ByteWriter(capacity: 256)
        body.writeVarint(runs.count)
        for run in runs {
            body.writeString(run.fileName)
            body.writeString(run.dataset)
        }
        var writer = ByteWriter(capacity: body.count + 8)
        writer.write(contentsOf: GoingRuns.magic)
        writer.write(Checksum.crc32c(body.bytes))
        writer.write(contentsOf: body.bytes)
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodeError) {
        guard bytes.count > 8, bytes[..<4] == GoingRuns.magic[...] else {
            throw DecodeError("no note of events that go", at: 0)
        }
        var reader = ByteReader(bytes[4...])
        guard try reader.read(UInt32.self) == Checksum.crc32c(Array(bytes[8...])) else {
            throw DecodeError("the checksum of a note is wrong", at: 4)
        }
        var runs: [DeadRun] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "runs")) {
            let file = try reader.readString(limit: GoingRuns.nameBytes)
            let dataset = try reader.readString(limit: GoingRuns.nameBytes)
            runs.append(DeadRun(fileName: file, dataset: dataset))
        }
        self.runs = runs
    }
}

extension EventsPast {
    private static let noteName = "going"

    private func notePath(_ environment: String) -> String {
        stores.directory(of: environment) + "/" + EventsPast.noteName
    }

    private func write(_ going: GoingRuns, of environment: String) throws {
        try machine.files.replaceFile(
            EventsPast.noteName, in: stores.directory(of: environment), with: going.encoded())
    }

    private func read(_ environment: String) throws -> GoingRuns? {
        let path = notePath(environment)
        guard try machine.files.status(path) != nil else { return nil }
        return try GoingRuns(
            decoding: try machine.files.readFile(path, limit: GoingRuns.bytesMax))
    }

    private func forget(_ environment: String) throws {
        let path = notePath(environment)
        guard try machine.files.status(path) != nil else { return }
        try machine.files.remove(path)
        try machine.files.synchronizeDirectory(stores.directory(of: environment))
    }
}
