import Compute
import EventQuery
import EventStore
import Events
import Host
import SeriesStore
import Synchronization
import TestSupport
import Testing

@testable import Metrics
@testable import Service

/// Labels that go with age, of events that retention let go of.
@Suite struct DroppedLabelsTests {
    private static let hour: Int64 = 3_600_000_000_000
    private static let day = 24 * hour

    /// A counter, a histogram and a gauge by service and pod, whose pods go after a day.
    private static let definitions: [MetricDefinition] = {
        let labels: [MetricDefinition.Dimension] = [
            .init("service", .field(.named("service"))), .init("pod", .field(.named("pod"))),
        ]
        let all = [
            MetricDefinition(name: "n_total", labels: labels),
            MetricDefinition(
                name: "spread", kind: .exponentialHistogram, value: .field(.named("n")),
                labels: labels),
            MetricDefinition(
                name: "top", kind: .gauge(.max), value: .field(.named("n")), labels: labels),
        ]
        return all.map { definition in
            var definition = definition
            definition.drops = [.init(after: 86_400_000, labels: ["pod"])]
            return definition
        }
    }()

    /// A store whose events go after two days.
    private final class Life {
        let clock = SimulatedClock()
        let store: EventStore
        let past: EventsPast
        private let engine: QueryEngine
        private(set) var events: [ModelEvent] = []

        init() throws {
            let (disk, clock) = (SimulatedDisk(seed: 1), clock)
            engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SystemClock())
            let machine = Machine(
                files: disk, clock: clock, random: SimulatedRandomness(seed: 1))
            past = EventsPast(directory: "data", on: machine)
            var options = EventStore.Options()
            options.hasThreads = false
            options.limits.reserveBytes = 0
            options.limits.logFileBytes = 1 << 16
            options.limits.retentionCaution = 0
            options.witness = past
            store = try EventStore.open("data", machine: machine, options: options)
            store.setRetention { _, _ in RetentionPolicy(age: 2 * DroppedLabelsTests.day) }
            past.begin(
                EventsPast.Counting(definitions: { _ in definitions }) { [store, engine] in
                    Life.ask($1 ?? store.snapshot(environment: "e"), engine)
                })
        }

        private static func ask(
            _ snapshot: EventStoreSnapshot, _ engine: QueryEngine
        ) -> DerivedSeries.Ask {
            { query in
                var query = query
                let sources = try snapshot.sources(for: &query, now: 0)
                let answer = try engine.answer(query, over: sources, now: 0)
                guard case .statistics(let table) = answer.content else {
                    preconditionFailure("BUG: the query of a metric is about events")
                }
                return table
            }
        }

        var ask: DerivedSeries.Ask { Life.ask(store.snapshot(environment: "e"), engine) }

        /// Sends some events of the last day, lets go what is old, and two days pass.
        func step(_ random: inout SeededRandom) throws {
            let now = clock.wallNanoseconds()
            let new = (0..<20).map { place in
                ModelEvent(
                    timestamp: now - Int64.random(in: 0..<day, using: &random) + Int64(place),
                    dataset: "shop",
                    fields: [
                        "n": .int(Int64.random(in: 1..<90, using: &random)),
                        "service": .string(["a", "b"][place % 2]),
                        "pod": .string("p\(Int.random(in: 0..<4, using: &random))"),
                    ])
            }
            events += new
            let isStored = Mutex(false)
            store.append(IngestRecord(environment: "e", batches: [makeBatch(new)])) { result in
                if case .success = result { isStored.withLock { $0 = true } }
            }
            store.step()
            #expect(isStored.withLock { $0 })
            try store.seal()
            clock.advance(nanoseconds: 2 * day + Int64.random(in: 0..<day, using: &random))
            for _ in 0..<2 { try store.maintain() }
            try past.keep(now: clock.wallNanoseconds() / 1_000_000)
        }

        /// Milliseconds since 1970.
        var now: Int64 { clock.wallNanoseconds() / 1_000_000 }

