import EventStore
import Events
import TestSupport
import Testing

@Suite struct ColumnStorageTests {
    private func event(_ number: Int) -> ModelEvent {
        var fields: [String: FieldValue] = [
            "id": .string(String(number * 2_654_435_761 % 0xFFFF_FFFF + 0x1_0000_0000, radix: 16)),
            "always": .string("same"), "number": .int(Int64(number * number)),
            "decimal": .float(Double(number * 7919 % 4001 + 1) / 100),
            "few": .string("value \(number % 7)"),
        ]
        if number % 100 == 0 { fields["rare"] = .bool(true) }
        return ModelEvent(timestamp: Int64(number), dataset: "shop", fields: fields)
    }

    @Test func `strings of no dictionary are kept once where rows repeat them`() throws {
        // Two ids for three rows are too many for a dictionary.
        let events = (0..<6000).map { number in
            let id = UInt64(number * 2 / 3 + 1) &* 0x9E37_79B9_7F4A_7C15 | 1 << 63
            return ModelEvent(
                timestamp: Int64(number), dataset: "shop",
                fields: ["id": .string(String(id, radix: 16))])
        }
        let storage = try open(segmentBytes([makeBatch(events)])).columnStorage()
        let id = try #require(storage.first { $0.name == "id" })
        #expect(id.dictionaryEntries == 0)
        // Eight bytes an id, ten bits in the filter; all rows would take 48,000.
        #expect(id.byteCount < 45_000)
    }

    @Test func eachFieldSaysWhatItTakesAndHow() throws {
        let bytes = try segmentBytes([makeBatch((0..<5000).map(event))])
        let fields = Dictionary(
            uniqueKeysWithValues: try open(bytes).columnStorage().map { ($0.name, $0) })
        #expect(Set(fields.keys) == ["id", "always", "number", "decimal", "few", "rare"])
        #expect(fields["always"]?.encodings == ["codes as one value": 1])
        #expect(fields["few"]?.encodings == ["codes as bits": 1])
        #expect(fields["few"]?.dictionaryEntries == 7)
        #expect(fields["number"]?.encodings == ["integers as differences": 1])
        #expect(fields["decimal"]?.encodings == ["floats as integers × 10^-2": 1])
        #expect(fields["rare"]?.rows == 50)
        #expect(fields["rare"].map { $0.presenceBytes > 0 } == true)
        let total = fields.values.reduce(0) { $0 + $1.byteCount }
        #expect(total > bytes.count / 2 && total < bytes.count)
    }

    @Test func segmentsAddUp() throws {
        let one = try open(segmentBytes([makeBatch((0..<300).map(event))])).columnStorage()
        let other = try open(segmentBytes([makeBatch((300..<500).map(event))])).columnStorage()
        for (first, second) in zip(one, other) {
            var both = first
            both.formUnion(second)
            #expect(both.byteCount == first.byteCount + second.byteCount)
            #expect(both.rows == first.rows + second.rows)
        }
    }
}
