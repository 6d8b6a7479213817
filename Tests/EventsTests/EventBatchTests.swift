import Bytes
import Events
import TestSupport
import Testing

@Suite struct EventBatchTests {
    @Test(arguments: [0, 1, 63, 64, 65, 300]) func `a batch holds what was appended`(
        rows: Int
    ) throws {
        var random = SystemRandomNumberGenerator()
        let events = randomEvents(rows, &random)
        #expect(try model(of: makeBatch(events)) == events)
    }

    @Test(arguments: [0, 1, 64, 200]) func `encoding and decoding give the same batch`(
        rows: Int
    ) throws {
        var random = SystemRandomNumberGenerator()
        let events = randomEvents(rows, &random)
        let bytes = makeBatch(events).encoded()
        #expect(try model(of: EventBatch(decoding: bytes[...])) == events)
    }

    @Test func `merging keeps every row in order`() throws {
        var random = SystemRandomNumberGenerator()
        for sizes in [[1], [5, 0, 70], [64, 64], [100, 3, 200], [3000, 3000]] {
            let parts = sizes.map { randomEvents($0, &random) }
            let merged = EventBatch(merging: parts.map { makeBatch($0) })
            #expect(try model(of: merged) == parts.flatMap { $0 })
        }
    }

    @Test func `a damaged batch is an error and never a trap`() throws {
        var random = SystemRandomNumberGenerator()
        let bytes = makeBatch(randomEvents(5, &random, fields: 4)).encoded()
        for length in 0..<bytes.count {
            #expect(throws: DecodeError.self) { _ = try EventBatch(decoding: bytes[..<length]) }
        }
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // The log's checksum finds the damage; here it must only not trap.
            _ = try? EventBatch(decoding: damaged[...])
        }
    }

    @Test func `a dropped event leaves nothing behind`() throws {
        let builder = EventBatchBuilder()
        builder.append(.int(1), named: "a")
        builder.dropEvent()
        builder.append(.string("x"), named: "a")
        builder.append(.string("y"), named: "b")
        builder.finishEvent(
            timestamp: 1, received: 1, sampleRate: 0, dataset: builder.datasetCode("d"))
        builder.append(.string("gone"), named: "b")
        builder.dropEvent()
        let batch = builder.finish()
        #expect(
            try model(of: batch) == [
                ModelEvent(
                    timestamp: 1, dataset: "d", fields: ["a": .string("x"), "b": .string("y")])
            ])
    }

    @Test func `rows that are taken back leave the earlier ones and room for others`() throws {
        var random = SystemRandomNumberGenerator()
        // The first round ends with ids in each row, so that the next keeps a column as it comes.
        let builder = EventBatchBuilder()
        for round in 0..<3 {
            let kept = randomEvents(Int.random(in: 0..<300, using: &random), &random)
            let ids = (0..<400).map {
                ModelEvent(timestamp: 1, fields: ["f0": .string("id \($0) of \(round)")])
            }
            add(kept, to: builder)
            add(randomEvents(70, &random), to: builder)
            builder.append(.int(1), named: "f1")
            builder.removeRows(from: kept.count)
            #expect(builder.rows == kept.count)
            add(ids, to: builder)
            #expect(try model(of: builder.finish()) == kept + ids)
        }
    }

    @Test func `each batch has the booleans that its own events have`() throws {
        let builder = EventBatchBuilder()
        for values in [[true, false, true], [false], [true, true], [false, true]] {
            let events = values.enumerated().map { row, value in
                ModelEvent(timestamp: Int64(row), fields: ["a": .bool(value), "b": .int(1)])
            }
            let batch = makeBatch(events, builder)
            #expect(try model(of: batch) == events)
            #expect(batch["a"]?.coded?.dictionary.count == Set(values).count)
        }
    }

    @Test func `of a repeated field the last value counts, whatever its type`() throws {
        let builder = EventBatchBuilder()
        builder.append(.int(1), named: "a")
        builder.append(.string("x"), named: "a")
        builder.append(.float(2.5), named: "a")
        #expect(builder.fieldCount == 1)
        builder.finishEvent(
            timestamp: 1, received: 1, sampleRate: 1, dataset: builder.datasetCode("d"))
        #expect(try model(of: builder.finish())[0].fields == ["a": .float(2.5)])
    }

    @Test func `names beyond the bound go to the spill column and are still found`() throws {
        let builder = EventBatchBuilder()
        let count = EventLimits.namesPerDataset + 50
        var events: [ModelEvent] = []
        for start in stride(from: 0, to: count, by: 1000) {
            var fields: [String: FieldValue] = [:]
            for name in start..<min(start + 1000, count) {
                fields["user.\(name)"] = .int(Int64(name))
            }
            events.append(ModelEvent(timestamp: Int64(start), fields: fields))
        }
        let batch = makeBatch(events, builder)
        #expect(batch.names.count == EventLimits.namesPerDataset + 1)
        #expect(try model(of: batch) == events)
        let spilled = try #require(
            events.last?.fields.keys.first { batch[$0] == nil })
        #expect(
            try batch.values(named: spilled)?.value(at: events.count - 1)
                == events.last?.fields[spilled])
    }

    @Test func `what spilled in memory are columns again in a segment`() throws {
        var random = SystemRandomNumberGenerator()
        let rare = (0..<2_000).map { row in
            let value = [
                FieldValue.int(Int64(row)), .string("a\u{1F}b\u{1B}\(row)"), .float(0.5),
                .bool(true),
            ][row % 4]
            return ModelEvent(
                timestamp: Int64(row),
                fields: ["common": .int(1), "rare.\(row % 500)": value, "f0": .string("")])
        }
        let builder = EventBatchBuilder()
        add(rare, to: builder)
        var spareCells = 0
        let spilled = builder.finish(spareCells: &spareCells)
        #expect(spilled[EventBatch.spillName] != nil)
        let whole = randomEvents(300, &random)
        // A batch in which some rows have a column for a field that others spilled.
        let mixed = EventBatch(merging: [spilled, makeBatch(Array(rare.prefix(10)))])
        for batches in [[spilled], [spilled, makeBatch(whole)], [makeBatch(whole)], [mixed]] {
            let sources = Spill.unspill(batches)
            #expect(sources.allSatisfy { !$0.fieldNames.contains(EventBatch.spillName) })
            #expect(
                try sources.flatMap { try model(of: $0) } == batches.flatMap { try model(of: $0) })
        }
    }

    @Test func `fields for which a segment has no room stay spilled`() throws {
        let count = EventLimits.namesPerDataset + 70
        let events = (0..<count).map {
            ModelEvent(timestamp: Int64($0), fields: ["id.\($0)": .int(Int64($0))])
        }
        let batch = makeBatch(events)
        let source = try #require(Spill.unspill([batch]).first)
        #expect(source.fieldNames.contains(EventBatch.spillName))
        #expect(source.fieldNames.count <= EventLimits.namesPerDataset + 1)
        #expect(try model(of: source) == events)
    }

    @Test func `a batch of many rare fields takes memory in proportion to its values`() throws {
        // One common field and two that no other event has in each event.
        // So many that some spill already when they come.
        let events = (0..<2_200).map { row in
            ModelEvent(
                timestamp: Int64(row),
                fields: [
                    "common": .int(Int64(row)), "id.\(row * 2)": .int(1),
                    "id.\(row * 2 + 1)": .string("x"),
                ])
        }
        let builder = EventBatchBuilder()
        var spareCells = 100_000
        add(events, to: builder)
        let batch = builder.finish(spareCells: &spareCells)
        #expect(spareCells == 0)
        #expect(
            batch.rows * batch.names.count
                <= 100_000 + 6_600 * EventLimits.cellsPerValue + batch.rows)
        #expect(batch["common"] != nil)
        #expect(try model(of: batch) == events)
    }

    @Test func `numbers that few rows have take a byte a row, and come back as they are`() throws {
        var random = SystemRandomNumberGenerator()
        // Each event has some of many fields: numbers, and here and there a string in between.
        let events = (0..<1_000).map { row in
            var fields: [String: FieldValue] = ["common": .int(Int64(row))]
            for place in 0..<4 {
                let name = "rare.\((row * 4 + place) % 200)"
                fields[name] =
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0: .string("s\(row)")
                    case 1: .bool(true)
                    case 2, 3: .float(Double(row) + 0.5)
                    default: .int(.max - Int64(row))
                    }
            }
            return ModelEvent(timestamp: Int64(row), fields: fields)
        }
        let batch = makeBatch(events)
        #expect(try model(of: batch) == events)
        #expect(batch.byteCount < 200 * 1_000 * 3)
        let bytes = batch.encoded()
        #expect(try model(of: EventBatch(decoding: bytes[...])) == events)
        let merged = EventBatch(merging: [batch, makeBatch(events), batch])
        #expect(try model(of: merged) == events + events + events)
    }

    /// Ids that hardly repeat, here and there missing, a number, or one of few strings.
    private func eventsWithIDs(_ ids: Range<Int>) -> [ModelEvent] {
        ids.map { id in
            var fields: [String: FieldValue] = ["id": .string("id-\(id * 7919 % 100_003)")]
            if id % 7 == 0 { fields["id"] = .int(Int64(id)) }
            if id % 11 == 0 { fields["id"] = nil }
            if id % 13 == 0 { fields["id"] = .string("") }
            fields["size"] = .int(Int64(id % 300) * (id % 2 == 0 ? 1 : -1))
            fields["far"] = .int(id % 2 == 0 ? .max : Int64(id % 40) << 40)
            return ModelEvent(timestamp: Int64(id) * 977, fields: fields)
        }
    }

    @Test func `strings that hardly repeat are kept as texts, and every road keeps them`() throws {
        let builder = EventBatchBuilder()
        let parts = (0..<6).map { eventsWithIDs($0 * 1_000..<($0 + 1) * 1_000) }
        let batches = parts.map { makeBatch($0, builder) }
        #expect(batches[0]["id"]?.texts == nil)
        #expect(batches[1]["id"]?.texts != nil)
        for (part, batch) in zip(parts, batches) {
            #expect(try model(of: batch) == part)
            #expect(try model(of: EventBatch(decoding: batch.encoded()[...])) == part)
        }
        let merged = EventBatch(merging: batches)
        #expect(try model(of: merged) == parts.flatMap { $0 })
        #expect(merged["id"]?.texts != nil)
        #expect(merged["size"]?.ints == nil)
        #expect(merged["far"]?.ints == nil)
        #expect(try model(of: EventBatch(decoding: merged.encoded()[...])) == model(of: merged))
        let coded = EventBatch(merging: Array(batches[..<1]) + [makeBatch(parts[1])])
        #expect(try model(of: coded) == parts[0] + parts[1])
    }

    @Test func `a text is taken back like any value`() throws {
        let builder = EventBatchBuilder()
        _ = makeBatch(eventsWithIDs(1..<2_000), builder)
        builder.append(.string("gone"), named: "id")
        builder.dropEvent()
        builder.append(.string("first"), named: "id")
        builder.append(.string("last"), named: "id")
        builder.finishEvent(
            timestamp: 1, received: 1, sampleRate: 1, dataset: builder.datasetCode("d"))
        let batch = builder.finish()
        #expect(batch["id"]?.texts != nil)
        #expect(
            try model(of: batch) == [
                ModelEvent(timestamp: 1, dataset: "d", fields: ["id": .string("last")])
            ])
    }

    @Test func `a damaged batch with texts is an error and never a trap`() throws {
        let builder = EventBatchBuilder()
        _ = makeBatch(eventsWithIDs(1..<2_000), builder)
        let bytes = makeBatch(eventsWithIDs(1..<40), builder).encoded()
        for length in 0..<bytes.count {
            #expect(throws: DecodeError.self) { _ = try EventBatch(decoding: bytes[..<length]) }
        }
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            _ = try? EventBatch(decoding: damaged[...])
        }
    }

    @Test func `merging many batches of rare names does not make a cell for each row and name`()
        throws
    {
        let parts = (0..<13).map { part in
            makeBatch(
                (0..<350).map { row in
                    ModelEvent(
                        timestamp: Int64(part * 350 + row),
                        fields: ["rare.\(part).\(row % 300)": .int(Int64(row)), "often": .int(1)])
                })
        }
        let merged = EventBatch(merging: parts)
        #expect(merged.names.count < 3_901)
        for row in stride(from: 0, to: merged.rows, by: 799) {
            let name = "rare.\(row / 350).\(row % 350 % 300)"
            let value = try merged.values(named: name)?.value(at: row)
            #expect(value == .int(Int64(row % 350)))
            #expect(merged["often"]?.value(at: row) == .int(1))
        }
    }

    @Test func `merging batches of too many names spills the rarest`() throws {
        let wide = (0..<3).map { part in
            makeBatch([
                ModelEvent(
                    timestamp: Int64(part),
                    fields: Dictionary(
                        uniqueKeysWithValues: (0..<1_900).map {
                            ("p\(part).\($0)", FieldValue.string("\($0)\u{1F}\u{1B}x"))
                        }))
            ])
        }
        let common = makeBatch(
            (0..<10).map { ModelEvent(timestamp: $0, fields: ["often": .int(1)]) })
        let merged = EventBatch(merging: wide + [common])
        #expect(merged.names.count == EventLimits.namesPerDataset + 1)
        #expect(merged["often"] != nil)
        #expect(try model(of: merged) == (wide + [common]).flatMap { try model(of: $0) })
    }
}

