import Events
import TestSupport
import Testing

/// A batch that grows record by record: what is encoded of it, and what is taken while it grows.
@Suite struct GrowingRowsTests {
    /// Events of all types, some with ids that never repeat, some with a field that changes its type.
    private func events(
        _ range: Range<Int>, _ random: inout some RandomNumberGenerator
    ) -> [ModelEvent] {
        zip(range, randomEvents(range.count, &random)).map { id, event in
            var event = event
            event.timestamp = Int64(id) * 1_000_003
            event.rate = id % 50 < 5 ? 3 : 1
            event.dataset = "dataset \(id / 70 % 3)"
            if id % 9 > 0 { event.fields["id"] = .string("id-\(id)") }
            event.fields["kind"] = id % 4 == 0 ? .bool(id % 8 == 0) : .string("kind \(id % 5)")
            if id % 40 == 0 { event.fields["rare"] = .float(Double(id) + 0.5) }
            if id > 600 { event.fields["late.\(id % 7)"] = .int(Int64(id) << 33) }
            return event
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>) func `each record is encoded as a batch of its own`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let builder = EventBatchBuilder()
        var next = 0
        for _ in 0..<40 {
            let record = events(next..<next + Int.random(in: 0...60, using: &random), &random)
            next += record.count
            let first = builder.rows
            add(record, to: builder)
            let decoded = try EventBatch(decoding: builder.encoded(from: first)[...])
            #expect(try model(of: decoded) == record)
        }
        #expect(builder.rows == next)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `what is taken are the first rows, and the rest stays`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let builder = EventBatchBuilder()
        var sent: [ModelEvent] = []
        var taken: [ModelEvent] = []
        for _ in 0..<60 {
            let record = events(
                sent.count..<sent.count + Int.random(in: 0...60, using: &random), &random)
            let first = builder.rows
            add(record, to: builder)
            sent += record
            let decoded = try EventBatch(decoding: builder.encoded(from: first)[...])
            #expect(try model(of: decoded) == record)
            if random.chance(1, in: 8) {
                taken += try model(
                    of: builder.take(Int.random(in: 0...builder.rows, using: &random)))
                #expect(builder.rows == sent.count - taken.count)
            }
        }
        taken += try model(of: builder.finish())
        #expect(taken == sent)
    }

    @Test func `strings that hardly repeat are texts before the batch ends`() throws {
        var random = SeededRandom(seed: 1)
        let builder = EventBatchBuilder()
        let all = events(0..<1_000, &random)
        for start in stride(from: 0, to: 1_000, by: 100) {
            add(Array(all[start..<start + 100]), to: builder)
            _ = builder.encoded(from: start)
        }
        let batch = builder.take(950)
        #expect(batch["id"]?.texts != nil)
        #expect(batch["id"]?.coded == nil)
        #expect(try model(of: batch) == Array(all.prefix(950)))
        #expect(try model(of: builder.finish()) == Array(all.suffix(50)))
    }

    @Test func `rows are taken back although others were encoded before`() throws {
        var random = SeededRandom(seed: 2)
        let builder = EventBatchBuilder()
        let all = events(0..<900, &random)
        add(Array(all[..<400]), to: builder)
        _ = builder.encoded(from: 0)
        add(Array(all[400..<700]), to: builder)
        builder.removeRows(from: 400)
        add(Array(all[700...]), to: builder)
        let decoded = try EventBatch(decoding: builder.encoded(from: 400)[...])
        #expect(try model(of: decoded) == Array(all[700...]))
        #expect(try model(of: builder.finish()) == Array(all[..<400] + all[700...]))
    }
}
