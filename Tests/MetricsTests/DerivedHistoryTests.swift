import Bytes
import Compute
import EventQuery
import EventStore
import Events
import Host
import Metrics
import SeriesStore
import Synchronization
import TestSupport
import Testing

/// Derived series over random histories of a store: late events, repeats, seals, compaction, retention of
/// one dataset, erasure, definitions made later, crashes at any call.
@Suite struct DerivedHistoryTests {
    @Test(arguments: [UInt64](0..<8))
    func `every cell of every series adds what the query over the stored events answers`(
        seed: UInt64
    ) throws {
        var history = try DerivedHistory(seed: seed)
        for _ in 0..<24 {
            try history.step()
            if history.isWorthALook { try history.check() }
        }
        try history.crash()
        try history.check()
        // Not idle.
        #expect(history.cellsCompared > 100)
    }
}

private struct DerivedHistory {
    private static let second: Int64 = 1_000_000_000
    private static let bounds = [10.0, 50]
    private static let counter: MetricDefinition = {
        var definition = MetricDefinition(
            name: "n_total", labels: [.init("user", .field(.named("user")))])
        definition.seriesLimit = 3
        return definition
    }()
    private static let histogram = MetricDefinition(
        name: "ms", kind: .histogram(bounds: bounds), filter: .field(.named("flag")),
        value: .field(.named("ms")), labels: [.init("dataset", .field(.dataset))])
    private static let exponential = MetricDefinition(
        name: "spread", kind: .exponentialHistogram, value: .field(.named("ms")))

    /// Reaches back when it is made.
    private static let late = MetricDefinition(
        name: "late_total", labels: [.init("dataset", .field(.dataset))])

