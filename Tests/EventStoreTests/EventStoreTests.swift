import Events
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct EventStoreTests {
    @Test func `an event is visible when it is answered, and after a power cut`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let outcome = store.send(numbered(0..<10), commits: false)
        #expect(outcome.value == nil)
        #expect(try store.ids().isEmpty)
        store.step()
        #expect(outcome.acceptance?.durability == .synced)
        #expect(try store.ids() == Array(0..<10))
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == Array(0..<10))
    }

    @Test func `many requests are one group with one sync`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered([0]))
        let before = fixture.disk.callCount
        let outcomes = (1...9).map { store.send(numbered([$0]), commits: false) }
        store.step()
        #expect(fixture.disk.callCount - before == 2)
        #expect(outcomes.allSatisfy { $0.acceptance != nil })
    }

    @Test func `requests that share a record are there together, or none of them`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let first = store.sendShared([numbered([0, 1]), numbered([2])])
        #expect(try store.ids().isEmpty)
        store.step()
        #expect(first.acceptance?.durability == .synced)
        #expect(try store.ids() == [0, 1, 2])
        let second = store.sendShared([numbered([3]), numbered([4])])
        fixture.disk.failSync(after: 0)
        store.step()
        #expect(second.error?.code == .readOnly)
        #expect(store.sendShared([numbered([5])]).error?.code == .readOnly)
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == [0, 1, 2])
    }

    @Test func `a record that was open when the store closed is written`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let outcome = store.sendShared([numbered([0])])
        try store.close()
        #expect(outcome.acceptance != nil)
        #expect(store.sendShared([numbered([1])]).error?.code == .closed)
        #expect(try fixture.open().ids() == [0])
    }

    @Test func `a buffered request is answered even when its sync fails, a synced one is not`()
        throws
    {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered([0]))
        let synced = store.send(numbered([1]), commits: false)
        let buffered = store.send(numbered([2]), durability: .buffered, commits: false)
        fixture.disk.failSync(after: 0)
        store.step()
        #expect(buffered.acceptance?.durability == .buffered)
        #expect(synced.error?.code == .readOnly)
        #expect(try store.ids() == [0, 2])
        #expect(store.send(numbered([3])).error?.code == .readOnly)
        #expect(store.refusal?.code == .readOnly)
        #expect(fixture.notices.all.count == 1)
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == [0])
    }

    @Test func `a sealed head is in segments, once, and stays after restarts`() throws {
        let fixture = StoreFixture()
        var store = try fixture.open()
        store.send(numbered(0..<50))
        store.send(numbered(1_000..<1_020, dataset: "pay"))
        try store.seal()
        store.send(numbered(50..<60))
        let expected = (0..<60).map(Int64.init) + (1_000..<1_020).map(Int64.init)
        #expect(try store.ids() == expected)
        let snapshot = store.snapshot(environment: "e")
        #expect(snapshot.segments.count == 2)
        #expect(snapshot.head.count == 1)
        #expect(snapshot.datasets == ["shop", "pay"])
        for _ in 0..<3 {
            fixture.disk.powerCut()
            store = try fixture.open()
            #expect(try store.ids() == expected)
        }
        #expect(try store.snapshot(environment: "e").events().count == 80)
    }

    @Test func `environments know nothing of each other`() throws {
        let fixture = StoreFixture()
        let names = ["a", "A", "ä/../%", String(repeating: "x", count: 128)]
        let store = try fixture.open()
        for (index, name) in names.enumerated() { store.send(numbered([index]), to: name) }
        try store.seal()
        try store.close()
        let reopened = try fixture.open()
        #expect(reopened.environments.sorted() == names.sorted())
        for (index, name) in names.enumerated() {
            #expect(try reopened.ids(in: name) == [Int64(index)])
        }
        #expect(try reopened.ids(in: "nobody").isEmpty)
        #expect(reopened.send(numbered([1]), to: "").error?.code == .tooLarge)
        let long = String(repeating: "x", count: 129)
        #expect(reopened.send(numbered([1]), to: long).error?.code == .tooLarge)
    }

    @Test func `a clean end leaves an empty log and everything in segments`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        for id in 0..<200 { store.send(numbered([id])) }
        let waiting = store.send(numbered([200]), commits: false)
        try store.close()
        try store.close()
        #expect(waiting.acceptance != nil)
        #expect(store.send(numbered([1])).error?.code == .closed)
        let logs = fixture.disk.filePaths.filter { $0.hasPrefix("data/log/") }
        #expect(logs.count == 1)
        #expect(fixture.disk.contents(of: logs[0])?.count == 32)
        fixture.disk.powerCut()
        let reopened = try fixture.open()
        #expect(reopened.snapshot(environment: "e").head.isEmpty)
        #expect(try reopened.ids() == Array(0...200))
        reopened.send(numbered([201]))
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == Array(0...201))
    }

    @Test func `only one process has a directory`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let error = #expect(throws: EventStoreError.self) { _ = try fixture.open() }
        #expect(error?.code == .inUse)
        #expect(throws: EventStoreError.self) { _ = try fixture.open(.readOnly) }
        try store.close()
        try fixture.open().close()
    }

    @Test func `a stopped store is read without a single write`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<10))
        try store.seal()
        store.send(numbered(10..<20))
        fixture.disk.kill()
        let before = fixture.disk.filePaths.map { fixture.disk.contents(of: $0) }
        let reader = try fixture.open(.readOnly)
        #expect(try reader.ids() == Array(0..<20))
        #expect(reader.send(numbered([1])).error?.code == .readOnly)
        try reader.close()
        #expect(fixture.disk.filePaths.map { fixture.disk.contents(of: $0) } == before)
        #expect(try EventStore.verify("data", machine: fixture.machine).isEmpty)
    }

    @Test func `a stop seals what a full disk kept from being copied at the start`() throws {
        let fixture = StoreFixture()
        try fixture.open().send(numbered(0..<50))
        fixture.disk.powerCut()
        fixture.disk.setCapacity(0)
        var store = try fixture.open()
        #expect(try store.ids() == Array(0..<50))
        #expect(throws: EventStoreError.self) { try store.close() }
        store = try fixture.open()
        fixture.disk.setCapacity(.max)
        try store.close()
        #expect(try fixture.open().ids() == Array(0..<50))
    }

    @Test func `a full disk refuses, keeps answering, and goes on when there is room`() throws {
        let fixture = StoreFixture(capacity: 20_000)
        let store = try fixture.open()
        var accepted: [Int64] = []
        var refused = 0
        for id in 0..<400 {
            let outcome = store.send(numbered([id]))
            if outcome.acceptance != nil {
                accepted.append(Int64(id))
            } else {
                #expect(outcome.error?.isTemporary == true)
                refused += 1
            }
        }
        #expect(refused > 0 && accepted.count > 20)
        #expect(try store.ids() == accepted)
        fixture.disk.setCapacity(1 << 20)
        #expect(store.send(numbered([1_000])).acceptance != nil)
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == accepted + [1_000])
    }

    @Test func `sealing that does not keep up slows appends down`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.unsealedRows = 100
        let store = try fixture.open()
        #expect(store.send(numbered(0..<100)).acceptance != nil)
        #expect(store.send(numbered([100])).error?.code == .overloaded)
        try store.seal()
        #expect(store.send(numbered([100])).acceptance != nil)
    }

    @Test func `a queue that is full refuses`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.waitingRecords = 2
        let store = try fixture.open()
        let outcomes = (0..<3).map { store.send(numbered([$0]), commits: false) }
        #expect(outcomes[2].error?.code == .overloaded)
        store.step()
        #expect(outcomes[1].acceptance != nil)
    }

    @Test func `small batches become few and keep their order and their events`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        for id in 0..<300 { store.send(numbered([id])) }
        let head = store.snapshot(environment: "e").head
        #expect(head.count < 64)
        #expect(try head.flatMap { try model(of: $0) } == numbered(0..<300))
    }

    @Test func `while questions are asked small batches are merged sooner`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        for id in 0..<20 { store.send(numbered([id])) }
        #expect(store.figures().headBatches == 20)
        _ = store.snapshot(environment: "e")
        store.step()
        #expect(store.figures().headBatches < 8)
        for id in 20..<300 {
            store.send(numbered([id]))
            #expect(store.figures().headBatches <= 8)
        }
        #expect(try store.ids() == (0..<300).map(Int64.init))
        fixture.clock.advance(nanoseconds: 2_000_000_000)
        let before = store.figures().headBatches
        for id in 300..<310 { store.send(numbered([id])) }
        #expect(store.figures().headBatches == before + 10)
    }
}

