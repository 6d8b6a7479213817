import Bytes
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct LogRecoveryTests {
    /// The bytes of a log file with these groups, and where each of its records begins.
    private func file(groups: [Int]) throws -> (
        bytes: [UInt8], offsets: [Int], records: [UInt64: [UInt8]]
    ) {
        let fixture = try LogFixture(fileBytes: 2_048)
        let records = try LogFixture.write(fixture.open(), groups: groups)
        let path = try #require(fixture.disk.filePaths.last)
        let bytes = try #require(fixture.disk.contents(of: path))
        return (bytes, try LogScan(bytes).entries.map(\.offset), records)
    }

    private func read(_ files: [[UInt8]]) throws -> LogFixture.Contents {
        let fixture = try LogFixture()
        for (index, bytes) in files.enumerated() {
            fixture.disk.place("log/" + Filenames.logFile(UInt64(index + 1)), bytes)
        }
        return try fixture.read()
    }

    @Test func `a file cut at any byte ends at its last whole record`() throws {
        let (bytes, offsets, records) = try file(groups: [1, 1, 2, 1])
        let ends = offsets.dropFirst() + [offsets[4] + 200]
        for length in 0..<bytes.count {
            let contents = try read([Array(bytes[..<length])])
            #expect(contents.damage.isEmpty)
            for (sequence, payload) in contents.records { #expect(records[sequence] == payload) }
            let whole = zip(offsets, ends).filter { $0.1 <= length }.count
            #expect(contents.records.count >= whole)
            #expect(contents.recovery.nextSequence == UInt64(contents.records.count + 1))
        }
    }

    @Test func `every flipped bit is found: reported where a later record vouches, else the tail`()
        throws
    {
        let (bytes, offsets, records) = try file(groups: [1, 1, 2, 1])
        let end = try LogScan(bytes).end
        for byte in 0..<end {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[byte] ^= 1 << UInt8(bit)
                let contents = try read([damaged])
                let intact = contents.records == records
                for (sequence, payload) in contents.records {
                    #expect(records[sequence] == payload)
                }
                let hit = offsets.last { $0 <= byte }.flatMap { offsets.firstIndex(of: $0) }
                switch hit {
                case nil:
                    // The file's header: its records are still read, and the damage is told.
                    #expect(intact && !contents.damage.isEmpty || byte < 28 && intact)
                case 4:
                    #expect(contents.damage.isEmpty)
                default:
                    // Records of one group do not vouch for each other, only later groups do.
                    #expect(intact || contents.damage.count == 1)
                    #expect(contents.damage.isEmpty || contents.records.count == 4)
                }
            }
        }
    }

    @Test func `a later file vouches for the one before it`() throws {
        let fixture = try LogFixture(fileBytes: 600)
        let records = try LogFixture.write(fixture.open(), groups: [1, 1, 1, 1, 1, 1, 1, 1])
        let first = try fixture.read().recovery.live[0]
        let path = "log/" + Filenames.logFile(first.number)
        let scan = try LogScan(try #require(fixture.disk.contents(of: path)))
        let last = try #require(scan.entries.last)
        fixture.disk.flipBit(0, ofByte: last.payload.lowerBound, in: path)
        let contents = try fixture.read()
        #expect(contents.damage.map(\.location) == [FileLocation(path: path, offset: last.offset)])
        #expect(contents.records == records.filter { $0.key != last.sequence })
    }

    @Test func `a missing file in the middle is damage`() throws {
        let fixture = try LogFixture(fileBytes: 300)
        try LogFixture.write(fixture.open(), groups: [1, 1, 1, 1, 1, 1, 1, 1])
        let live = try fixture.read().recovery.live
        try #require(live.count >= 3)
        try fixture.disk.remove("log/" + Filenames.logFile(live[1].number))
        #expect(try fixture.read().damage.count == 1)
    }

    @Test func `bytes of a client that look like a record are not taken for one`() throws {
        let fixture = try LogFixture()
        let log = try fixture.open()
        var forged = ByteWriter()
        while forged.count % 8 != 0 || forged.count < 40 {
            LogFormat.RecordHeader(
                identity: 1, sequence: 50, syncedBelow: 50, payloadBytes: 0, payloadChecksum: 0
            ).encode(into: &forged)
        }
        _ = try log.write([LogPayload(forged.bytes)])
        let path = try #require(fixture.disk.filePaths.last)
        let record = try #require(try LogScan(fixture.disk.contents(of: path) ?? []).entries.first)
        fixture.disk.flipBit(3, ofByte: record.offset + 9, in: path)
        let contents = try fixture.read()
        #expect(contents.records.isEmpty)
        #expect(contents.damage.isEmpty)
    }

    @Test func `skipping damage keeps all other records and leaves a log without damage`() throws {
        let fixture = try LogFixture(fileBytes: 600)
        let records = try LogFixture.write(fixture.open(), groups: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        for (sequence, payload) in [(2 as UInt64, 3), (3, 5), (7, 0)] {
            let live = try fixture.read().recovery.live
            let file = try #require(live.last { $0.firstSequence <= sequence })
            let path = "log/" + Filenames.logFile(file.number)
            let scan = try LogScan(try #require(fixture.disk.contents(of: path)))
            let entry = (scan.entries + scan.strays).first { $0.sequence == sequence }
            let offset = try #require(entry).payload.lowerBound + payload
            fixture.disk.flipBit(1, ofByte: offset, in: path)
        }
        let damaged = try fixture.read()
        #expect(!damaged.damage.isEmpty)
        let log = WriteAheadLog(
            fixture.machine, directory: "log", limits: fixture.limits, recovered: damaged.recovery,
            minimumSequence: 1)
        try log.copyAll(damaged.recovery)
        let written = try LogFixture.write(log, groups: [2])
        fixture.disk.powerCut()
        let contents = try fixture.read()
        #expect(contents.damage.isEmpty)
        let requests = contents.records.filter { records[$0.key] == $0.value || $0.key > 10 }
        let expected = records.filter { ![2, 3, 7].contains($0.key) }
        #expect(requests == expected.merging(written) { first, _ in first })
    }

    @Test func `a file that never got its header is no damage`() throws {
        let (bytes, _, records) = try file(groups: [1])
        let contents = try read([bytes, [UInt8](repeating: 0, count: 500), []])
        #expect(contents.damage.isEmpty)
        #expect(contents.records == records)
        #expect(contents.recovery.highestNumber == 3)
    }

    /// Every call of a history is where the machine stops once; what was synced must be there.
    @Test func `a crash at any call loses nothing synced and invents nothing`() throws {
        for seed in 0..<4 as Range<UInt64> {
            var call = 0
            var isOver = false
            while !isOver {
                let fixture = try LogFixture(seed: seed &* 1_000 &+ UInt64(call), fileBytes: 700)
                fixture.disk.crash(atCall: fixture.disk.callCount + call)
                var synced: [UInt64: [UInt8]] = [:]
                var sent: [UInt64: [UInt8]] = [:]
                do {
                    for _ in 0..<2 {
                        let log = try fixture.open()
                        for size in [1, 2, 1, 3, 1, 1] {
                            let next = Int(log.nextSequence)
                            let payloads = (next..<next + size).map { LogFixture.payload($0) }
                            for (index, payload) in payloads.enumerated() {
                                sent[UInt64(next + index)] = payload.bytes
                            }
                            _ = try log.write(payloads)
                            try log.synchronize()
                            synced = sent
                        }
                        try log.removeFiles(below: 4)
                        synced = synced.filter { $0.key >= 4 }
                    }
                    isOver = true
                } catch {}
                fixture.disk.powerCut()
                let contents = try fixture.read()
                #expect(contents.damage.isEmpty, "seed \(seed), call \(call)")
                for (sequence, payload) in synced {
                    #expect(
                        sequence < 4 || contents.records[sequence] == payload,
                        "seed \(seed), call \(call)")
                }
                for (sequence, payload) in contents.records {
                    #expect(sent[sequence] == payload, "seed \(seed), call \(call)")
                }
                call += 1
            }
            #expect(call > 40)
        }
    }
}
