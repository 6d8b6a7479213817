import Alerting
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

@testable import Service

/// Random lives of a store whose retention lets events go: metrics must not notice.
@Suite struct EventsPastTests {
    private static let hour: Int64 = 3_600_000_000_000
    private static let base: Int64 = 1_773_144_000_000_000_000

    private static let definitions: [MetricDefinition] = [
        MetricDefinition(name: "all_total"),
        MetricDefinition(
            name: "requests_total", value: .field(.named("ms")),
            labels: [
                .init("service", .field(.named("service"))), .init("dataset", .field(.dataset)),
            ]),
        MetricDefinition(
            name: "latency_ms", kind: .histogram(bounds: [5, 20]), value: .field(.named("ms")),
            labels: [.init("service", .field(.named("service")))]),
        MetricDefinition(
            name: "spread_ms", kind: .exponentialHistogram, value: .field(.named("ms")),
            labels: [.init("service", .field(.named("service")))]),
    ]

    /// A store that is opened and dies again and again on one simulated disk.
    private final class Life {
        let disk: SimulatedDisk
        let clock = SimulatedClock()
        let tiers: [Tier: Int64]
        let engine: QueryEngine
        private(set) var store: EventStore
        private(set) var past: EventsPast
        /// All events that were ever stored, by their id.
        private(set) var model: [Int64: ModelEvent] = [:]
        private var sent: [Int64: ModelEvent] = [:]
        private var opened: UInt64 = 0

        init(seed: UInt64, tiers: [Tier: Int64]) throws {
            disk = SimulatedDisk(seed: seed)
            self.tiers = tiers
            engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SystemClock())
            (store, past) = try Life.open("data", disk, clock, tiers, engine, seed: 0)
        }

        private static func open(
            _ directory: String, _ disk: SimulatedDisk, _ clock: SimulatedClock,
            _ tiers: [Tier: Int64],
            _ engine: QueryEngine, seed: UInt64
        ) throws -> (EventStore, EventsPast) {
            let machine = Machine(
                files: SimulatedProcess(disk), clock: clock,
                random: SimulatedRandomness(seed: seed))
            let past = EventsPast(directory: directory, on: machine, retention: tiers)
            var options = EventStore.Options()
            options.hasThreads = false
            options.limits.reserveBytes = 0
            options.limits.logFileBytes = 1 << 16
            options.limits.retentionCaution = 0
            options.limits.runsPerDrop = 2
            options.witness = past
            let store = try EventStore.open(directory, machine: machine, options: options)
            store.setRetention { _, dataset in
                RetentionPolicy(age: dataset == "shop" ? 30 * hour : 8 * hour)
            }
            past.begin(
                EventsPast.Counting(definitions: { _ in definitions }) { _, events in
                    { query in
                        var query = query
                        let snapshot = events ?? store.snapshot(environment: "e")
                        let sources = try snapshot.sources(for: &query, now: base)
                        return try table(query, sources, engine)
                    }
                })
            return (store, past)
        }

        /// Goes on after a crash; what was not acknowledged may be there.
        func reopen() throws {
            opened += 1
            past.end()
            (store, past) = try Life.open("data", disk, clock, tiers, engine, seed: opened)
            var query = Query()
            query.timeRange = .between(.absolute(.min), .absolute(.max))
            query.shape = .statistics(
                Statistics(
                    calculations: [Calculation(.count)],
                    groupBy: [GroupKey(name: "id", expression: .field(.named("id")))]))
            query.limit = QueryLimits.rowsMax
            for row in try ask()(query).rows {
                guard case .int(let id)? = row.group.first, let event = sent[id] else { continue }
                model[id] = event
            }
        }

        func send(_ events: [ModelEvent]) {
            for event in events {
                if case .int(let id)? = event.fields["id"] { sent[id] = event }
            }
            let isStored = Mutex(false)
            let record = IngestRecord(environment: "e", batches: [makeBatch(events)])
            store.append(record) { result in
                if case .success = result { isStored.withLock { $0 = true } }
            }
            store.step()
            guard isStored.withLock({ $0 }) else { return }
            for event in events {
                if case .int(let id)? = event.fields["id"] { model[id] = event }
            }
        }

        func ask() -> DerivedSeries.Ask {
            { [store, engine] query in
                var query = query
                let snapshot = store.snapshot(environment: "e")
                return try table(query, snapshot.sources(for: &query, now: base), engine)
            }
        }

