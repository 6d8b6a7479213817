import EventQuery
import Events
import Host
import TestSupport
import Testing

@Suite struct RelationTests {
    @Test(arguments: [
        (
            "where child.ms > 100 or ms > 100 | stats count()",
            "a condition on child. must be about it alone, and be joined to others by and: "
                + "child.ms > 100 or ms > 100"
        ),
        (
            "stats count() by none.name",
            "none. stands only in conditions that are about it alone, joined by and: none.name"
        ),
        (
            "stats sum(any.ms)",
            "any. has no one value to aggregate; root., parent. and child. have: any.ms"
        ),
        ("bubbleup where child.ms > ms", "a condition on child. must be about it alone"),
        (
            "eval x = child.ms + any.ms | fields x",
            "child.ms + any.ms speaks of several relatives of many"
        ),
    ])
    func `what relatives cannot be asked is refused with the reason`(
        text: String, message: String
    ) throws {
        let engine = try EngineRunner([ModelEvent(timestamp: 0, fields: [:])], .head, now: 10)
        let query = try Query(parsing: "from * | last 1us | " + text)
        let error = #expect(throws: QueryFailure.self) { try engine.answer(query) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func `relatives that take too much memory are refused`() throws {
        let events = (0..<2000).map { index in
            ModelEvent(
                timestamp: Int64(index),
                fields: ["trace.trace_id": .string("t\(index)"), "trace.span_id": .string("s")])
        }
        let engine = try EngineRunner(events, .head, now: 2000)
        let query = try Query(parsing: "from * | last 2us | stats count() by root.trace.trace_id")
        var options = QueryOptions()
        options.memoryLimit = 100_000
        let error = #expect(throws: QueryFailure.self) {
            try engine.answer(query, options: options)
        }
        guard case .outOfMemory = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [
        "where root.name = 'x' or parent.name != 'x' | stats count()",
        "stats count() by root.name, parent.name", "where child.name != 'x' and any.name != 'x'",
        "bubbleup where child.name != 'x'",
    ])
    func `time ends while relatives are looked for, and memory is given back`(
        stages: String
    ) throws {
        let clock = SteppingClock()
        let memory = QueryMemory()
        let engine = QueryEngine(
            // One thread: another one lets go of its work a moment after the answer.
            pool: try WorkerPool(parallelism: 1), clock: clock, memory: memory)
        let batch = makeBatch(
            (0..<3000).map { index in
                ModelEvent(
                    timestamp: 1,
                    fields: [
                        "trace.trace_id": .string("t\(index / 3)"),
                        "trace.span_id": .string("s\(index)"),
                        "trace.parent_id": index % 3 == 0 ? .missing : .string("s\(index - 1)"),
                        "name": .string("n\(index % 5)"),
                    ])
            })
        let query = try Query(parsing: "from * | last 1s | \(stages)")
        var options = QueryOptions()
        for looks in 1...30 {
            options.timeLimit = Int64(looks) * 1_000_000
            clock.restart()
            let answer = try engine.answer(query, over: [batch], now: 2, options: options)
            // It stops where it is.
            #expect(clock.looks < looks + 10)
            if !answer.meta.isPartial { #expect(looks > 4) }
            #expect(memory.heldBytes == 0)
        }
        options.timeLimit = .max / 2
        #expect(try !engine.answer(query, over: [batch], now: 2, options: options).meta.isPartial)
        #expect(memory.heldBytes == 0)
    }

    @Test func `rates without a step have the buckets of an automatic one`() throws {
        let events = (0..<600).map { index in
            ModelEvent(
                timestamp: Int64(index) * 1_000_000_000, fields: ["n": .int(Int64(index * index))])
        }
        let engine = try EngineRunner(events, .mixed, now: 600_000_000_000)
        let plain = try engine.answer(
            Query(parsing: "from shop | last 10m | stats rate_max(n), rate_sum(n)"))
        let stepped = try engine.answer(
            Query(parsing: "from shop | last 10m step auto | stats rate_max(n), rate_sum(n)"))
        #expect(plain.groups.map(\.texts) == stepped.groups.map(\.texts))
        #expect(plain.groups.first?.texts.first != "null")
        #expect(plain.series.isEmpty)
        #expect(stepped.series.count == 120)
    }

    @Test func `a dataset's own names say what trace its events belong to and how long they took`()
        throws
    {
        let events = [
            ModelEvent(
                timestamp: 0, dataset: "shop",
                fields: [
                    "trace.trace_id": .string("t"), "trace.span_id": .string("a"),
                    "name": .string("root"), "duration_ms": .float(0.000_5),
                ]),
            ModelEvent(
                timestamp: 500, dataset: "Logs",
                fields: ["tid": .string("t"), "name": .string("log"), "took": .float(0.000_25)]),
        ]
        var options = QueryOptions()
        var logs = TraceFields()
        logs.traceID = ["tid"]
        logs.duration = ["took"]
        options.naming.byDataset = ["logs": logs]
        options.naming.datasets = ["logs": ["Logs"]]
        let engine = try EngineRunner(events, .head, now: 1000)
        func lines(_ text: String) throws -> [[String]] {
            let query = try Query(parsing: "from * | last 1us | " + text)
            return try engine.answer(query, options: options).groups.map(\.texts)
        }
        #expect(
            try lines("where root.name = 'root' | stats count() by name | sort name")
                == [["\"log\"", "1"], ["\"root\"", "1"]])
        #expect(try lines("stats concurrency()") == [["0.75"]])
    }
}