@Suite struct IdempotencyTests {
    @Test func `a repeat is answered as the first time and stored once, across restarts and seals`()
        throws
    {
        let fixture = StoreFixture()
        var store = try fixture.open()
        #expect(store.send(numbered([1]), key: "k", body: 5).acceptance?.isDuplicate == false)
        func check(_ store: EventStore) throws {
            let again = store.send(numbered([1]), key: "k", body: 5).acceptance
            #expect(again?.isDuplicate == true)
            #expect(again?.answer == Array("k".utf8))
            #expect(store.send(numbered([1]), key: "k", body: 6).error?.code == .keyConflict)
            let digest = BodyDigest(high: 0, low: 5)
            #expect(
                store.priorAnswer(environment: "e", key: "k", digest: digest) == Array("k".utf8))
            #expect(store.priorAnswer(environment: "f", key: "k", digest: digest) == nil)
            #expect(try store.ids().filter { $0 == 1 }.count == 1)
        }
        try check(store)
        fixture.disk.powerCut()
        store = try fixture.open()
        try check(store)
        // The key outlives the log file it came in.
        let first = fixture.disk.filePaths.filter { $0.hasPrefix("data/log/") }
        for id in 100..<200 { store.send(numbered([id])) }
        try store.seal()
        try store.maintain()
        #expect(Set(first).isDisjoint(with: fixture.disk.filePaths))
        fixture.disk.powerCut()
        store = try fixture.open()
        try check(store)
        try store.close()
        store = try fixture.open()
        try check(store)
        fixture.clock.advance(nanoseconds: 25 * 3_600 * 1_000_000_000)
        #expect(store.send(numbered([1]), key: "k", body: 6).acceptance?.isDuplicate == false)
    }

    @Test func `a repeat under way waits, and a failure frees the key`() throws {
        let fixture = StoreFixture(capacity: 3_000)
        let store = try fixture.open()
        let first = store.send(numbered([1]), key: "k", commits: false)
        let second = store.send(numbered([1]), key: "k", commits: false)
        let other = store.send(numbered([1]), key: "k", body: 1, commits: false)
        #expect(other.error?.code == .keyConflict)
        #expect(second.value == nil)
        store.step()
        #expect(first.error?.code == .outOfSpace)
        #expect(second.error?.code == .outOfSpace)
        fixture.disk.setCapacity(100_000)
        #expect(store.send(numbered([1]), key: "k").acceptance?.isDuplicate == false)
        #expect(try store.ids() == [1])
    }

    @Test func `a request without events leaves its key`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        #expect(store.send([], key: "k").acceptance?.isDuplicate == false)
        try store.close()
        #expect(try fixture.open().send([], key: "k").acceptance?.isDuplicate == true)
    }
}