    /// What is defined by now.
    private var definitions = [counter, histogram, exponential]
    private var random: SeededRandom
    private let seed: UInt64
    private let disk: SimulatedDisk
    private let clock = SimulatedClock()
    private let start: Int64
    private var store: EventStore
    /// Keeps what it counted of sealed segments, as a server's does.
    private var engine: QueryEngine
    /// Events that were acknowledged and neither erased nor of the dataset whose events go.
    private var kept: Set<Int64> = []
    private var erased: Set<Int64> = []
    private var nextID = 0
    private var keyed: [(key: String, events: [ModelEvent])] = []
    private(set) var cellsCompared = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededRandom(seed: seed)
        disk = SimulatedDisk(seed: seed, capacity: .max)
        start = clock.wallNanoseconds() / (3600 * Self.second) * 3600 * Self.second
        store = try Self.open(disk, clock, seed)
        engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SystemClock())
    }

    private static func open(
        _ disk: SimulatedDisk, _ clock: SimulatedClock, _ seed: UInt64
    ) throws -> EventStore {
        var options = EventStore.Options()
        options.hasThreads = false
        options.limits.logFileBytes = 4_096
        options.limits.reserveBytes = 0
        options.limits.compactionSegments = 3
        let machine = Machine(
            files: SimulatedProcess(disk), clock: clock,
            random: SimulatedRandomness(seed: seed &+ 9))
        let store = try EventStore.open("data", machine: machine, options: options)
        store.setRetention { _, dataset in
            dataset == "pay" ? RetentionPolicy(age: 8 * 3600 * second) : nil
        }
        return store
    }

    // MARK: - Steps

    mutating func step() throws {
        let dies = random.chance(1, in: 4)
        if dies {
            disk.crash(atCall: disk.callCount + Int.random(in: 0..<60, using: &random))
        }
        do {
            try act()
        } catch {
            if !dies { throw error }
        }
        if dies { try crash() }
    }

    private mutating func act() throws {
        switch Int.random(in: 0..<14, using: &random) {
        case 0..<6: try send()
        case 6: try sendAgain()
        case 7, 8: try store.seal()
        case 9: try store.maintain()
        case 10:
            clock.advance(nanoseconds: Int64.random(in: 600..<7200, using: &random) * Self.second)
            try store.maintain()
        case 11: try erase()
        case 12: define()
        default: try crash()
        }
    }

    /// Makes a metric of all events, or one of those from now on.
    private mutating func define() {
        if !definitions.contains(Self.late) { return definitions.append(Self.late) }
        var new = MetricDefinition(name: "since\(definitions.count)_total")
        new.since = clock.wallNanoseconds()
        definitions.append(new)
    }

    /// Erases the events of one user and some values.
    private mutating func erase() throws {
        let user = FieldValue.string("u\(Int.random(in: 0..<6, using: &random))")
        let least = Int64.random(in: 0..<100, using: &random)
        let isErased: @Sendable (ModelEvent) -> Bool = { event in
            guard case .int(let ms)? = event.fields["ms"] else { return false }
            return event.fields["user"] == user && ms >= least
        }
        // Whether it was done or not, after a crash these may be gone.
        let ids = keyed.flatMap(\.events).filter(isErased).compactMap(Self.id)
        erased.formUnion(ids)
        kept.subtract(ids)
        _ = try store.erase(
            Erasure(
                environment: "e", id: "r\(nextID)", condition: "user = ?", digest: [],
                texts: [Array("no key has it".utf8)]
            ) { sources in
                try sources.map { source in
                    var rows = Bitmap(count: source.rows)
                    for (row, event) in try model(of: source).enumerated() where isErased(event) {
                        rows[row] = true
                    }
                    return rows
                }
            })
    }

    private static func id(_ event: ModelEvent) -> Int64? {
        if case .int(let id)? = event.fields["id"] { id } else { nil }
    }

    var isWorthALook: Bool { nextID % 3 == 0 }

    private mutating func send() throws {
        // Some at once, some hours late.
        let now = clock.wallNanoseconds()
        let events = (0..<Int.random(in: 1...20, using: &random)).map { _ -> ModelEvent in
            let lateness = Int64.random(
                in: 0..<(random.chance(1, in: 3) ? 20_000 : 60), using: &random)
            nextID += 1
            return ModelEvent(
                timestamp: max(start, now - lateness * Self.second) + Int64(nextID),
                rate: UInt32.random(in: 1...3, using: &random),
                dataset: random.chance(1, in: 2) ? "pay" : "shop",
                fields: [
                    "id": .int(Int64(nextID)),
                    "user": .string("u\(Int.random(in: 0..<6, using: &random))"),
                    "ms": .int(Int64.random(in: 0..<100, using: &random)),
                    "flag": .bool(random.chance(2, in: 3)),
                ])
        }
        let key = "key \(nextID)"
        keyed.append((key, events))
        try append(events, key)
        clock.advance(nanoseconds: Int64.random(in: 1..<900, using: &random) * Self.second)
    }

    /// Sends a request again: none of its events may count twice.
    private mutating func sendAgain() throws {
        guard let (key, events) = keyed.randomElement(using: &random) else { return }
        try append(events, key)
    }

    private mutating func append(_ events: [ModelEvent], _ key: String) throws {
        let record = IngestRecord(
            environment: "e",
            idempotency: Idempotency(key: key, digest: BodyDigest(high: 0, low: 0), answer: []),
            batches: [makeBatch(events)])
        let answer = Mutex<Bool?>(nil)
        store.append(record, durability: .synced) { result in
            answer.withLock { $0 = if case .success = result { true } else { false } }
        }
        store.step()
        guard answer.withLock({ $0 }) == true else { return }
        let ids = events.filter { $0.dataset == "shop" }.compactMap(Self.id)
        kept.formUnion(Set(ids).subtracting(erased))
    }

    /// Another process, which has counted nothing yet.
    mutating func crash() throws {
        disk.crash(atCall: nil)
        engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SystemClock())
        if random.chance(1, in: 2) { disk.powerCut() } else { disk.kill() }
        store = try Self.open(disk, clock, seed)
    }

    // MARK: - Checks

    mutating func check() throws {
        let snapshot = store.snapshot(environment: "e")
        let now = clock.wallNanoseconds() + 60 * Self.second
        var all = Query()
        all.timeRange = .between(.absolute(.min), .absolute(.max))
        let events = try snapshot.sources(for: &all, now: now).flatMap { try model(of: $0) }
        // A repeat counts once, and what was acknowledged counts.
        let ids = events.compactMap(Self.id)
        #expect(Set(ids).count == ids.count, "seed \(seed)")
        #expect(kept.isSubset(of: ids), "seed \(seed)")
        let engine = engine
        let ask: DerivedSeries.Ask = { query in
            var query = query
            let sources = try snapshot.sources(for: &query, now: now)
            let answer = try engine.answer(query, over: sources, now: now)
            guard case .statistics(let table) = answer.content else {
                preconditionFailure("BUG: the query of a metric is about events")
            }
            return table
        }
        let series = DerivedSeries(definitions, now: now / 1_000_000, ask)
        for name in definitions.flatMap(\.seriesNames) {
            // A range that begins among the events: what is before stands in the first sample.
            let from = start / 1_000_000 + Int64.random(in: 0..<3_600_000, using: &random)
            let found = try series.named(name, from: from, to: now / 1_000_000)
            for one in found { compare(one, events) }
            guard name == "n_total" else { continue }
            compareWhole(
                found, events, from: from, end: (now / 1_000_000 - 30_000) / 10_000 * 10_000)
            let present = DerivedSeries(
                definitions, now: now / 1_000_000, settling: 0, readsOpenCells: true, ask)
            let all = try present.named(name, from: from, to: now / 1_000_000)
            compareWhole(all, events, from: from, end: now / 1_000_000)
        }
    }

    /// Samples are the totals of the events before them.
    private mutating func compare(_ series: SeriesData, _ events: [ModelEvent]) {
        let admitted = admittedUsers(events)
        let added = events.sorted { $0.timestamp < $1.timestamp }.map { event in
            (event.timestamp, amount(of: event, in: series.labels, admitted), Double(event.rate))
        }
        var rest = added[...]
        var (total, count) = (0.0, 0.0)
        for place in 0..<series.samples.count {
            let time = series.samples.timestamps[place] * 1_000_000
            while let next = rest.first, next.0 < time {
                total += next.1
                count += next.2
                rest.removeFirst()
            }
            let value = series.samples.values[place]
            if StaleMarker.isStale(value) { continue }
            cellsCompared += 1
            let isRight = abs(value - total) < 1e-6
            if !isRight {
                Issue.record("seed \(seed), \(series.labels) at \(time): \(value), not \(total)")
            }
            guard !series.samples.histograms.isEmpty,
                let histogram = series.samples.histograms[place]
            else { continue }
            let inBuckets = histogram.zeroCount + histogram.positiveBuckets.reduce(0, +)
            if histogram.count != count || inBuckets != count {
                Issue.record("seed \(seed), a histogram of \(histogram.count), not \(count)")
            }
        }
    }

    /// All series with the overflow are all events.
    private func compareWhole(
        _ found: [SeriesData], _ events: [ModelEvent], from: Int64, end: Int64
    ) {
        // One that had no event for a day has ended.
        guard from < end, found.allSatisfy({ $0.samples.timestamps.last == end }) else { return }
        let whole = found.reduce(0) { $0 + ($1.samples.values.last ?? 0) }
        let expected = events.reduce(0) {
            $1.timestamp < end * 1_000_000 ? $0 + Double($1.rate) : $0
        }
        #expect(whole == expected, "seed \(seed)")
    }

    /// What an event adds to a series.
    private func amount(
        of event: ModelEvent, in labels: Labels, _ admitted: Set<String>
    ) -> Double {
        guard case .int(let ms)? = event.fields["ms"],
            case .string(let user)? = event.fields["user"]
        else { return 0 }
        let rate = Double(event.rate)
        switch labels.metricName {
        case "n_total":
            let isOverflow = labels["otel_metric_overflow"] == "true"
            return (isOverflow ? !admitted.contains(user) : labels["user"] == user) ? rate : 0
        case "spread": return rate * Double(ms)
        case "late_total": return labels["dataset"] == event.dataset ? rate : 0
        case let name where name.hasPrefix("since"):
            let since = definitions.first { $0.name == name }?.since ?? .max
            return event.timestamp >= since ? rate : 0
        default: break
        }
        guard event.fields["flag"] == .bool(true), labels["dataset"] == event.dataset else {
            return 0
        }
        if labels.metricName == "ms_sum" { return rate * Double(ms) }
        if labels.metricName == "ms_count" || labels["le"] == "+Inf" { return rate }
        return Double(ms) <= Double(labels["le"]) ?? 0 ? rate : 0
    }

    /// The users whose first events are the earliest.
    private func admittedUsers(_ events: [ModelEvent]) -> Set<String> {
        var users: [String] = []
        for event in events.sorted(by: { $0.timestamp < $1.timestamp }) {
            if case .string(let user)? = event.fields["user"], !users.contains(user) {
                users.append(user)
            }
        }
        return Set(users.prefix(3))
    }
}
