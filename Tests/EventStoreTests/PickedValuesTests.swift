import Bytes
import Events
import Synchronization
import TestSupport
import Testing

@testable import EventStore

/// A segment file in memory that counts what is read of it.
final class CountedFile: SegmentFile {
    let bytes: [UInt8]
    private let counted = Mutex((reads: 0, bytes: 0))

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var byteCount: Int { bytes.count }
    var reads: Int { counted.withLock { $0.reads } }
    var bytesRead: Int { counted.withLock { $0.bytes } }

    func read(at offset: Int, count: Int) throws -> [UInt8] {
        counted.withLock { $0 = ($0.reads + 1, $0.bytes + count) }
        return Array(bytes[offset..<offset + count])
    }
}

/// Values of a few rows, picked out of blocks of every encoding.
@Suite struct PickedValuesTests {
    private let rows = 20_000

    private func events() -> [ModelEvent] {
        (0..<rows).map { row in
            let hash = UInt64(row + 1) &* 0x9E37_79B9_7F4A_7C15
            var fields: [String: FieldValue] = [
                "same": .string("always"),
                "few": .string("f\(hash % 90)"),
                "pages": .string("p\(hash % 9_001)"),
                "bursts": .string("b\(row / 5)"),
                "hex": .string(String(hash | 1 << 60, radix: 16)),
                "text": .string("message \(hash) of \(row)"),
                "int": .int(Int64(bitPattern: hash)),
                "step": .int(Int64(row) * 1_000 + Int64(row % 3)),
                "float": .float(Double(hash % 100_000) / 100),
                "wild": .float(Double(hash) * 1.000_000_1e-300),
                "repeated": .string("message \(hash % 15_000) at length"),
                "flag": .bool(row % 700 == 3),
            ]
            switch row % 5 {
            case 0: fields["mixed"] = .int(Int64(row) * 7_919)
            case 1: fields["mixed"] = .float(Double(row) + 0.5)
            case 2: fields["mixed"] = .string("m\(row)")
            case 3: fields["mixed"] = .bool(true)
            default: break
            }
            if row % 4_000 == 1 { fields["rare"] = .int(Int64(row)) }
            if row % 3 == 1 { fields["third"] = .int(Int64(bitPattern: hash >> 20)) }
            return ModelEvent(timestamp: Int64(row), fields: fields)
        }
    }

    /// None when no row has one.
    private func values(
        of name: String, at rows: [Int], in events: [ModelEvent]
    ) -> [FieldValue] {
        let values = rows.map { events[$0].fields[name] ?? .missing }
        return values.allSatisfy(\.isMissing) ? [] : values
    }

    private func segment(cacheBytes: Int) throws -> (CountedFile, Segment) {
        let file = CountedFile(try segmentBytes([makeBatch(events())]))
        return (file, try Segment(file, cache: DecodedColumnCache(bytesMax: cacheBytes)))
    }

    @Test(arguments: [0, 64 << 20])
    func `values that are picked are those of the events, however often`(cacheBytes: Int) throws {
        let (_, segment) = try segment(cacheBytes: cacheBytes)
        let group = try #require(segment.rowGroups.first)
        let events = events()
        let picked = [rows - 1, 0, 1, 2, 4_001, 703, 63, 64, 65, 10_000, 1]
        for name in segment.fieldNames + ["no such field"] {
            let expected = values(of: name, at: picked, in: events)
            for _ in 0..<3 {
                #expect(try group.values(ofColumn: name, at: picked) == expected, "\(name)")
            }
            let many = Array(0..<1_000)
            #expect(
                try group.values(ofColumn: name, at: many)
                    == values(of: name, at: many, in: events), "\(name)")
        }
    }

    @Test func `of a field that none of the rows has, no values are read`() throws {
        let (file, segment) = try segment(cacheBytes: 64 << 20)
        let group = try #require(segment.rowGroups.first)
        let before = file.bytesRead
        #expect(try group.values(ofColumn: "third", at: [0, 2, 3]).isEmpty)
        let presence = file.bytesRead - before
        #expect(try group.values(ofColumn: "third", at: [4])[0] != .missing)
        #expect(file.bytesRead - before > presence * 10)
    }

    @Test func `which rows have a field is told without reading its values`() throws {
        let (file, segment) = try segment(cacheBytes: 64 << 20)
        let group = try #require(segment.rowGroups.first)
        for name in ["third", "mixed", "hex", "no such field"] {
            let before = file.bytesRead
            let present = try #require(try group.presence(ofColumn: name))
            let read = file.bytesRead - before
            let expected = events().map { $0.fields[name] != nil }
            #expect((0..<rows).map { present[$0] } == expected, "\(name)")
            #expect(read * 10 <= group.storedByteCount(ofColumn: name), "\(name)")
        }
    }

    @Test func `who asks again finds the column decoded`() throws {
        let (file, segment) = try segment(cacheBytes: 64 << 20)
        let group = try #require(segment.rowGroups.first)
        for name in segment.fieldNames {
            for _ in 0..<2 { _ = try group.values(ofColumn: name, at: [7]) }
        }
        let reads = file.reads
        for name in segment.fieldNames { _ = try group.values(ofColumn: name, at: [7]) }
        #expect(file.reads == reads)
    }

    @Test func `a block whose bytes changed is refused when values are picked`() throws {
        let (file, whole) = try segment(cacheBytes: 0)
        let column = try #require(whole.footer.columns.first { $0.name == "int" })
        let block = try #require(column.groups[0].ints).values
        var bytes = file.bytes
        bytes[block.offset + block.length / 2] ^= 1
        let group = try #require(open(bytes).rowGroups.first)
        #expect(throws: SegmentError.self) { try group.values(ofColumn: "int", at: [5]) }
    }
}
