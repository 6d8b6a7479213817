import Compute
import EventQuery
import Events
import Host
import TestSupport
import Testing

/// What fields say of a selection: every value counted, and the telling ones first.
@Suite struct BubbleUpTests {
    /// Fields of every lane: few strings, ids, numbers of one and of both types, flags, rare ones.
    private static func events(_ count: Int, _ random: inout SeededRandom) -> [ModelEvent] {
        (0..<count).map { index in
            var fields: [String: FieldValue] = [
                "id": .string("request-\(index)"),
                "pair": .string("pair-\(index / 2)"),
                "route": .string("/\(Int.random(in: 0..<9, using: &random))"),
                "ms": .float(Double.random(in: 0...1, using: &random) * 1000),
                "flag": .bool(Bool.random(using: &random)),
                "few": .int(Int64.random(in: 0..<40, using: &random)),
                "many": .int(Int64.random(in: -20..<30, using: &random)),
            ]
            let isWhole = Bool.random(using: &random)
            let number = Int.random(in: 0..<500, using: &random)
            fields["mixed"] = isWhole ? .int(Int64(number)) : .float(Double(number) / 4)
            if index % 7 == 0 { fields["rare"] = .string("rare \(index % 3)") }
            if index % 50 == 3 { fields["ms"] = .string("late") }
            if index % 11 == 0 { fields["flag"] = nil }
            return ModelEvent(
                timestamp: Int64(index) * 1000, rate: UInt32.random(in: 1...3, using: &random),
                fields: fields)
        }
    }

    @Test(arguments: [UInt64](0..<4), EngineLayout.allCases)
    func `every value of every field is counted`(seed: UInt64, layout: EngineLayout) throws {
        var random = SeededRandom(seed: seed)
        let events = BubbleUpTests.events(1500, &random)
        let oracle = NaiveEvaluator(events: events, now: 2_000_000)
        let engine = try EngineRunner(events, layout, now: 2_000_000)
        var small = QueryOptions()
        // So little that ids are counted in several parts.
        small.memoryLimit = 64 << 10
        for text in [
            "from shop | last 2ms | bubbleup where route = \"/3\"",
            "from shop | last 2ms | bubbleup where route = \"/3\" | limit 3 | unweighted",
            "from shop | last 2ms | where many > 0 | bubbleup where ms < 300 | limit 1000",
            "from shop | last 1ms | where flag | bubbleup where rare exists | limit 5",
            "from shop | last 2ms | bubbleup where id = \"request-1234\"",
            "from shop | last 2ms | bubbleup where false | unweighted",
            "from shop | last 2ms | bubbleup where true",
            "from shop | last 2ms | eval ms = many * 2, new = concat(route, few) "
                + "| bubbleup where new starts-with \"/1\"",
        ] {
            let query = try Query(parsing: text)
            let expected = oracle.answer(query)
            for options in [QueryOptions(), small] {
                let found = try engine.answer(query, options: options)
                if let difference = difference(expected, found) {
                    Issue.record("seed \(seed), \(layout): \(difference)\n\(text)")
                }
            }
        }
    }

    @Test func `fields that found no column are compared like the others`() throws {
        let events = (0..<60).map { index in
            var fields: [String: FieldValue] = ["n": .int(Int64(index))]
            for name in 0..<90 { fields["only.\(index).\(name)"] = .int(Int64(name)) }
            fields["last"] = .string(index < 9 ? "a" : "b")
            return ModelEvent(timestamp: Int64(index), fields: fields)
        }
        let query = try Query(parsing: "from shop | last 1us | bubbleup where n < 10")
        let oracle = NaiveEvaluator(events: events, now: 1000)
        let answer = try QueryEngine(
            pool: try WorkerPool(parallelism: 2), clock: SimulatedClock()
        ).answer(query, over: [makeBatch(events)], now: 1000)
        let found = try comparisons(answer)
        let expected = oracle.answer(query).compared
        #expect(makeBatch(events)[EventBatch.spillName] != nil)
        #expect(found.fields.count == expected.count && expected.count == 60 * 90 + 2)
        let byName = Dictionary(uniqueKeysWithValues: found.fields.map { ($0.name, $0.comparison) })
        for wanted in expected {
            let field = try #require(byName[wanted.field])
            let values = field.values.map { compared in
                let counts = [compared.count.selection, compared.count.baseline]
                return Answer.Compared.Counted(value: compared.value, counts: counts)
            }
            #expect(values == wanted.values)
        }
    }

    private func comparisons(_ answer: QueryAnswer) throws -> FieldComparisons {
        guard case .comparison(let comparisons) = answer.content else {
            throw QueryFailure.refused("no comparison")
        }
        return comparisons
    }

