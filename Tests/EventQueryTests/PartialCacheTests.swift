import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

/// An answer that is put together from what was counted before is the answer counted anew.
@Suite struct PartialCacheTests {
    private func segment(_ events: [ModelEvent]) throws -> [any EventSource] {
        var bytes: [UInt8] = []
        _ = try SegmentWriter.write([makeBatch(events)]) { bytes += $0 }
        return try Segment(MemoryFile(bytes), cache: DecodedColumnCache(bytesMax: 1 << 20))
            .rowGroups
    }

    private func engine(cacheBytes: Int) throws -> QueryEngine {
        QueryEngine(
            pool: try WorkerPool(parallelism: 2), clock: SimulatedClock(), cacheBytes: cacheBytes)
    }

    /// Seals, new events, compaction and retention are all changes of what the sources are.
    @Test(arguments: [UInt64](0..<4))
    func `answers stay true while segments come, go and are merged`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let count = 240
        let events = randomEvents(count, &random)
        func part(_ hand: Int) -> [ModelEvent] {
            events.enumerated().filter { $0.offset % 3 == hand }.map(\.element)
        }
        let (first, second) = (try segment(part(0)), try segment(part(1)))
        let head: [any EventSource] = [makeBatch(part(2))]
        let moments: [[any EventSource]] = [
            first, first + head, first + second + head, second, head + second,
            try segment(part(0) + part(1)) + head, first + second, [],
        ]
        let caching = try engine(cacheBytes: 1 << 20)
        let small = try engine(cacheBytes: 20_000)
        let counting = try engine(cacheBytes: 0)
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<40 {
            let query = generator.answerableQuery(over: count)
            guard case .statistics = query.shape else { continue }
            for now in [Int64(count) * 1000, Int64(count) * 1000 + 700] {
                for (moment, sources) in moments.enumerated() {
                    let isExact = moment % 2 == 0
                    var fresh = QueryOptions()
                    fresh.usesCache = false
                    let expected = try? EngineRunner(sources, counting, now: now)
                        .answer(query, isExact: isExact, options: fresh)
                    for engine in [caching, small, caching] {
                        let found = try? EngineRunner(sources, engine, now: now)
                            .answer(query, isExact: isExact)
                        #expect((expected == nil) == (found == nil))
                        guard let expected, let found else { continue }
                        if let difference = difference(expected, found) {
                            Issue.record(
                                "seed \(seed), moment \(moment): \(difference)\n\(query.text)")
                        }
                    }
                }
            }
        }
    }

    @Test func `a question asked again reads no sealed event, unless it says so`() throws {
        var random = SeededRandom(seed: 1)
        let events = randomEvents(200, &random)
        let sealed = try segment(events)
        let fresh: [any EventSource] = [makeBatch(randomEvents(10, &random))]
        let engine = try engine(cacheBytes: 1 << 20)
        let query = try Query(
            parsing: "from * | last 1h | stats count(), p95(f4) by f0 | sort count() desc")
        let now: Int64 = 1_000_000_000
        #expect(try engine.answer(query, over: sealed, now: now).meta.rowsScanned == 200)
        #expect(try engine.answer(query, over: sealed, now: now + 5).meta.rowsScanned == 0)
        let both = try engine.answer(query, over: sealed + fresh, now: now + 9)
        #expect(both.meta.rowsScanned == 10 && both.meta.events == 210)
        var options = QueryOptions()
        options.usesCache = false
        let again = try engine.answer(query, over: sealed, now: now, options: options)
        #expect(again.meta.rowsScanned == 200)
    }

    /// Time is up after any number of sources; what was counted until then must not pass for all.
    @Test(arguments: [UInt64](0..<3))
    func
        `an answer that time cut short is a part of the answer, and nothing of it is taken for whole`(
            seed: UInt64
        ) throws
    {
        var random = SeededRandom(seed: seed)
        let count = 160
        let events = randomEvents(count, &random)
        let groups = stride(from: 0, to: count, by: 10).map { Array(events[$0..<$0 + 10]) }
        // Segments of one, two and three row groups, and two batches of the head.
        let segments = [0..<1, 1..<2, 2..<4, 4..<5, 5..<8, 8..<9, 9..<11, 11..<13, 13..<14]
        var sources: [any EventSource] = []
        for segment in segments {
            let owner = Owner()
            sources += segment.map { RowGroup(makeBatch(groups[$0]), of: owner) }
        }
        sources += [makeBatch(groups[14]), makeBatch(groups[15])]
        let clock = TickingClock()
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<30 {
            let query = generator.answerableQuery(over: count)
            guard case .statistics = query.shape else { continue }
            let engine = QueryEngine(
                pool: try WorkerPool(parallelism: 2), clock: clock, cacheBytes: 1 << 20)
            let now = Int64(count) * 1000
            var options = QueryOptions()
            options.usesCache = false
            let runner = EngineRunner(sources, engine, now: now)
            guard let whole = try? runner.found(query, isExact: false, options: options) else {
                continue
            }
            options.usesCache = true
            for limit in [1, 4, 9, 13, 1_000, 1_000] as [Int64] {
                options.timeLimit = limit
                let found = try runner.found(query, isExact: false, options: options)
                #expect(found.meta.events <= whole.meta.events)
                #expect(found.meta.isPartial == (limit <= 4) || 4 < limit && limit < 1_000)
                if found.meta.isPartial { continue }
                let (wanted, given) = (EngineRunner.answer(whole), EngineRunner.answer(found))
                if let difference = difference(wanted, given) {
                    Issue.record("seed \(seed), limit \(limit): \(difference)\n\(query.text)")
                }
            }
        }
    }
}

/// A clock that goes on by one whenever it is looked at.
private final class TickingClock: HostClock {
    private let clock = SimulatedClock()

    func wallNanoseconds() -> Int64 { clock.wallNanoseconds() }

    func monotonicNanoseconds() -> Int64 {
        clock.advance(nanoseconds: 1)
        return clock.monotonicNanoseconds()
    }
}

private final class Owner: Sendable {}

/// A batch as a row group of a segment.
private final class RowGroup: EventSource {
    private let batch: EventBatch
    private let owner: Owner

    init(_ batch: EventBatch, of owner: Owner) {
        self.batch = batch
        self.owner = owner
    }

    var rows: Int { batch.rows }
    var timeBounds: ClosedRange<Int64> { batch.timeBounds }
    var fieldNames: [String] { batch.fieldNames }
    var nameOwner: (any AnyObject & Sendable)? { owner }
    func loadTimestamps() throws -> [Int64] { batch.timestamps }
    func loadReceived() throws -> [Int64] { batch.received }
    func loadSampleRates() throws -> [UInt32]? { batch.sampleRates }
    func loadDatasets() throws -> CodedLane { batch.datasets }
    func loadColumn(_ name: String) throws -> Column? { batch[name] }
    func storedByteCount(ofColumn name: String) -> Int { batch.storedByteCount(ofColumn: name) }
}
