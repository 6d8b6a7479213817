import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

/// Events as they are: in order, page by page, without looking at all of them.
@Suite struct ListingTests {
    private func events(_ found: QueryAnswer) throws -> [EventRow] {
        guard case .events(let rows) = found.content else {
            throw QueryFailure.refused("no events")
        }
        return rows
    }

    /// All pages of a query one after the other; each is asked of the next of the runners.
    private func pages(_ text: String, _ size: Int, _ runners: [EngineRunner]) throws -> [[String]]
    {
        let first = try Query(parsing: "\(text) | limit \(size)")
        var pages: [[String]] = []
        var (query, options) = (first, QueryOptions())
        repeat {
            let found = try runners[pages.count % runners.count].found(query, options: options)
            pages.append(try events(found).map(described))
            guard let cursor = found.meta.cursor else { return pages }
            let kept = try ListingCursor(text: cursor.text)
            #expect(kept == cursor)
            query = try first.continued(at: kept)
            options.cursor = kept
        } while pages.count < 1000
        throw QueryFailure.refused("the pages have no end")
    }

    private func described(_ row: EventRow) -> String {
        let fields = row.fields.map { "\($0.name)=\($0.value)" }
        return "\(row.timestamp) \(row.dataset) \(fields)"
    }

    /// Events of which many share a time, and some everything but a number.
    private func crowdedEvents(_ count: Int, seed: UInt64) -> [ModelEvent] {
        var random = SeededRandom(seed: seed)
        return randomEvents(count, &random, fields: 3).enumerated().map { index, event in
            var event = event
            event.timestamp = Int64.random(in: 0..<12, using: &random) * 1000
            event.fields["id"] = .int(Int64(index))
            return event
        }
    }

    @Test(
        arguments: [UInt64](0..<4),
        [
            "", "| sort timestamp", "| sort f1 desc", "| sort f0, timestamp, f1",
            "| sort dataset desc",
        ]
    )
    func `pages one after the other are the whole list`(seed: UInt64, sort: String) throws {
        let events = crowdedEvents(120, seed: seed)
        let layouts: [EngineLayout] = [.head, .sealed]
        let runners = try layouts.map { try EngineRunner(events, $0, now: 1_000_000) }
        let text = "from * | last 1ms | where f2 != 1 | fields * \(sort)"
        for size in [1, 7, 40] {
            let whole = try pages(text, 10_000, [runners[0]])
            #expect(whole.count == 1)
            // What was in the head when the page before was asked for is in a segment now.
            let paged = try pages(text, size, runners)
            #expect(paged.flatMap { $0 } == whole[0], "pages of \(size)")
            #expect(paged.dropLast().allSatisfy { $0.count == size })
            #expect(paged.last?.isEmpty == false)
        }
    }

    @Test func `what arrives meanwhile moves no page`() throws {
        let events = crowdedEvents(60, seed: 9)
        var late = ModelEvent(timestamp: 11_500, fields: ["id": .int(1000)])
        let before = try EngineRunner(events, .head, now: 20_000)
        let first = try Query(parsing: "from * | last 20us | fields id | limit 25")
        let page = try before.found(first)
        let cursor = try #require(page.meta.cursor)
        late.dataset = "shop"
        let after = try EngineRunner([late] + events, .head, now: 60_000)
        var options = QueryOptions()
        options.cursor = cursor
        var second = try first.continued(at: cursor)
        second.limit = 100
        let rest = try after.found(second, options: options)
        let whole = try before.found(try Query(parsing: "from * | last 20us | fields id"))
        #expect(
            try self.events(page).map(described) + self.events(rest).map(described)
                == self.events(whole).map(described))
        #expect(rest.meta.cursor == nil)
    }

    @Test func `a cursor fits its query only`() throws {
        let runner = try EngineRunner(crowdedEvents(20, seed: 1), .head, now: 20_000)
        let query = try Query(parsing: "from * | last 20us | where id > 2 | limit 5")
        let cursor = try #require(try runner.found(query).meta.cursor)
        for other in [
            "from * | where id > 3", "from * | where id > 2 | sort timestamp",
            "from * | where id > 2 | sample 0.5", "from * | where id > 2 | stats count()",
        ] {
            #expect(throws: QueryFailure.self, "\(other)") {
                try Query(parsing: other).continued(at: cursor)
            }
        }
        let text = Array(cursor.text)
        // The last character may have bits that say nothing.
        for place in text.indices.dropLast() {
            var changed = text
            changed[place] = changed[place] == "A" ? "B" : "A"
            #expect(throws: QueryFailure.self) { try ListingCursor(text: String(changed)) }
            #expect(throws: QueryFailure.self) {
                try ListingCursor(text: String(text[..<place]))
            }
        }
    }

    @Test func `the newest events are found without looking at older ones`() throws {
        let batches = (0..<50).map { batch in
            makeBatch(
                (0..<200).map {
                    ModelEvent(timestamp: Int64(batch * 200 + $0), fields: ["n": .int(Int64($0))])
                })
        }
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SimulatedClock())
        for sort in ["", "| sort timestamp"] {
            let query = try Query(parsing: "from * | last 1ms \(sort) | limit 100")
            let found = try engine.answer(query, over: batches, now: 20_000)
            #expect(try events(found).count == 100)
            #expect(found.meta.rowsScanned == 200)
        }
    }

    // MARK: - Samples

    @Test(arguments: [UInt64](0..<4))
    func `a sample is the same wherever the events lie`(seed: UInt64) throws {
        var events = crowdedEvents(3000, seed: seed)
        for index in events.indices where index % 2 == 0 { events[index].timestamp = Int64(index) }
        let layouts: [EngineLayout] = [.sealed, .head]
        let runners = try layouts.map { try EngineRunner(events, $0, now: 1_000_000) }
        func sample(_ share: String, _ runner: EngineRunner) throws -> Set<String> {
            let text = "from * | last 1ms | where id % 2 = 0 | sample \(share) | limit 10000"
            return Set(try self.events(try runner.found(Query(parsing: text))).map(described))
        }
        let tenth = try sample("0.1", runners[0])
        #expect(try sample("0.1", runners[1]) == tenth)
        #expect((90...210).contains(tenth.count))
        #expect(try sample("0.4", runners[0]).isSuperset(of: tenth))
        #expect(try sample("1", runners[0]).count == 1500)
    }

    @Test func `an event of a sample stands for as many as the share says`() throws {
        let events = crowdedEvents(2000, seed: 3)
        let runner = try EngineRunner(events, .mixed, now: 1_000_000)
        func count(_ text: String) throws -> FieldValue {
            guard
                case .value(let value)? = try runner.answer(Query(parsing: text)).groups.first?
                    .cells.first
            else { return .missing }
            return value
        }
        let listed = try self.events(
            try runner.found(Query(parsing: "from * | last 1ms | sample 0.25 | limit 10000")))
        let stored = listed.count
        let sent = listed.reduce(0) { $0 + Int($1.sampleRate) }
        #expect(
            try count("from * | last 1ms | sample 0.25 | stats count()") == .int(Int64(4 * sent)))
        #expect(
            try count("from * | last 1ms | sample 0.25 | stats count() | unweighted")
                == .int(Int64(stored)))
        #expect(throws: QueryError.self) {
            try count("from * | last 1ms | sample 0.3 | stats count()")
        }
    }
}
