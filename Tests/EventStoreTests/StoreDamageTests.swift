import Events
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct StoreDamageTests {
    /// A stopped store with segments and a log of several groups.
    private func makeStore() throws -> StoreFixture {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<20))
        try store.seal()
        for id in 20..<30 { store.send(numbered([id])) }
        fixture.disk.kill()
        return fixture
    }

    private func damageRecord(_ sequence: UInt64, in fixture: StoreFixture) throws {
        for path in fixture.disk.filePaths where path.hasPrefix("data/log/") {
            let scan = try LogScan(try #require(fixture.disk.contents(of: path)))
            let entries = scan.entries + scan.strays
            guard let entry = entries.first(where: { $0.sequence == sequence }) else { continue }
            fixture.disk.flipBit(2, ofByte: entry.payload.lowerBound + 5, in: path)
        }
    }

    @Test func `a damaged log is read as far as it can be, takes nothing new, and says where`()
        throws
    {
        let fixture = try makeStore()
        try damageRecord(4, in: fixture)
        let store = try fixture.open()
        #expect(store.findings.count == 1)
        #expect(store.findings.first?.location.path.hasPrefix("log/") == true)
        #expect(try store.ids() == (0..<30).filter { $0 != 22 }.map(Int64.init))
        #expect(store.send(numbered([99])).error?.code == .readOnly)
        #expect(store.refusal?.location == store.findings.first?.location)
        try store.maintain()
        try? store.close()
        let verified = try EventStore.verify("data", machine: fixture.machine)
        #expect(verified == store.findings)
    }

    @Test func `damage is skipped on command, once, and the store goes on`() throws {
        let fixture = try makeStore()
        try damageRecord(4, in: fixture)
        try damageRecord(7, in: fixture)
        let store = try fixture.open(.serveSkippingDamage)
        #expect(!store.findings.isEmpty)
        #expect(store.send(numbered([99])).acceptance != nil)
        let expected = (0..<30).filter { $0 != 22 && $0 != 25 }.map(Int64.init) + [99]
        #expect(try store.ids() == expected)
        fixture.disk.powerCut()
        let reopened = try fixture.open()
        #expect(reopened.findings.isEmpty)
        #expect(try reopened.ids() == expected)
        try reopened.close()
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }

    @Test func `a lost segment, manifest or log is damage`() throws {
        for name in ["00000001.seg", "manifest"] {
            let fixture = try makeStore()
            try fixture.disk.remove("data/environments/e/" + name)
            let store = try fixture.open()
            #expect(!store.findings.isEmpty, "\(name)")
            #expect(store.refusal != nil)
            // What is there is not tidied away.
            #expect(fixture.segmentFiles.count == (name == "manifest" ? 1 : 0))
        }
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<20))
        try store.seal()
        let log = fixture.disk.filePaths.filter { $0.hasPrefix("data/log/") }
        store.send(numbered(20..<30))
        try store.close()
        for path in fixture.disk.filePaths where path.hasPrefix("data/log/") {
            try fixture.disk.remove(path)
        }
        #expect(!log.isEmpty)
        // Without any log the sequences go on where the segments end.
        let reopened = try fixture.open()
        #expect(reopened.findings.isEmpty)
        reopened.send(numbered([30]))
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == Array(0...30))
    }

    @Test func `verify finds a flipped bit anywhere in a segment or in a manifest`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<20))
        try store.close()
        let paths = fixture.disk.filePaths.filter {
            $0.hasSuffix(".seg") || $0.hasSuffix("manifest")
        }
        #expect(paths.count == 2)
        for path in paths {
            let bytes = try #require(fixture.disk.contents(of: path))
            for byte in bytes.indices {
                fixture.disk.flipBit(byte % 8, ofByte: byte, in: path)
                let findings = try EventStore.verify("data", machine: fixture.machine)
                if findings.isEmpty {
                    // The manifest's last edit is its torn end when it is bad, and padding is nothing.
                    #expect(path.hasSuffix("manifest"), "byte \(byte)")
                }
                fixture.disk.flipBit(byte % 8, ofByte: byte, in: path)
            }
        }
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }

    @Test func `verify reads segments of several row groups, runs that span them too`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.logFileBytes = 1 << 20
        let store = try fixture.open()
        // The sixth run lies in both row groups, the seventh in the second alone.
        for part in 0..<7 {
            let ids = part * 100_000..<part * 100_000 + 11_000
            let events = ids.map { id in
                ModelEvent(timestamp: Int64(id), dataset: "d\(id / 100_000)", fields: [:])
            }
            store.send(events)
        }
        try store.close()
        let reader = try fixture.open(.readOnly)
        let stored = try #require(reader.snapshot(environment: "e").segments.first)
        #expect(try stored.open().rowGroups.count == 2)
        try reader.close()
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }
}
