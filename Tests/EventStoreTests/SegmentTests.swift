import Bytes
import EventStore
import Events
import TestSupport
import Testing

/// A segment file in memory.
final class MemoryFile: SegmentFile {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    struct OutOfFile: Error {}

    var byteCount: Int { bytes.count }
    func read(at offset: Int, count: Int) throws -> [UInt8] {
        guard offset >= 0, count >= 0, offset + count <= bytes.count else { throw OutOfFile() }
        return Array(bytes[offset..<offset + count])
    }
}

func segmentBytes(_ sources: [any EventSource]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let summary = try SegmentWriter.write(sources) { bytes += $0 }
    #expect(summary.byteCount == bytes.count)
    return bytes
}

func open(_ bytes: [UInt8], cacheBytes: Int = 1 << 20) throws -> Segment {
    try Segment(MemoryFile(bytes), cache: DecodedColumnCache(bytesMax: cacheBytes))
}

/// The order in which a segment keeps events.
func inSegmentOrder(_ events: [ModelEvent]) -> [ModelEvent] {
    events.enumerated().sorted {
        ($0.element.dataset, $0.element.timestamp, $0.offset)
            < ($1.element.dataset, $1.element.timestamp, $1.offset)
    }.map(\.element)
}

@Suite struct SegmentTests {
    private func check(_ parts: [[ModelEvent]]) throws {
        let bytes = try segmentBytes(parts.filter { !$0.isEmpty }.map { makeBatch($0) })
        let segment = try open(bytes)
        let expected = inSegmentOrder(parts.flatMap { $0 })
        #expect(segment.rows == expected.count)
        #expect(try segment.rowGroups.flatMap { try model(of: $0) } == expected)
        // Once more from the cache, and once more through the writer.
        #expect(try segment.rowGroups.flatMap { try model(of: $0) } == expected)
        try segment.verify()
        let again = try open(segmentBytes(segment.rowGroups))
        for group in again.rowGroups {
            for name in group.fieldNames + ["no such field"] {
                let present = try group.presence(ofColumn: name)?.words
                let none = Bitmap(count: group.rows)
                #expect(try present == (group.loadColumn(name)?.presence() ?? none).words)
            }
        }
        #expect(try again.rowGroups.flatMap { try model(of: $0) } == expected)
    }

    @Test(arguments: [[1], [64, 1], [100, 200, 3], [5000]])
    func `a segment holds what its batches held, sorted by dataset and time`(
        sizes: [Int]
    ) throws {
        var random = SystemRandomNumberGenerator()
        try check(
            sizes.map { size in
                randomEvents(size, &random).map { event in
                    var event = event
                    event.timestamp = Int64.random(in: -1000...1_000_000, using: &random)
                    return event
                }
            })
    }

    @Test func `more than one row group`() throws {
        let events = (0..<70_000).map { row in
            var fields: [String: FieldValue] = [:]
            fields["id"] = .string("id-\(row &* 2_654_435_761 % 1_000_003)")
            fields["few"] = .int(Int64(row % 7))
            fields["many"] = .int(Int64(row) * 17)
            fields["ms"] = .float(Double(row % 9_973) / 1000)
            if row % 1000 == 0 { fields["rare"] = .bool(true) }
            fields["mostly"] = .bool(row % 500 == 0)
            return ModelEvent(timestamp: Int64(row) * 1_000, fields: fields)
        }
        try check([Array(events[..<40_000]), Array(events[40_000...])])
    }

    @Test func `ids, bursts of ids, uneven strings and wild numbers come back exactly`() throws {
        var random = SystemRandomNumberGenerator()
        let floats: [Double] = [
            0.1, -1e300, .leastNonzeroMagnitude, 123_456_789.123_456, 1.0 / 3, 2.5, -7,
        ]
        let ints: [Int64] = [.min, .max, 0, -1, 1 << 53, 9_007_199_254_740_993]
        let events = (0..<3000).map { row in
            let id = UInt64.random(in: (1 << 60)...UInt64.max, using: &random)
            var fields: [String: FieldValue] = [:]
            fields["hex"] = .string(String(id, radix: 16))
            fields["trace"] = .string("00ff00\(String(row / 5 + 0x100000, radix: 16))")
            fields["odd"] = .string(String(repeating: "ä", count: row % 40) + "\(row)")
            fields["float"] = .float(floats[row % floats.count] * Double(row + 1))
            fields["int"] = .int(ints[row % ints.count] &+ Int64(row))
            fields["mixed"] =
                row % 3 == 0 ? .string("s\(row)") : row % 3 == 1 ? .int(Int64(row)) : .bool(true)
            let time = Int64.random(in: Int64.min...Int64.max, using: &random)
            return ModelEvent(timestamp: time, fields: fields)
        }
        try check([events])
    }

    @Test func `integers that were codes in one batch and a lane in another are found in one lane`()
        throws
    {
        let few = (0..<5000).map {
            ModelEvent(timestamp: Int64($0), fields: ["n": .int(Int64($0 % 10))])
        }
        let many = (0..<5000).map {
            ModelEvent(timestamp: Int64($0 + 5000), fields: ["n": .int(Int64($0))])
        }
        let merged = [
            EventBatch(merging: [makeBatch(few)]), EventBatch(merging: [makeBatch(many)]),
        ]
        #expect(merged[0]["n"]?.coded != nil && merged[1]["n"]?.ints != nil)
        let segment = try open(segmentBytes(merged))
        #expect(try segment.rowGroups[0].loadColumn("n")?.coded == nil)
        #expect(try segment.rowGroups.flatMap { try model(of: $0) } == few + many)
    }

    @Test func `every cut of a segment is an error`() throws {
        var random = SystemRandomNumberGenerator()
        let bytes = try segmentBytes([makeBatch(randomEvents(20, &random, fields: 5))])
        for length in 0..<bytes.count {
            #expect(throws: (any Error).self) { try open(Array(bytes[..<length])).verify() }
        }
    }

    @Test func `no flipped bit gives a wrong answer`() throws {
        var random = SystemRandomNumberGenerator()
        let events = randomEvents(12, &random, fields: 4)
        let bytes = try segmentBytes([makeBatch(events)])
        let expected = inSegmentOrder(events)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                let segment = try open(damaged)
                let rows = try segment.rowGroups.flatMap { try model(of: $0) }
                #expect(rows == expected, "bit \(bit) went unseen")
            } catch {
                continue
            }
        }
    }

    @Test func `a cache of no room answers the same`() throws {
        var random = SystemRandomNumberGenerator()
        let events = randomEvents(500, &random)
        let segment = try open(segmentBytes([makeBatch(events)]), cacheBytes: 600)
        for _ in 0..<3 {
            #expect(
                try segment.rowGroups.flatMap { try model(of: $0) } == inSegmentOrder(events))
        }
    }
}
