import Bytes
import Events
import TestSupport
import Testing

@testable import EventStore

/// Dictionaries of many strings, of which questions open single pages.
@Suite struct DictionaryPageTests {
    private let rows = 20_000

    /// Ids that two rows share each, in no order, and a few numbers and booleans among them.
    private func events() -> [ModelEvent] {
        (0..<rows).map { row in
            var fields: [String: FieldValue] = ["few": .string("f\(row % 3)")]
            fields["id"] = .string("id-\(row / 2 &* 7_919 % 100_003)-ö")
            fields["hex"] = .string(
                String(UInt64(row / 2 + 1) &* 0x9E37_79B9_7F4A_7C15 | 1 << 60, radix: 16))
            if row % 100 == 0 { fields["id"] = .int(Int64(row % 300)) }
            if row % 100 == 1 { fields["id"] = nil }
            return ModelEvent(timestamp: Int64(row), fields: fields)
        }
    }

    private func group(cacheBytes: Int = 64 << 20) throws -> SegmentRowGroup {
        let segment = try open(segmentBytes([makeBatch(events())]), cacheBytes: cacheBytes)
        try segment.verify()
        #expect(segment.footer.columns.first { $0.name == "id" }?.dictionary?.isPaged == true)
        return try #require(
            open(segmentBytes([makeBatch(events())]), cacheBytes: cacheBytes)
                .rowGroups.first)
    }

    @Test(arguments: [0, 64 << 20])
    func `rows are found by a value without the whole dictionary`(cacheBytes: Int) throws {
        let group = try group(cacheBytes: cacheBytes)
        let events = events()
        for name in ["id", "hex"] {
            for row in stride(from: 2, to: rows, by: 997) {
                guard case .string(let text)? = events[row].fields[name] else { continue }
                let found = try #require(try group.rows(equalTo: text, inColumn: name))
                let expected = events.indices.filter { events[$0].fields[name] == .string(text) }
                var met: [Int] = []
                found.forEachRow { met.append($0) }
                #expect(met == expected)
            }
            for absent in ["", "0", "id", "zzz", "id-7919-", "ffffffffffffffff"] {
                #expect(try group.rows(equalTo: absent, inColumn: name)?.isEmpty == true)
            }
        }
        #expect(try group.rows(equalTo: "x", inColumn: "no such field")?.isEmpty == true)
        // A small dictionary is as well read whole.
        #expect(try group.rows(equalTo: "f1", inColumn: "few") == nil)
    }

    @Test(arguments: [0, 64 << 20])
    func `values of some rows are those of the whole column`(cacheBytes: Int) throws {
        let (group, events) = (try group(cacheBytes: cacheBytes), events())
        let picked = Array(stride(from: 0, to: rows, by: 333)) + [1, 100, 101, rows - 1]
        group.willRead(["id", "hex", "few", "no such field"])
        for name in ["id", "hex", "few", "no such field"] {
            let expected = picked.map { events[$0].fields[name] ?? .missing }
            let found = expected.allSatisfy(\.isMissing) ? [] : expected
            #expect(try group.values(ofColumn: name, at: picked) == found)
            let column = try group.loadColumn(name)
            #expect(picked.map { column?.value(at: $0) ?? .missing } == expected)
            #expect(try group.values(ofColumn: name, at: picked) == found)
        }
    }

    @Test func `an index that does not fit its pages is refused`() throws {
        let pages = [(block: BlockReference(offset: 8, length: 10, checksum: 1), list: list(["a"]))]
        let bytes = DictionaryPages.encode(.empty, pages)
        let opened = try DictionaryPages(decoding: bytes[...], end: 18, count: 1)
        #expect(opened.count == 1 && opened.pages[0].first == Array("a".utf8))
        #expect(throws: DecodeError.self) {
            try DictionaryPages(decoding: bytes[...], end: 17, count: 1)
        }
        for count in [0, 2] {
            #expect(throws: DecodeError.self) {
                try DictionaryPages(decoding: bytes[...], end: 18, count: count)
            }
        }
        for length in 0..<bytes.count {
            #expect(throws: DecodeError.self) {
                try DictionaryPages(decoding: bytes[..<length], end: 18, count: 1)
            }
        }
    }

    private func list(_ strings: [String]) -> StringListCodec.List {
        var list = StringListCodec.List()
        for var string in strings { string.withUTF8 { list.append($0) } }
        return list
    }
}