        /// What metrics say now, and what they would if no event had gone.
        func series(from: Int64, to: Int64) throws -> (found: [SeriesData], whole: [SeriesData]) {
            let now = clock.wallNanoseconds() / 1_000_000 + 86_400_000
            let derived = DerivedSeries(
                definitions, now: now, past: try past.series(of: "e"), ask())
            let batch = makeBatch(model.sorted { $0.key < $1.key }.map(\.value))
            let all = DerivedSeries(definitions, now: now) { [engine] query in
                try table(query, [batch], engine)
            }
            return (
                try derived.select([], from: from, to: to), try all.select([], from: from, to: to)
            )
        }

        /// What metrics say of a backup that is made while their past is taken back to what is kept.
        func backedUpSeries(from: Int64, to: Int64) throws -> [SeriesData] {
            opened += 1
            let directory = "backup\(opened)"
            let now = clock.wallNanoseconds() / 1_000_000
            let isEnding = Mutex(false)
            let failure = Mutex<SeriesStoreError?>(nil)
            let keeper = try HostThread(name: "keeper") { [past] in
                repeat {
                    do throws(SeriesStoreError) {
                        try past.keep(now: now)
                    } catch {
                        failure.withLock { $0 = error }
                    }
                } while !isEnding.withLock { $0 }
            }
            defer {
                isEnding.withLock { $0 = true }
                keeper.join()
            }
            _ = try Backup(store: store, series: [past.stores]).make(at: directory)
            if let failure = failure.withLock({ $0 }) { throw failure }
            let (store, past) = try Life.open(
                directory, disk, clock, tiers, engine, seed: opened)
            let engine = engine
            let derived = DerivedSeries(
                definitions, now: now + 86_400_000, past: try past.series(of: "e")
            ) { query in
                var query = query
                let snapshot = store.snapshot(environment: "e")
                return try table(query, snapshot.sources(for: &query, now: base), engine)
            }
            let found = try derived.select([], from: from, to: to)
            past.end()
            try store.close()
            return found
        }

