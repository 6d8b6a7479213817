import Events
import Host
import TestSupport
import Testing

@testable import EventStore

/// One short life of a store, with every call to the machine in turn the one at which something goes
/// wrong.
@Suite struct CrashPointTests {
    enum Fault: CaseIterable, Sendable {
        case powerCut, kill, error, fullDisk
    }

    /// What a life promised, and what it ever sent.
    private struct Promise {
        var acknowledged: Set<Int64> = []
        var sent: Set<Int64> = []
        var isOver = false
    }

    /// Lives once; `plant` is called again after a restart, which clears what was planted.
    private func live(_ fixture: StoreFixture, plant: () -> Void = {}) -> Promise {
        plant()
        var promise = Promise()
        func send(_ store: EventStore, _ ids: Range<Int>) {
            promise.sent.formUnion(ids.map(Int64.init))
            if store.send(numbered(ids), key: "\(ids)").acceptance != nil {
                promise.acknowledged.formUnion(ids.map(Int64.init))
            }
        }
        do {
            var store = try fixture.open()
            send(store, 0..<20)
            send(store, 1_000..<1_010)
            try store.seal()
            send(store, 20..<40)
            try store.seal()
            send(store, 40..<60)
            try store.maintain()
            if fixture.disk.hasCrashed { return promise }
            // The process ends in the midst of things and another one starts.
            fixture.disk.kill()
            plant()
            store = try fixture.open()
            send(store, 60..<80)
            try store.maintain()
            try store.close()
            promise.isOver = true
        } catch {}
        return promise
    }

    private func makeFixture(_ seed: Int) -> StoreFixture {
        let fixture = StoreFixture(seed: UInt64(seed))
        fixture.options.limits.logFileBytes = 1_500
        fixture.options.limits.manifestBytes = 500
        fixture.options.limits.compactionSegments = 2
        return fixture
    }

    @Test(arguments: Fault.allCases)
    func `whatever call goes wrong, what was acknowledged is there once`(fault: Fault) throws {
        let whole = makeFixture(0)
        #expect(live(whole).isOver)
        let calls = whole.disk.callCount
        #expect(calls > 100)
        for call in 0..<calls {
            let fixture = makeFixture(call)
            let promise = live(fixture) {
                switch fault {
                case .powerCut, .kill: fixture.disk.crash(atCall: call)
                case .error: fixture.disk.failCall(call)
                case .fullDisk: fixture.disk.failCall(call, code: HostError.outOfSpaceCode)
                }
            }
            if fault == .kill { fixture.disk.kill() } else { fixture.disk.powerCut() }
            let store = try fixture.open()
            #expect(store.findings.isEmpty, "call \(call)")
            let found = try store.ids()
            #expect(promise.acknowledged.isSubset(of: found), "call \(call)")
            #expect(promise.sent.isSuperset(of: found), "call \(call)")
            #expect(Set(found).count == found.count, "call \(call)")
            try store.close()
            #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty, "call \(call)")
        }
    }
}