    private func scores(
        _ events: [ModelEvent], _ condition: String
    ) throws -> [(name: String, score: Double)] {
        let query = try Query(parsing: "from shop | last 10ms | bubbleup where \(condition)")
        let answer = try QueryEngine(
            pool: try WorkerPool(parallelism: 1), clock: SimulatedClock()
        ).answer(query, over: [makeBatch(events)], now: 10_000_000)
        return try comparisons(answer).fields.map { ($0.name, $0.comparison.score) }
    }

    @Test func `what tells the selection stands before what does not`() throws {
        var random = SeededRandom(seed: 5)
        let events = (0..<4000).map { index in
            let isSlow = index % 20 == 0
            var fields: [String: FieldValue] = [
                "slow": .bool(isSlow),
                "id": .string("r\(index)"),
                "cart": .int(Int64.random(in: isSlow ? 40..<100 : 1..<60, using: &random)),
                "flag": .bool(isSlow || Int.random(in: 0..<4, using: &random) == 0),
                "noise": .float(Double.random(in: 0...1, using: &random)),
            ]
            for name in 0..<60 {
                fields["chance.\(name)"] = .int(Int64.random(in: 0..<5, using: &random))
            }
            return ModelEvent(timestamp: Int64(index), fields: fields)
        }
        let ranked = try scores(events, "slow")
        #expect(ranked.prefix(3).map(\.name) == ["slow", "flag", "cart"])
        #expect(ranked.prefix(3).allSatisfy { $0.score > 0.4 && $0.score <= 1 })
        #expect(ranked.dropFirst(3).allSatisfy { $0.score < 0.05 })
    }

    /// Slow are those with a flag and many items, and late ones of a shop, sent with rates.
    private static func twoCauses(_ random: inout SeededRandom) -> [ModelEvent] {
        (0..<3000).map { index in
            let (flag, items) = (index % 3 == 0, Int64.random(in: 1..<100, using: &random))
            let shops = ["north", "south", "east", "west"]
            var fields: [String: FieldValue] = [
                "flag": .bool(flag), "items": .int(items), "slow": .bool(flag && items > 60),
                "shop": .string(shops[index % 4]), "noise": .int(Int64(index % 17)),
                "tags": .string(flag ? "[\"new\",\"web\"]" : "[\"web\"]"),
            ]
            if index % 5 == 0 { fields["noise"] = nil }
            return ModelEvent(
                timestamp: Int64(index), rate: UInt32.random(in: 1...2, using: &random),
                fields: fields)
        }
    }

    @Test(arguments: EngineLayout.allCases, [false, true])
    func `two fields that tell more together than alone are named, with their counts`(
        layout: EngineLayout, isUnweighted: Bool
    ) throws {
        var random = SeededRandom(seed: 11)
        let events = BubbleUpTests.twoCauses(&random)
        let engine = try EngineRunner(events, layout, now: 1_000_000)
        let end = isUnweighted ? " | unweighted" : ""
        let answer = try engine.found(
            try Query(parsing: "from shop | last 1ms | bubbleup where slow" + end))
        let found = try comparisons(answer)
        let best = try #require(found.pairs.first)
        #expect(best.fields.contains("items"))
        #expect(best.fields.contains("flag") || best.fields.contains("tags"))
        #expect(best.count.selection == found.sizes.selection)
        #expect(best.count.baseline == 0)
        #expect(found.pairs.count <= QueryLimits.pairsMax)
        for pair in found.pairs {
            // What the selection is told by is no news.
            #expect(!pair.fields.contains("slow"))
            let both = Expression.and(pair.conditions).text
            for (extra, expected) in [
                ("slow", pair.count.selection), ("not slow", pair.count.baseline),
            ] {
                let counted = try engine.answer(
                    try Query(
                        parsing: "from shop | last 1ms | where (\(both)) and \(extra) "
                            + "| stats count()" + end))
                #expect(counted.groups[0].cells[0].text == "\(expected)", "\(both)")
            }
            // More than either alone.
            for name in pair.fields {
                let alone = found.fields.first { $0.name == name }?.comparison.score ?? 0
                #expect(pair.score > alone - 0.05)
            }
        }
    }