        func series(notes: SeriesNotes = SeriesNotes()) throws -> DerivedSeries {
            DerivedSeries(
                definitions, now: now + 86_400_000, past: try past.series(of: "e", notes: notes),
                ask)
        }
    }

    /// What a series grew by, resets counted as PromQL does.
    private static func growth(_ samples: Samples) -> Double {
        var (sum, last) = (0.0, Double?.none)
        for place in 0..<samples.count where !StaleMarker.isStale(samples.values[place]) {
            var value = samples.values[place]
            if case .histogram(let histogram) = samples[valueAt: place] { value = histogram.count }
            if let last { sum += value < last ? value : value - last }
            last = value
        }
        return sum
    }

    @Test(arguments: [0, 1, 8])
    func `increases over both ages are those of the events, and pods are of one age alone`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let life = try Life()
        for _ in 0..<32 { try life.step(&random) }
        let border = Tier.hour.blockStart(of: life.now - 86_400_000)
        #expect(border > (life.events.first?.timestamp ?? 0) / 1_000_000)
        for days: Int64 in [90, 60, 20] {
            let hour: Int64 = 3_600_000
            let last = life.now / hour * hour
            let from = (last - days * 24 * hour) / (24 * hour) * 24 * hour
            let found = try life.series().select([], from: from, to: last)
            for name in ["n_total", "spread"] {
                for service in ["a", "b"] {
                    let grown = found.filter {
                        $0.labels.metricName == name && $0.labels["service"] == service
                    }
                    .map { Self.growth($0.samples) }.reduce(0, +)
                    let count = life.events.count {
                        $0.fields["service"] == .string(service)
                            && $0.timestamp >= from * 1_000_000
                            && $0.timestamp < last * 1_000_000
                    }
                    #expect(grown == Double(count), "\(days) days, \(name) of \(service)")
                }
            }
            // Events that are still there have their pods, whatever their age.
            let gone = min(border, life.now - 4 * 86_400_000)
            for data in found {
                let first = try #require(data.samples.timestamps.first)
                #expect(
                    data.labels["pod"].isEmpty ? first <= border : first >= gone, "\(data.labels)")
            }
            let top = found.filter { $0.labels.metricName == "top" }.flatMap(\.samples.values)
            let values = top.filter { !StaleMarker.isStale($0) }
            let most = life.events.filter { $0.timestamp >= from * 1_000_000 }
                .compactMap { if case .int(let n)? = $0.fields["n"] { Double(n) } else { nil } }
            #expect(values.max() == most.max())
        }
        life.past.end()
    }

    @Test func `a total that a scraper is told does not fall when labels go`() throws {
        var random = SeededRandom(seed: 9)
        let life = try Life()
        var last: (period: Int64, totals: [Substring: Double]) = (0, [:])
        for _ in 0..<24 {
            try life.step(&random)
            let now = life.clock.wallNanoseconds()
            let text = try MetricsExposition.text(
                Self.definitions, .prometheus, until: now, past: life.past.series(of: "e"),
                life.ask)
            var totals: [Substring: Double] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("n_total") {
                let parts = line.split(separator: " ")
                totals[parts[0]] = Double(parts[1])
            }
            let period = Tier.hour.blockStart(of: now / 1_000_000)
            for (name, total) in totals where period == last.period {
                #expect(total >= last.totals[name] ?? 0, "\(name)")
            }
            last = (period, totals)
        }
        life.past.end()
    }

    @Test func `what is missing is told with answers and explained`() throws {
        var random = SeededRandom(seed: 2)
        let life = try Life()
        for _ in 0..<32 { try life.step(&random) }
        let notes = SeriesNotes()
        _ = try life.series(notes: notes).select([], from: life.now - 80 * 86_400_000, to: life.now)
        #expect(notes.infos.contains { $0.hasSuffix("without pod") }, "\(notes.infos)")
        let border = Tier.hour.blockStart(of: life.now - 86_400_000)
        let dropped = Self.definitions[0].dropped(at: life.now)
        #expect(dropped.map(\.label) == ["pod"])
        #expect(dropped.map(\.before) == [border])
        life.past.end()
    }
}
