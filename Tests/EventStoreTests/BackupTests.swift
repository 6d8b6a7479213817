import Events
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct BackupTests {
    private func open(_ directory: String, _ fixture: StoreFixture) throws -> EventStore {
        try EventStore.open(directory, machine: fixture.machine, options: fixture.options)
    }

    @Test func `a backup has what was acknowledged before, and goes its own way`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<20), key: "first")
        store.send(numbered(50..<55), to: "only in the log")
        try store.seal()
        store.send(numbered(20..<30))
        let summary = try store.backUp(to: "copy")
        #expect(summary.linkedFiles == 3)
        #expect(summary.environments == 2)
        store.send(numbered(30..<40))
        try store.seal()
        try store.maintain()

        let copy = try open("copy", fixture)
        #expect(copy.findings.isEmpty)
        #expect(try copy.ids() == Array(0..<30))
        #expect(try copy.ids(in: "only in the log") == Array(50..<55))
        #expect(copy.send([], key: "first").acceptance?.isDuplicate == true)
        copy.send(numbered(90..<95))
        try copy.close()
        #expect(try EventStore.verify("copy", machine: fixture.machine).isEmpty)
        #expect(try store.ids() == Array(0..<40))
        try store.close()
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }

    @Test func `a directory that is there is no place for a backup`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        try store.backUp(to: "copy")
        #expect(throws: EventStoreError.self) { try store.backUp(to: "copy") }
    }

    @Test func `wherever the power is cut, a backup is whole or refused`() throws {
        let whole = StoreFixture()
        func live(_ fixture: StoreFixture) throws -> Range<Int> {
            let store = try fixture.open()
            store.send(numbered(0..<20))
            try store.seal()
            store.send(numbered(20..<30))
            let before = fixture.disk.callCount
            try store.backUp(to: "copy")
            return before..<fixture.disk.callCount
        }
        for call in try live(whole) {
            let fixture = StoreFixture(seed: UInt64(call))
            fixture.disk.crash(atCall: call)
            _ = try? live(fixture)
            fixture.disk.powerCut()
            do {
                // Nothing at all of it is a new store.
                let ids = try open("copy", fixture).ids()
                let isThere = ids == Array(0..<30)
                #expect(isThere || ids.isEmpty, "call \(call)")
                if !isThere {
                    #expect(fixture.disk.contents(of: "copy/log/00000001.log") == nil)
                }
            } catch let error as EventStoreError {
                #expect(error.code == .damaged, "call \(call)")
            }
            #expect(try fixture.open().ids() == Array(0..<30), "call \(call)")
        }
    }
}