@Suite struct ValueDictionaryTests {
    private func dictionary(_ values: [FieldValue], sorted: Bool) -> ValueDictionary {
        let builder = DictionaryBuilder()
        for value in sorted ? values.sorted() : values { _ = builder.code(of: value) }
        let met = builder.dictionary()
        return ValueDictionary(
            kinds: met.kinds, payloads: met.payloads, text: met.text, isSorted: sorted)
    }

    @Test(arguments: [true, false])
    func `a union has every value once and maps every code to its value`(sorted: Bool) {
        let lists: [[FieldValue]] = [
            [.string("b"), .string(""), .int(3), .bool(true)],
            [],
            [.string("a"), .string("b"), .float(2.5), .int(3)],
            [.string("ä"), .string("bb"), .bool(false), .int(-1)],
        ]
        let dictionaries = lists.map { dictionary($0, sorted: sorted) }
        let (union, maps) = ValueDictionary.union(dictionaries)
        #expect(Set((0..<union.count).map { union[$0] }) == Set(lists.flatMap { $0 }))
        #expect(union.count == Set(lists.flatMap { $0 }).count)
        if sorted { #expect((1..<union.count).allSatisfy { union[$0 - 1] < union[$0] }) }
        for (dictionary, map) in zip(dictionaries, maps) {
            for code in 0...UInt32(dictionary.count) {
                #expect(union.value(ofCode: map[Int(code)]) == dictionary.value(ofCode: code))
            }
        }
    }

    @Test(arguments: [true, false], [true, false])
    func `entries are found in another dictionary, wherever they stand`(
        sorted: Bool, isOtherSorted: Bool
    ) {
        var random = SystemRandomNumberGenerator()
        for size in [0, 1, 2, 9, 100] {
            let all =
                (0..<size).map { FieldValue.string("v\($0 * 37 % 101)") } + [.int(5), .float(0.5)]
            for sought in [0, 1, size / 3, size] {
                let others =
                    Array(all.shuffled(using: &random).prefix(sought)) + [
                        .string("w"), .string("a"),
                    ]
                let (own, other) = (
                    dictionary(all, sorted: sorted), dictionary(others, sorted: isOtherSorted)
                )
                let codes = own.codes(ofEntriesIn: other)
                #expect(codes.count == other.count)
                for (entry, code) in codes.enumerated() {
                    let value = other[entry]
                    #expect(own.value(ofCode: code) == (all.contains(value) ? value : .missing))
                }
            }
        }
    }
}
