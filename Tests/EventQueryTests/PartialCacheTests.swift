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
}
