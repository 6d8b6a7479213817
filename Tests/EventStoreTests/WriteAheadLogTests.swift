import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct WriteAheadLogTests {
    @Test func `what is written and synced is read back in order, over many files`() throws {
        let fixture = try LogFixture(fileBytes: 1_024)
        let written = try LogFixture.write(fixture.open(), groups: [1, 3, 5, 2, 7, 1, 1, 6])
        let contents = try fixture.read()
        #expect(contents.records == written)
        #expect(contents.damage.isEmpty)
        #expect(contents.recovery.nextSequence == 27)
        #expect(contents.recovery.live.count > 2)
    }

    @Test func `a log goes on after a restart without writing into old files`() throws {
        let fixture = try LogFixture()
        var written = try LogFixture.write(fixture.open(), groups: [2, 2])
        let old = fixture.disk.filePaths
        fixture.disk.kill()
        written.merge(try LogFixture.write(fixture.open(), groups: [3])) { first, _ in first }
        #expect(try fixture.read().records == written)
        #expect(Set(old).isDisjoint(with: fixture.disk.filePaths))
    }

    @Test func `a record larger than a file gets a file of its own`() throws {
        let fixture = try LogFixture(fileBytes: 512)
        let log = try fixture.open()
        _ = try log.write([LogFixture.payload(1)])
        try log.synchronize()
        _ = try log.write([LogFixture.payload(2, length: 3_000)])
        try log.synchronize()
        let records = try fixture.read().records
        #expect(records.mapValues(\.count) == [1: 60, 2: 3_000])
    }

    @Test func `a failed write is cut back and the log goes on`() throws {
        let fixture = try LogFixture()
        let log = try fixture.open()
        var written = try LogFixture.write(log, groups: [2])
        fixture.disk.failCall(fixture.disk.callCount, code: HostError.outOfSpaceCode)
        let error = #expect(throws: EventStoreError.self) {
            _ = try log.write([LogFixture.payload(99)])
        }
        #expect(error?.code == .outOfSpace)
        written.merge(try LogFixture.write(log, groups: [1, 2])) { first, _ in first }
        #expect(try fixture.read().records == written)
        #expect(written.count == 5)
    }

    @Test func `after a failed sync nothing more is taken, and a restart finds what was promised`()
        throws
    {
        let fixture = try LogFixture()
        let log = try fixture.open()
        let written = try LogFixture.write(log, groups: [2])
        _ = try log.write([LogFixture.payload(3)])
        fixture.disk.failSync(after: 0)
        let error = #expect(throws: EventStoreError.self) { try log.synchronize() }
        #expect(error?.code == .readOnly)
        let second = #expect(throws: EventStoreError.self) {
            _ = try log.write([LogFixture.payload(4)])
        }
        #expect(second?.code == .readOnly)
        // The process ends, the machine does not: the lost pages are still seen, and copied.
        fixture.disk.kill()
        let reopened = try fixture.open()
        #expect(reopened.nextSequence == 4)
        fixture.disk.powerCut()
        let records = try fixture.read().records
        #expect(records.count == 3)
        #expect(records.filter { $0.key < 3 } == written)
    }

    @Test func `a full disk refuses, and room lets the log go on by itself`() throws {
        let fixture = try LogFixture(capacity: 5_000)
        let log = try fixture.open()
        var written = try LogFixture.write(log, groups: [1])
        fixture.disk.place("ballast", [UInt8](repeating: 0, count: 800))
        let large = LogFixture.payload(7, length: 4_000)
        for _ in 0..<3 {
            let error = #expect(throws: EventStoreError.self) { _ = try log.write([large]) }
            #expect(error?.code == .outOfSpace)
            #expect(error?.isTemporary == true)
        }
        fixture.disk.setCapacity(100_000)
        #expect(try log.write([large]) == 2)
        try log.synchronize()
        written[2] = large.bytes
        #expect(try fixture.read().records == written)
    }

    @Test func `the reserve is not taken for the log`() throws {
        var fixture = try LogFixture(capacity: 100_000)
        fixture.limits.reserveBytes = 1 << 30
        fixture.limits.reservePercent = 97
        let log = try fixture.open()
        let error = #expect(throws: EventStoreError.self) {
            _ = try log.write([LogFixture.payload(1)])
        }
        #expect(error?.code == .outOfSpace)
    }

    @Test func `files go when all their records are past, but never the last one`() throws {
        let fixture = try LogFixture(fileBytes: 300)
        let log = try fixture.open()
        let written = try LogFixture.write(log, groups: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        let removable = log.removableBelow(6)
        try log.removeFiles(below: 6)
        #expect(removable > 1 && removable <= 6)
        #expect(try fixture.read().records == written.filter { $0.key >= removable })
        try log.removeFiles(below: 1_000)
        #expect(try fixture.read().recovery.nextSequence == 11)
    }

    @Test func `an emptied log remembers its next sequence`() throws {
        let fixture = try LogFixture()
        let log = try fixture.open()
        try LogFixture.write(log, groups: [4])
        try log.closeEmpty()
        fixture.disk.powerCut()
        let contents = try fixture.read()
        #expect(contents.records.isEmpty)
        #expect(contents.recovery.nextSequence == 5)
        #expect(fixture.disk.filePaths.count == 1)
        #expect(try LogFixture.write(fixture.open(), groups: [1]).keys.first == 5)
    }
}