@Suite struct ArrivalsTests {
    @Test func `silences are told by the times on either side of them`() throws {
        let store = try StoreFixture().open()
        let second: Int64 = 1_000_000_000
        let place = store.arrivals(environment: "e", since: nil).end
        store.send(numbered([0]))
        let before = store.arrivals(environment: "e", since: place).end
        // What lies between 2 and 30, and between 39 and 50, is longer than ten seconds.
        for time in [0, 1, 2, 30, 39, 50] as [Int64] {
            store.send([ModelEvent(timestamp: 5, received: time * second, fields: [:])])
        }
        let arrivals = store.arrivals(environment: "e", since: before)
        let times = arrivals.times(aroundSilencesOf: 10 * second).map { $0 / second }
        #expect(times == [0, 2, 30, 39, 50, 50])
        let later = store.arrivals(environment: "e", since: arrivals.end)
        #expect(later.times(aroundSilencesOf: second).isEmpty)
    }
}

@Suite struct SnapshotNarrowingTests {
    @Test func `a head that is narrowed has the events of the range`() throws {
        let store = try StoreFixture().open()
        store.send(numbered(0..<400))
        let start: Int64 = 1_773_100_000_000_000_000
        func ids(_ range: Range<Int64>) throws -> [Int64] {
            let range = start + range.lowerBound..<start + range.upperBound
            return try store.snapshot(environment: "e").narrowingHead(to: range).ids()
        }
        #expect(try ids(10..<20) == Array(10..<20))
        #expect(try ids(-5..<1) == [0])
        #expect(try ids(399..<500) == [399])
        #expect(try ids(500..<600).isEmpty)
        // What is most of a batch is not copied.
        #expect(try ids(100..<350) == Array(0..<400))
    }
}
