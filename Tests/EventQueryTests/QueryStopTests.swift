import Compute
import EventQuery
import Events
import Host
import TestSupport
import Testing

/// Questions that end before their time: how soon, with what, and what they leave behind.
@Suite struct QueryStopTests {
    private func batch(_ rows: Int) -> EventBatch {
        makeBatch(
            (0..<rows).map {
                ModelEvent(
                    timestamp: 1,
                    fields: [
                        "a": .int(Int64($0)), "b": .int(Int64($0 % 7)), "g": .string("x"),
                        "id": .string("id \($0 * 7919)"), "s": .string("s \($0 / 2)"),
                    ])
            })
    }

    @Test(arguments: [
        "stats count() by a * b + 1", "where a * b > a + b and a + b > 0 | stats count()",
        "eval c = concat(a, b) | fields c | sort c",
        "bubbleup where a * b > a + b",
        // Conditions on one field, in a lane of numbers, of texts, and in a dictionary.
        "where format_time(\"%c\", a) = \"x\" | stats count()",
        "where concat(id, id) = \"x\" | stats count()",
        "where concat(s, s) = \"x\" | stats count()",
    ])
    func `time ends within one batch, and nothing of it is counted by half`(stages: String) throws {
        let clock = SteppingClock()
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: clock)
        var options = QueryOptions()
        options.timeLimit = 20_000_000
        let query = try Query(parsing: "from * | last 1s | \(stages)")
        let answer = try engine.answer(query, over: [batch(60_000)], now: 2, options: options)
        #expect(answer.meta.isPartial)
        #expect(answer.meta.events == 0)
        #expect(answer.meta.cursor == nil)
        // A look in a thousand rows: one batch takes far more than the time there was.
        #expect(clock.looks < 60)
    }

    @Test func `a client that leaves ends a question within one batch`() throws {
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SteppingClock())
        var options = QueryOptions()
        options.timeLimit = .max / 2
        let cancellation = QueryCancellation()
        cancellation.cancel()
        for stages in ["stats count() by a * b", "where a * b > 3 | fields a"] {
            let query = try Query(parsing: "from * | last 1s | \(stages)")
            let sources = [batch(30_000)]
            #expect(throws: QueryFailure.self) {
                try engine.answer(
                    query, over: sources, now: 2, options: options, cancellation: cancellation)
            }
        }
    }

    @Test func `questions share their memory and give it back`() throws {
        let memory = QueryMemory(bytesMax: 3 << 20)
        let engine = QueryEngine(
            pool: try WorkerPool(parallelism: 2), clock: SimulatedClock(), cacheBytes: 0,
            memory: memory)
        let sources = [batch(60_000)]
        func ask(_ text: String) throws -> QueryAnswer {
            try engine.answer(try Query(parsing: text), over: sources, now: 2)
        }
        for _ in 0..<3 {
            _ = try ask("from * | last 1s | stats count() by g")
            #expect(memory.heldBytes == 0)
            do {
                _ = try ask("from * | last 1s | stats count(), distinct(b) by a")
                Issue.record("answered with more memory than there is")
            } catch QueryFailure.memoryIsShort {}
            #expect(memory.heldBytes == 0)
        }
    }

    // MARK: - Explanations

    @Test func `an explanation says what is not read, and each step what went on`() throws {
        let events = (0..<4000).map { index in
            ModelEvent(
                timestamp: Int64(index), dataset: index < 2000 ? "shop" : "pay",
                fields: ["n": .int(Int64(index)), "g": .string("g\(index % 5)")])
        }
        let sources = (0..<4).map { makeBatch(Array(events[$0 * 1000..<($0 + 1) * 1000])) }
        let clock = SteppingClock()
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: clock)
        let query = try Query(
            parsing: "from shop | last 4us | where g in (\"g1\", \"g2\") and n >= 1500 "
                + "| stats count(), sum(n) by g")
        let explanation = try engine.explain(query, over: sources, now: 4000)
        #expect(explanation.conditions == ["g in (\"g1\", \"g2\")", "n >= 1500"])
        #expect(explanation.pruned.first { $0.reason == "dataset" }?.rows == 2000)
        #expect(
            explanation.sourcesToRead + explanation.pruned.reduce(0) { $0 + $1.sources } == 4)

        var options = QueryOptions()
        let trace = QueryTrace(clock: clock)
        options.trace = trace
        let answer = try engine.answer(query, over: sources, now: 4000, options: options)
        let steps = Dictionary(uniqueKeysWithValues: trace.steps.map { ($0.place, $0) })
        #expect(steps[.datasets]?.rowsIn == 4000)
        #expect(steps[.datasets]?.rowsOut == 2000)
        #expect(steps[.condition(0)]?.rowsOut == 800)
        #expect(steps[.condition(1)]?.rowsOut == 200)
        #expect(steps[.aggregates]?.rowsIn == answer.meta.events)
        #expect(steps[.answer]?.rowsOut == 2)
        #expect(trace.steps.allSatisfy { $0.nanoseconds > 0 })
        #expect(trace.steps.map(\.bytes).reduce(0, +) == answer.meta.bytesScanned)
        options.trace = nil
        let plain = try engine.answer(query, over: sources, now: 4000, options: options)
        #expect(plain.meta.events == answer.meta.events)
    }

    @Test func `an explanation tells of relatives, a selection and what is compared`() throws {
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SteppingClock())
        func explanation(_ stages: String) throws -> QueryExplanation {
            let query = try Query(parsing: "from * | last 1s | \(stages)")
            return try engine.explain(query, over: [batch(10)], now: 2)
        }
        let found = try explanation(
            "where child.b > 3 and root.a != 1 | stats count() by parent.g")
        #expect(found.conditions.isEmpty)
        #expect(found.relatives.map(\.relation) == ["child", "parent", "root"])
        #expect(found.relatives.map(\.condition) == ["b > 3", nil, "a != 1"])
        #expect(found.relatives.map(\.isCondition) == [true, false, true])
        #expect(found.relatives.map(\.fields) == [[], ["g"], []])
        #expect(try explanation("bubbleup where child.b > 3").selection == "child.b > 3")
        #expect(try explanation("compare 1s | stats count()").compareOffset == 1_000_000_000)
    }
}