    @Test(arguments: EngineLayout.allCases)
    func `the condition named for a field can be asked and tells the selection`(
        layout: EngineLayout
    ) throws {
        var random = SeededRandom(seed: 13)
        let engine = try EngineRunner(BubbleUpTests.twoCauses(&random), layout, now: 1_000_000)
        let found = try comparisons(
            engine.found(try Query(parsing: "from shop | last 1ms | bubbleup where slow")))
        let named = found.fields.filter { $0.telling(found.disparity) != nil }
        #expect(named.map(\.name) == found.fields.filter { $0.comparison.score > 0 }.map(\.name))
        #expect(Set(named.map(\.name)).isSuperset(of: ["slow", "flag", "tags", "items"]))
        for field in named {
            let condition = try #require(field.telling(found.disparity)).text
            func share(_ extra: String, of size: UInt64) throws -> Double {
                let text =
                    "from shop | last 1ms | where (\(condition)) and \(extra) | stats count()"
                let cell = try engine.answer(try Query(parsing: text)).groups[0].cells[0]
                return try #require(Double(cell.text)) / Double(size)
            }
            let difference =
                try share("slow", of: found.sizes.selection)
                - share("not slow", of: found.sizes.baseline)
            #expect(difference >= field.comparison.score, "\(condition)")
            if field.comparison.isMeasure {
                let certain = difference - found.disparity.chanceDistance
                #expect((certain - field.comparison.score).magnitude < 1e-9, "\(condition)")
            }
        }
    }

    @Test func `numbers on both sides of zero have bins of their own`() throws {
        let numbers: [Int64] = (-30...30).map { $0 * 1_000_000 }
        let events = numbers.enumerated().map { index, number in
            ModelEvent(
                timestamp: Int64(index), fields: ["n": .int(number), "a": .bool(index % 2 == 0)])
        }
        let engine = try EngineRunner(events, .sealed, now: 1_000_000)
        let found = try comparisons(
            engine.found(try Query(parsing: "from shop | last 1ms | bubbleup where a")))
        let bins = try #require(found.fields.first { $0.name == "n" }?.comparison.bins)
        #expect(bins.count > 20 && bins.count <= 40)
        #expect(bins.map { $0.count.selection + $0.count.baseline }.reduce(0, +) == 61)
    }

    @Test func `fields that tell nothing have no pairs`() throws {
        var random = SeededRandom(seed: 12)
        let events = BubbleUpTests.twoCauses(&random)
        let engine = try EngineRunner(events, .sealed, now: 1_000_000)
        let answer = try engine.found(
            try Query(parsing: "from shop | last 1ms | bubbleup where noise = 3"))
        #expect(try comparisons(answer).pairs.isEmpty)
    }

    @Test func `few events tell less than many of the same kind`() throws {
        func score(_ count: Int) throws -> Double {
            var events: [ModelEvent] = []
            for index in 0..<count {
                let isSlow = index % 10 == 0
                let fields: [String: FieldValue] = [
                    "slow": .bool(isSlow), "flag": .bool(isSlow || index % 3 == 0),
                ]
                events.append(ModelEvent(timestamp: Int64(index), fields: fields))
            }
            let ranked = try scores(events, "slow")
            return try #require(ranked.first { $0.name == "flag" }?.score)
        }
        let (few, some, many) = (try score(30), try score(300), try score(3000))
        #expect(few < some && some < many)
        #expect(few < 0.1 && many > 0.5)
    }

    @Test func `events that stand for many are no more evidence than they are`() throws {
        func events(rate: UInt32) -> [ModelEvent] {
            (0..<200).map { index in
                ModelEvent(
                    timestamp: Int64(index), rate: rate,
                    fields: ["slow": .bool(index < 20), "flag": .bool(index < 50)])
            }
        }
        let plain = try scores(events(rate: 1), "slow")
        let sampled = try scores(events(rate: 100), "slow")
        for (a, b) in zip(plain, sampled) {
            #expect(a.name == b.name)
            #expect((a.score - b.score).magnitude < 1e-9)
        }
    }

    @Test func `a comparison that has no time says so`() throws {
        let events = (0..<100).map { ModelEvent(timestamp: Int64($0), fields: ["a": .int(1)]) }
        var options = QueryOptions()
        options.timeLimit = -1
        let answer = try QueryEngine(
            pool: try WorkerPool(parallelism: 2), clock: SimulatedClock()
        ).answer(
            Query(parsing: "from shop | last 1us | bubbleup where a = 1"),
            over: [makeBatch(events)], now: 1000, options: options)
        #expect(answer.meta.isPartial)
        #expect(try comparisons(answer).fields.isEmpty)
    }

    @Test func `a comparison stops when its client is gone`() throws {
        let cancellation = QueryCancellation()
        cancellation.cancel()
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SimulatedClock())
        #expect(throws: QueryFailure.self) {
            try engine.answer(
                Query(parsing: "from shop | last 1us | bubbleup where a = 1"),
                over: [makeBatch([ModelEvent(timestamp: 1, fields: ["a": .int(1)])])], now: 1000,
                cancellation: cancellation)
        }
    }
}
