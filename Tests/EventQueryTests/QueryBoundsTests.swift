import Compute
import EventQuery
import Events
import Host
import TestSupport
import Testing

/// What one question may make the engine do: hold, answer, count.
@Suite struct QueryBoundsTests {
    private static let year: Int64 = 31_557_600_000_000_000

    private func answer(
        _ text: String, _ batches: [[ModelEvent]], now: Int64 = 1_000_000,
        options: QueryOptions = QueryOptions()
    ) throws -> QueryAnswer {
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SimulatedClock())
        return try engine.answer(
            Query(parsing: text), over: batches.map { makeBatch($0) }, now: now, options: options)
    }

    private func table(_ answer: QueryAnswer) throws -> StatisticsTable {
        guard case .statistics(let table) = answer.content else {
            throw QueryFailure.refused("no table")
        }
        return table
    }

    @Test func `a series over more years than a number of nanoseconds holds counts every event`()
        throws
    {
        let year = QueryBoundsTests.year
        let times = [-270 * year, -1, 0, 56 * year, 270 * year]
        let events = times.map { ModelEvent(timestamp: $0, fields: [:]) }
        let query =
            "from * | between 1690-01-01T00:00:00Z and 2250-01-01T00:00:00Z step 365d"
            + " | stats count()"
        let series = try table(answer(query, [events])).series
        #expect(series.count == 5)
        for (row, time) in zip(series, times) {
            #expect(row.row.values == [.value(.int(1))])
            #expect(row.time <= time && time < row.time + 365 * 86_400_000_000_000)
        }
    }

    @Test(arguments: ["1d", "52w", "auto"])
    func `a series over all the time there is has an answer`(step: String) throws {
        let event = ModelEvent(timestamp: 5, fields: [:])
        var query = try Query(parsing: "from * | last 1h step \(step) | stats count()")
        query.timeRange = .between(.absolute(.min), .absolute(.max))
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SimulatedClock())
        if step == "1d" {
            #expect(throws: QueryFailure.self) {
                try engine.answer(query, over: [makeBatch([event])], now: 0)
            }
        } else {
            let found = try table(engine.answer(query, over: [makeBatch([event])], now: 0))
            #expect(found.series.count == 1)
        }
    }

    @Test func `the strings of groups count to a query's memory`() throws {
        // 40 batches of 20 strings of 20 kB: few groups, much memory.
        let batches = (0..<40).map { batch in
            (0..<20).map { row in
                ModelEvent(
                    timestamp: 1,
                    fields: [
                        "body": .string("\(batch)-\(row)" + String(repeating: "x", count: 20_000))
                    ])
            }
        }
        var options = QueryOptions()
        let query = "from * | last 1s | stats count() by body | limit 1"
        #expect(try table(answer(query, batches, options: options)).rows.count == 1)
        options.memoryLimit = 4 << 20
        do {
            _ = try answer(query, batches, options: options)
            Issue.record("answered in too little memory")
        } catch QueryFailure.outOfMemory(let limit) {
            #expect(limit == 4 << 20)
        }
    }

    @Test func `a series of more rows than may be answered is refused`() throws {
        let events = (0..<30).map {
            ModelEvent(timestamp: Int64($0 / 3) * 1_000, fields: ["g": .int(Int64($0 % 3))])
        }
        var options = QueryOptions()
        options.seriesRowsMax = 30
        let query = "from * | last 1ms step 1us | stats count() by g"
        #expect(try table(answer(query, [events], options: options)).series.count == 30)
        options.seriesRowsMax = 29
        #expect(throws: QueryFailure.self) { try answer(query, [events], options: options) }
        // Only the groups that are answered count.
        #expect(
            try table(answer(query + " | limit 2", [events], options: options)).series.count == 20)
    }

    @Test func `concat keeps to the length of a string value`() throws {
        let part = String(repeating: "é", count: 20_000)
        let events = [ModelEvent(timestamp: 1, fields: ["a": .string(part)])]
        let found = try table(
            answer(
                "from * | last 1s | eval b = concat(a, 'x', a) | stats count() by b", [events]))
        let expected = part + "x" + String(repeating: "é", count: 12_767)
        #expect(expected.utf8.count == EventLimits.stringBytes)
        #expect(found.rows.map(\.group) == [[.string(expected)]])
    }
}
