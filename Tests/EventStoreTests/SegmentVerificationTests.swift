import Bytes
import Events
import TestSupport
import Testing

@testable import EventStore

/// Segments whose checksums are right and whose content is not.
@Suite struct SegmentVerificationTests {
    private func events() -> [ModelEvent] {
        (0..<3000).map { row in
            ModelEvent(
                timestamp: Int64(row),
                fields: [
                    "code": .string("v\(row % 5)"), "int": .int(Int64(row) - 1_500),
                    "float": .float(Double(row) + 0.5),
                ])
        }
    }

    /// The bytes with another footer.
    private func rewriting(
        _ bytes: [UInt8], _ change: (inout SegmentFooter) -> Void
    ) throws -> [UInt8] {
        var trailer = ByteReader(Array(bytes.suffix(SegmentFormat.trailerBytes)))
        let length = Int(try trailer.read(UInt32.self))
        let start = bytes.count - SegmentFormat.trailerBytes - length
        var footer = try SegmentFooter(
            decoding: bytes[start..<start + length], blocksEnd: start)
        change(&footer)
        let encoded = footer.encoded()
        var end = ByteWriter()
        end.write(UInt32(encoded.count))
        end.write(Checksum.crc32c(encoded))
        end.write(SegmentFormat.version)
        end.write(SegmentFormat.magic)
        return bytes[..<start] + encoded + end.bytes
    }

    @Test(arguments: ["code", "int", "float"])
    func `bounds that leave out a value are found`(name: String) throws {
        let bytes = try segmentBytes([makeBatch(events())])
        try open(rewriting(bytes) { _ in }).verify()
        let lower = try rewriting(bytes) { $0.changeBounds(of: name) { $0.low = $1.low } }
        #expect(throws: SegmentError.self) { try open(lower).verify() }
        let upper = try rewriting(bytes) { $0.changeBounds(of: name) { $0.high = $1.high } }
        #expect(throws: SegmentError.self) { try open(upper).verify() }
    }

    @Test func `values that are none of their kind are refused`() {
        for (kind, payload) in [
            (1, 2), (3, Double.infinity.bitPattern), (3, Double.nan.bitPattern),
        ] {
            let dictionary = ValueDictionary(
                kinds: [UInt8(kind)], payloads: [payload], text: [], isSorted: true)
            #expect(throws: DecodeError.self) {
                try DictionaryCodec.decode(DictionaryCodec.encode(dictionary)[...])
            }
            let lane = CodedLane(dictionary: dictionary, codes: .bytes([1]))
            let batch = makeBatch([ModelEvent(timestamp: 0, fields: [:])])
            let damaged = EventBatch(
                timestamps: batch.timestamps, received: batch.received, sampleRates: nil,
                datasets: batch.datasets, columns: [("v", Column(rows: 1, coded: lane))])
            #expect(throws: DecodeError.self) {
                try EventBatch(decoding: damaged.encoded()[...])
            }
        }
    }

    @Test func `a dictionary out of order is found`() throws {
        let bytes = try segmentBytes([makeBatch(events())])
        let segment = try open(bytes)
        let column = try #require(segment.footer.columns.first { $0.name == "code" })
        let block = try #require(column.dictionary).block
        let list = ValueDictionary(
            kinds: [UInt8](repeating: 4, count: 5),
            payloads: (0..<5).map { UInt64($0 * 2) << 32 | 2 }, text: Array("v4v1v2v3v0".utf8),
            isSorted: true)
        let other = DictionaryCodec.encode(list)
        let damaged =
            bytes[..<block.offset] + other + bytes[(block.offset + block.length)...]
        let moved = other.count - block.length
        let rewritten = try rewriting(Array(damaged)) { footer in
            footer.moveBlocks(after: block.offset, by: moved)
            footer.changeDictionary(of: "code") {
                $0.block.length = other.count
                $0.block.checksum = Checksum.crc32c(other)
            }
        }
        #expect(throws: SegmentError.self) { try open(rewritten).verify() }
    }

    @Test func `strings beyond the reach of a dictionary's offsets are refused, not written`()
        throws
    {
        let batches = (0..<4).map { part in
            makeBatch(
                (0..<10).map {
                    ModelEvent(timestamp: 0, fields: ["s": .string("\(part)-\($0)-0123456789")])
                })
        }
        let order = try SegmentOrder(batches)
        let whole = 4 * 10 * 14
        _ = try GatheredColumn(name: "s", batches, order, textBytesMax: whole)
        #expect(throws: SegmentError.self) {
            try GatheredColumn(name: "s", batches, order, textBytesMax: whole - 1)
        }
    }
}

extension SegmentFooter {
    /// Makes the bounds of a column's only lane one narrower on one side.
    fileprivate mutating func changeBounds(
        of name: String, _ change: (inout LaneEntry, LaneEntry) -> Void
    ) {
        for index in columns.indices where columns[index].name == name {
            for group in columns[index].groups.indices {
                var entry = columns[index].groups[group]
                if let lane = entry.coded {
                    entry.coded = lane.narrowed(lane.low + 1, lane.high - 1, change)
                }
                if let lane = entry.ints {
                    entry.ints = lane.narrowed(lane.low &+ 1, lane.high &- 1, change)
                }
                if let lane = entry.floats {
                    entry.floats = lane.narrowed(
                        Double(bitPattern: lane.low).nextUp.bitPattern,
                        Double(bitPattern: lane.high).nextDown.bitPattern, change)
                }
                columns[index].groups[group] = entry
            }
        }
    }

    fileprivate mutating func changeDictionary(
        of name: String, _ change: (inout DictionaryEntry) -> Void
    ) {
        for index in columns.indices where columns[index].name == name {
            if var entry = columns[index].dictionary {
                change(&entry)
                columns[index].dictionary = entry
            }
        }
    }

    fileprivate mutating func moveBlocks(after offset: Int, by distance: Int) {
        func moved(_ lane: LaneEntry?) -> LaneEntry? {
            guard var lane else { return nil }
            if lane.values.offset > offset { lane.values.offset += distance }
            if let presence = lane.presence, presence.offset > offset {
                lane.presence?.offset += distance
            }
            return lane
        }
        for index in columns.indices {
            if let block = columns[index].dictionary?.block, block.offset > offset {
                columns[index].dictionary?.block.offset += distance
            }
            columns[index].groups = columns[index].groups.map { entry in
                GroupEntry(
                    coded: moved(entry.coded), ints: moved(entry.ints),
                    floats: moved(entry.floats), texts: moved(entry.texts))
            }
        }
    }
}

extension SegmentFooter.LaneEntry {
    fileprivate func narrowed(
        _ low: UInt64, _ high: UInt64,
        _ change: (inout SegmentFooter.LaneEntry, SegmentFooter.LaneEntry) -> Void
    ) -> SegmentFooter.LaneEntry {
        var narrow = self
        narrow.low = low
        narrow.high = high
        var result = self
        change(&result, narrow)
        return result
    }
}
