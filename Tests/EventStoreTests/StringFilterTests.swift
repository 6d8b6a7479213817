import Bytes
import Events
import TestSupport
import Testing

@testable import EventStore

/// What tells which strings a row group may hold.
@Suite struct StringFilterTests {
    private func filter(_ strings: [String]) -> StringFilter {
        var list = StringListCodec.List()
        for var string in strings { string.withUTF8 { list.append($0) } }
        return StringFilter(list)
    }

    @Test(arguments: [0, 1, 25, 26, 1_000, 65_536])
    func `a filter holds all its strings and few others`(count: Int) throws {
        let strings = (0..<count).map { "\($0 &* 7_919)-\(String($0, radix: 16))" }
        let made = filter(strings)
        let filter = try StringFilter(decoding: made.encode()[...])
        #expect(strings.allSatisfy { filter.mayHold(Array($0.utf8)) })
        let passed = (0..<10_000).count { filter.mayHold(Array("absent \($0)".utf8)) }
        #expect(passed < 300)
        #expect(made.encode().count <= count * 10 / 8 + 40)
    }

    @Test func `strings of every length are told apart, the empty one too`() {
        let even = stride(from: 0, to: 200, by: 2).map { String(repeating: "a", count: $0) }
        let filter = filter(even)
        #expect(even.allSatisfy { filter.mayHold(Array($0.utf8)) })
        let odd = stride(from: 1, to: 200, by: 2).map { String(repeating: "a", count: $0) }
        #expect(odd.count { filter.mayHold(Array($0.utf8)) } < 10)
    }

    @Test func `a filter that is cut off is refused`() {
        let bytes = filter(["a", "b"]).encode()
        for length in 0..<bytes.count {
            #expect(throws: DecodeError.self) { try StringFilter(decoding: bytes[..<length]) }
        }
        #expect(throws: DecodeError.self) { try StringFilter(decoding: (bytes + [0])[...]) }
        #expect(throws: DecodeError.self) { try StringFilter(decoding: [0]) }
    }

    // MARK: - Segments

    private let rowsPerSegment = 1_000

    private func id(_ number: Int) -> String {
        let hash = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
        return String(hash | 1 << 60, radix: 16) + String(hash % 89 + 10)
    }

    private func segments(_ count: Int) throws -> [(file: CountedFile, segment: Segment)] {
        let cache = DecodedColumnCache(bytesMax: 64 << 20)
        return try (0..<count).map { number in
            let first = number * rowsPerSegment
            let events = (first..<first + rowsPerSegment).map { row in
                ModelEvent(
                    timestamp: Int64(row), dataset: "d\(number % 30)",
                    fields: ["id": .string(id(row)), "n": .int(Int64(row))])
            }
            let file = CountedFile(try segmentBytes([makeBatch(events)]))
            return (file, try Segment(file, cache: cache))
        }
    }

    @Test func `a needle in many segments is found by reading a handful of columns`() throws {
        let segments = try segments(200)
        let opening = segments.reduce(0) { $0 + $1.file.bytesRead }
        let row = 77 * rowsPerSegment + 5
        var found: [Int] = []
        for (number, segment) in segments.enumerated() {
            let group = try #require(segment.segment.rowGroups.first)
            if let rows = try group.rows(equalTo: id(row), inColumn: "id") {
                #expect(rows.isEmpty)
            } else {
                found.append(number)
                #expect(try group.mayHold(id(row), inColumn: "id"))
            }
        }
        #expect(found.contains(77))
        // One absent string in about a hundred passes.
        #expect(found.count < 10)
        let read = segments.reduce(0) { $0 + $1.file.bytesRead } - opening
        let strings = segments.reduce(0) {
            $0 + ($1.segment.groupEntry("id", group: 0)?.texts?.values.length ?? 0)
        }
        #expect(read * 5 < strings)
    }

    @Test func `verification finds a filter that rules out what is there`() throws {
        let whole = try #require(segments(1).first)
        let block = try #require(whole.segment.groupEntry("id", group: 0)?.textFilter)
        var bytes = whole.file.bytes
        try open(bytes).verify()
        for place in block.offset + 2..<block.offset + block.length { bytes[place] = 0 }
        #expect(throws: SegmentError.self) { try open(bytes).verify() }
        let group = try #require(open(bytes).rowGroups.first)
        #expect(throws: SegmentError.self) { try group.rows(equalTo: "x", inColumn: "id") }
    }

    @Test func `a footer says that there is a filter only beside texts`() throws {
        let whole = try #require(segments(1).first).segment.footer
        let encoded = whole.encoded()
        let opened = try SegmentFooter(decoding: encoded[...], blocksEnd: 1 << 30)
        #expect(opened.columns.map(\.groups) == whole.columns.map(\.groups))
        var wrong = whole
        let place = try #require(wrong.columns.firstIndex { $0.name == "id" })
        wrong.columns[place].groups[0].texts = nil
        #expect(throws: DecodeError.self) {
            try SegmentFooter(decoding: wrong.encoded()[...], blocksEnd: 1 << 30)
        }
    }
}
