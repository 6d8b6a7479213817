import Events
import TestSupport
import Testing

@Suite struct SpilledNamesTests {
    /// Events that have a field each that no other has, and so many that some spill.
    private func events(names: Int) -> [ModelEvent] {
        stride(from: 0, to: names, by: 1000).map { start in
            var fields: [String: FieldValue] = ["common": .int(Int64(start))]
            for name in start..<min(start + 1000, names) {
                fields["only.\u{1F}\(name)"] = .string("\u{1B}x\u{1F}common")
            }
            return ModelEvent(timestamp: Int64(start), fields: fields)
        }
    }

    private func spilled(_ batch: EventBatch) -> Set<String> {
        var names: Set<String> = []
        for row in 0..<batch.rows {
            guard case .string(let text) = batch[EventBatch.spillName]?.value(at: row) else {
                continue
            }
            names.formUnion(Spill.fields(text).map(\.name))
        }
        return names
    }

    @Test func `a batch knows which fields spilled`() throws {
        let batch = makeBatch(events(names: EventLimits.namesPerDataset + 70))
        let spilled = spilled(batch)
        #expect(spilled.count == 71)
        for name in batch.names { #expect(batch.mayHaveSpilled(name) == spilled.contains(name)) }
        for name in spilled { #expect(batch.mayHaveSpilled(name)) }
        #expect(!batch.mayHaveSpilled("nobody sent it"))
        #expect(!makeBatch(events(names: 10)).mayHaveSpilled("common"))
    }

    @Test func `of more names than are remembered none is ruled out`() throws {
        let batch = makeBatch(events(names: EventLimits.namesPerDataset + 17_000))
        #expect(spilled(batch).count > 16_384)
        for name in spilled(batch).union(["nobody sent it"]) {
            #expect(batch.mayHaveSpilled(name))
        }
    }
}
