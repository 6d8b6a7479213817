import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

/// Of very many groups in several segments only the leading ones are merged; the answer is the one of
/// all groups merged.
@Suite struct LeadingGroupsTests {
    /// Users of whom few are busy and many are seen once or never, over segments and fresh batches.
    private static func sources(_ random: inout SeededRandom) throws -> [any EventSource] {
        func events(_ count: Int, _ random: inout SeededRandom) -> [ModelEvent] {
            (0..<count).map { index in
                let share = Double.random(in: 0...1, using: &random)
                let user = Int(share * share * share * 8000)
                let whole = Int64.random(in: 0..<50, using: &random)
                var fields: [String: FieldValue] = [
                    "ms": .float(Double.random(in: 0..<100, using: &random).rounded()),
                    "items": .int(whole), "mixed": index % 2 == 0 ? .int(whole) : .float(0.5),
                ]
                fields["user"] = user % 97 == 3 ? .int(Int64(user)) : .string("user \(user)")
                if index % 31 == 0 { fields["user"] = nil }
                if index % 5 == 0 { fields["ms"] = nil }
                return ModelEvent(
                    timestamp: Int64(index), rate: UInt32.random(in: 1...3, using: &random),
                    fields: fields)
            }
        }
        func segment(_ events: [ModelEvent]) throws -> [any EventSource] {
            var bytes: [UInt8] = []
            _ = try SegmentWriter.write([makeBatch(events)]) { bytes += $0 }
            return try Segment(MemoryFile(bytes), cache: DecodedColumnCache(bytesMax: 1 << 20))
                .rowGroups
        }
        return try segment(events(9000, &random)) + segment(events(4000, &random))
            + [makeBatch(events(3000, &random)), makeBatch(events(500, &random))]
    }

    @Test(arguments: [UInt64](0..<4))
    func `leading groups are those of all groups merged`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let sources = try Self.sources(&random)
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SimulatedClock())
        for question in [
            "stats count() by user", "stats count(), max(ms) by user | limit 7",
            "stats max(ms), count() by user | limit 300", "stats count(ms) by user | unweighted",
            "stats max(items), avg(ms) by user | limit 20", "stats max(mixed) by user",
            "stats distinct(items), n = count() by user | sort n desc, user desc | limit 50",
            "where items = 7 | stats count() by user | limit 5",
            "where ms > 97 | stats sum(items), p95(ms) by user | sort p95(ms) desc",
        ] {
            let query = try Query(parsing: "from shop | last 1s | " + question)
            var options = QueryOptions()
            options.usesCache = seed % 2 == 0
            let few = try engine.answer(query, over: sources, now: 1_000_000, options: options)
            // What is left out is asked for too, so nothing can be left out before.
            options.wantsTotals = true
            let all = try engine.answer(query, over: sources, now: 1_000_000, options: options)
            guard case .statistics(let found) = few.content,
                case .statistics(let expected) = all.content
            else {
                Issue.record("no statistics: \(question)")
                continue
            }
            #expect(!expected.rows.isEmpty, "\(question)")
            #expect(found.rows.map(\.group) == expected.rows.map(\.group), "\(seed) \(question)")
            #expect(found.rows.map(\.values) == expected.rows.map(\.values), "\(seed) \(question)")
        }
    }
}