        var eventsThere: Int { store.snapshot(environment: "e").rows }
    }

    private static func table(
        _ query: Query, _ sources: [any EventSource], _ engine: QueryEngine
    ) throws -> StatisticsTable {
        let answer = try engine.answer(query, over: sources, now: base)
        guard case .statistics(let table) = answer.content else {
            preconditionFailure("BUG: the query of a metric is about events")
        }
        return table
    }

    private static func events(
        _ count: Int, from first: Int64, now: Int64, _ random: inout SeededRandom
    ) -> [ModelEvent] {
        (0..<count).map { place in
            // Most are of the last hours, some late by a day.
            let age = random.chance(1, in: 6) ? 26 * hour : 3 * hour
            return ModelEvent(
                timestamp: now - Int64.random(in: 0..<age, using: &random),
                rate: UInt32.random(in: 1...2, using: &random),
                dataset: random.chance(1, in: 3) ? "pay" : "shop",
                fields: [
                    "id": .int(first + Int64(place)),
                    "ms": .float(Double(Int.random(in: 0..<80, using: &random)) / 2),
                    "service": .string(["a", "b"][Int.random(in: 0..<2, using: &random)]),
                ])
        }
    }

    /// Lives for some steps; `check` is called now and then.
    private static func live(
        seed: UInt64, tiers: [Tier: Int64], crashes: Bool,
        _ check: (Life, inout SeededRandom) throws -> Void
    ) throws {
        var random = SeededRandom(seed: seed)
        let life = try Life(seed: seed, tiers: tiers)
        var next: Int64 = 0
        for _ in 0..<18 {
            if crashes && random.chance(1, in: 3) {
                life.disk.crash(
                    atCall: life.disk.callCount + Int.random(in: 0..<120, using: &random))
            }
            let now = life.clock.wallNanoseconds()
            life.send(events(20, from: next, now: now, &random))
            next += 20
            if random.chance(1, in: 2) { try? life.store.seal() }
            // The first round after a start does not trust the clock yet.
            for _ in 0..<2 { try? life.store.maintain() }
            if crashes {
                if random.chance(1, in: 2) { life.disk.powerCut() } else { life.disk.kill() }
                life.disk.crash(atCall: nil)
                try life.reopen()
            }
            try check(life, &random)
            life.clock.advance(nanoseconds: Int64.random(in: 0..<6 * hour, using: &random))
        }
        #expect(life.eventsThere < life.model.count * 9 / 10)
    }

    @Test(arguments: [UInt64](0..<3), [false, true])
    func `series are what they were before events went, sample for sample`(
        seed: UInt64, crashes: Bool
    ) throws {
        try Self.live(seed: seed, tiers: [:], crashes: crashes) { life, random in
            let now = life.clock.wallNanoseconds() / 1_000_000
            let from = now - Int64.random(in: 0..<72 * 3_600_000, using: &random)
            let (found, whole) = try life.series(from: from, to: from + 4 * 3_600_000)
            #expect(found.map(\.labels) == whole.map(\.labels))
            for (one, other) in zip(found, whole) where one.samples != other.samples {
                Issue.record("\(one.labels): \(differences(one.samples, other.samples))")
            }
        }
    }

    @Test(arguments: [UInt64](0..<3))
    func `where only longer cells are left, every sample that is there is right`(
        seed: UInt64
    ) throws {
        let hour: Int64 = 3_600_000
        let tiers: [Tier: Int64] = [
            .written: 20 * hour, .minute: 40 * hour, .hour: seed % 2 == 0 ? 50 * hour : 900 * hour,
        ]
        var samples = 0
        try Self.live(seed: seed, tiers: tiers, crashes: false) { life, random in
            let now = life.clock.wallNanoseconds() / 1_000_000
            try life.past.keep(now: now)
            let from = now - Int64.random(in: 0..<72 * hour, using: &random)
            let (found, whole) = try life.series(from: from, to: from + 8 * hour)
            samples += samplesThatAreRight(found, whole)
        }
        #expect(samples > 1_000)
    }

    @Test(arguments: [UInt64](0..<2))
    func `a backup made while cells of events that went are let go has every total`(
        seed: UInt64
    ) throws {
        let hour: Int64 = 3_600_000
        let tiers: [Tier: Int64] = [.written: 20 * hour, .minute: 30 * hour, .hour: 40 * hour]
        var samples = 0
        try Self.live(seed: seed, tiers: tiers, crashes: false) { life, random in
            let now = life.clock.wallNanoseconds() / 1_000_000
            let from = now - Int64.random(in: 0..<72 * hour, using: &random)
            let whole = try life.series(from: from, to: from + 8 * hour).whole
            let found = try life.backedUpSeries(from: from, to: from + 8 * hour)
            samples += samplesThatAreRight(found, whole)
        }
        #expect(samples > 1_000)
    }

    @Test func `a question between hours is answered where only hours are left`() throws {
        let hour: Int64 = 3_600_000
        var answers = 0
        try Self.live(seed: 4, tiers: [.written: hour, .minute: hour], crashes: false) {
            life, random in
            let now = life.clock.wallNanoseconds() / 1_000_000
            try life.past.keep(now: now)
            let time = now - Int64.random(in: 24 * hour..<40 * hour, using: &random)
            let api = PrometheusAPI(
                DerivedSeries(
                    Self.definitions, now: now, past: try life.past.series(of: "e"), life.ask()),
                notes: SeriesNotes(), version: "0")
            let answer = api.answer(
                "query",
                PrometheusRequest(
                    parameters: [("query", "all_total"), ("time", "\(Double(time) / 1000)")],
                    now: now, clock: { 0 }, isCanceled: { false }))
            let text = String(decoding: try #require(answer).body, as: UTF8.self)
            let events = life.model.values.map { ($0.timestamp / 1_000_000, Double($0.rate)) }
            // The series is there when its last event was not a day before.
            guard events.contains(where: { (time - 20 * hour..<time - hour).contains($0.0) }) else {
                return
            }
            // What was at the last whole hour, or later where nothing but stored events is.
            let totals = [hour, 10_000].map { cell in
                events.reduce(0) { $1.0 < time / cell * cell ? $0 + $1.1 : $0 }
            }
            answers += 1
            let isRight = totals.contains { text.contains("\"\(Int($0))\"]") }
            #expect(isRight, "\(totals), not \(text)")
        }
        #expect(answers > 4)
    }

    /// Counts samples at times at which events would give one; each must be the same.
    private func samplesThatAreRight(_ found: [SeriesData], _ whole: [SeriesData]) -> Int {
        let expected = Dictionary(uniqueKeysWithValues: whole.map { ($0.labels, $0.samples) })
        var samples = 0
        for series in found {
            // A longer cell may keep a series alive for longer.
            guard let right = expected[series.labels] else { continue }
            for place in 0..<series.samples.count
            where !StaleMarker.isStale(series.samples.values[place]) {
                let time = series.samples.timestamps[place]
                let other = right.place(of: time)
                guard other < right.count, right.timestamps[other] == time else { continue }
                samples += 1
                #expect(
                    series.samples[valueAt: place] == right[valueAt: other],
                    "\(series.labels) at \(time)")
            }
        }
        return samples
    }

    @Test func `a metric of a dataset all of whose events are gone still answers, and says so`()
        throws
    {
        let disk = SimulatedDisk(seed: 1)
        let machine = Machine(files: disk, clock: SystemClock(), random: SystemRandomness())
        let past = EventsPast(directory: "data", on: machine)
        var options = EventStore.Options()
        options.hasThreads = false
        options.limits.reserveBytes = 0
        options.limits.logFileBytes = 1 << 16
        options.limits.retentionCaution = 0
        options.witness = past
        let store = try EventStore.open("data", machine: machine, options: options)
        let at = machine.clock.wallNanoseconds() / Self.hour * Self.hour - 50 * Self.hour
        let events = (0..<5).map { place in
            ModelEvent(
                timestamp: at + Int64(place) * 1_000_000_000, dataset: "shop",
                fields: ["n": .int(Int64(place))])
        }
        store.append(IngestRecord(environment: "e", batches: [makeBatch(events)])) { _ in }
        store.step()
        try store.seal()
        let definitions = try DefinitionStore(directory: "data", on: machine)
        try definitions.change("e") { (all) throws(HTTPRefusal) in
            var body = JSONObject()
            body["dataset"] = "shop"
            body["stale_after"] = "365d"
            all.put(.init(id: "n_total", dataset: Query.allDatasets, body: body), .metrics)
            var slo = JSONObject()
            slo["dataset"] = "shop"
            slo["bad"] = "n = 3"
            slo["target"] = .double(0.5)
            all.put(.init(id: "n", dataset: Query.allDatasets, body: slo), .slos)
        }
        for hasEvents in [true, false] {
            // After the events are gone nothing else knows of their dataset.
            let services = try Services(
                store, definitions, SeriesStores(directory: "data", on: machine), past, threads: 1)
            let metrics = services.metrics
            let notes = SeriesNotes()
            let api = PrometheusAPI(
                try metrics.series(of: "e", QueryCancellation(), notes: notes), notes: notes,
                version: "0")
            let answer = api.answer(
                "query",
                PrometheusRequest(
                    parameters: [
                        ("query", "increase(n_total[1h] anchored)"),
                        ("time", "\(at / 1_000_000_000 + 600)"),
                    ], now: machine.clock.wallNanoseconds() / 1_000_000, clock: { 0 },
                    isCanceled: { false }))
            let text = String(decoding: try #require(answer).body, as: UTF8.self)
            #expect(text.contains(#""5"]"#), "\(text)")
            #expect(text.contains("events of this time are gone") != hasEvents, "\(text)")
            let slo = try #require(metrics.levels.objective("n", of: "e"))
            let report = try metrics.report(on: slo, windows: [], of: "e", QueryCancellation())
            #expect(report.count == SLOCount(total: 5, bad: 1))
            #expect(report.beginning == at / 1_000_000)
            let definition = try #require(
                metrics.definitions(of: "e").first { $0.name == "n_total" })
            let explained = try MetricExplanation(
                definition, [:], at: at / 1_000_000 + 10_000, past: try past.series(of: "e"),
                metrics.ask("e", QueryCancellation()))
            #expect(explained.numbers == [5])
            #expect(explained.totals == [5])
            #expect(explained.events == (hasEvents ? 5 : 0))
            #expect(explained.eventsFrom == (hasEvents ? at : nil))
            #expect(explained.past == (hasEvents ? nil : at..<at + Self.hour))
            store.setRetention { _, _ in RetentionPolicy(age: Self.hour) }
            for _ in 0..<2 { try store.maintain() }
            #expect(store.snapshot(environment: "e").rows == 0)
        }
        past.end()
        try store.close()
    }

    private func differences(_ one: Samples, _ other: Samples) -> String {
        let left = Set((0..<one.count).map { "\(one.timestamps[$0]) \(one[valueAt: $0])" })
        let right = Set((0..<other.count).map { "\(other.timestamps[$0]) \(other[valueAt: $0])" })
        return "found \(left.subtracting(right).sorted().prefix(3)), "
            + "expected \(right.subtracting(left).sorted().prefix(3))"
    }
}
