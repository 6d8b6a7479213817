import Events
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct MaintenanceTests {
    private let day: Int64 = 86_400_000_000_000

    @Test func `a head is sealed when it has many rows, many bytes, much log, or is old`() throws {
        let changes: [(inout StoreLimits) -> Void] = [
            { $0.headRows = 20 }, { $0.headBytes = 100 }, { $0.heldLogBytes = 10 }, { _ in },
        ]
        for (index, change) in changes.enumerated() {
            let fixture = StoreFixture()
            change(&fixture.options.limits)
            let store = try fixture.open()
            store.send(numbered(0..<25))
            if index == 3 {
                try store.maintain()
                #expect(store.snapshot(environment: "e").head.count == 1)
                fixture.clock.advance(nanoseconds: 3_600_000_000_000)
            } else {
                store.send(numbered([25]))
            }
            try store.maintain()
            let snapshot = store.snapshot(environment: "e")
            #expect(snapshot.head.isEmpty, "case \(index)")
            #expect(snapshot.rows == (index == 3 ? 25 : 26))
        }
    }

    @Test func `a seal writes one segment a day, and a mixed one for the days beyond`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.daysPerSeal = 3
        let store = try fixture.open()
        // Days 0 and 4 have most events, then 2; 1, 3 and 5 share a segment.
        for (index, rows) in [30, 5, 20, 6, 30, 7].enumerated() {
            store.send(numbered(index * 1_000..<index * 1_000 + rows))
        }
        try store.seal()
        let snapshot = store.snapshot(environment: "e")
        #expect(snapshot.head.isEmpty)
        #expect(snapshot.segments.map(\.rows).sorted() == [18, 20, 30, 30])
        #expect(try store.ids().count == 98)
        let mixed = snapshot.segments.filter { segment in
            segment.timeBounds.map { $0.upperBound - $0.lowerBound > day } ?? false
        }
        #expect(mixed.map(\.rows) == [18])
    }

    @Test func `days are cut at midnight UTC, before 1970 too`() {
        #expect(SegmentPlan.day(of: 0) == 0)
        #expect(SegmentPlan.day(of: day - 1) == 0)
        #expect(SegmentPlan.day(of: day) == 1)
        #expect(SegmentPlan.day(of: -1) == -1)
        #expect(SegmentPlan.day(of: -day) == -1)
        #expect(SegmentPlan.day(of: -day - 1) == -2)
        #expect(SegmentPlan.day(of: .min) == -106_752)
        #expect(SegmentPlan.day(of: .max) == 106_751)
    }

    @Test func `small segments of a day become one, whose files go with their last reader`() throws
    {
        let fixture = StoreFixture()
        let store = try fixture.open()
        for part in 0..<5 {
            store.send(numbered(part * 10..<part * 10 + 10))
            store.send(numbered(1_000 + part..<1_001 + part))
            try store.seal()
        }
        let before = store.snapshot(environment: "e")
        #expect(before.segments.count == 10)
        let expected = try before.ids()
        try store.maintain()
        let after = store.snapshot(environment: "e")
        #expect(after.segments.count == 2)
        #expect(try after.ids() == expected)
        // The old snapshot still reads what was replaced.
        #expect(fixture.segmentFiles.count == 12)
        #expect(try before.ids() == expected)
        fixture.disk.powerCut()
        #expect(try fixture.open().ids() == expected)
        #expect(fixture.segmentFiles.count == 2)
    }

    @Test func `segments whose files are large together stay apart`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.compactionBytes = 1
        let store = try fixture.open()
        for part in 0..<5 {
            store.send(numbered(part * 10..<part * 10 + 10))
            try store.seal()
        }
        try store.maintain()
        #expect(store.snapshot(environment: "e").segments.count == 5)
    }

    @Test func `files without an edit go at the start`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        store.send(numbered(0..<10))
        try store.seal()
        fixture.disk.kill()
        fixture.disk.place("data/environments/e/00000077.seg", [1, 2, 3])
        fixture.disk.place("data/environments/e/00000078.seg.tmp", [1, 2, 3])
        let reopened = try fixture.open()
        #expect(fixture.segmentFiles.count == 1)
        reopened.send(numbered(10..<20))
        try reopened.seal()
        #expect(fixture.segmentFiles.last == "data/environments/e/00000078.seg")
    }
}

@Suite struct RetentionTests {
    private let hour: Int64 = 3_600_000_000_000

    /// A store with two datasets in shared segments, received now.
    private func makeStore(_ fixture: StoreFixture) throws -> EventStore {
        let store = try fixture.open()
        let now = fixture.clock.wallNanoseconds()
        for age in [30, 20, 10, 1] as [Int64] {
            for dataset in ["shop", "pay"] {
                let event = ModelEvent(
                    timestamp: now - age * hour, dataset: dataset, fields: ["id": .int(age)])
                store.send([event])
            }
            try store.seal()
        }
        return store
    }

    /// Lets the caution after a start pass.
    private func wait(_ fixture: StoreFixture, _ store: EventStore) throws {
        try store.maintain()
        fixture.clock.advance(nanoseconds: 601_000_000_000)
        try store.maintain()
    }

    @Test func `events past their age go at once from one dataset, not from another`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.compactionSegments = 100
        let store = try makeStore(fixture)
        let hour = hour
        store.setRetention { _, dataset in
            dataset == "shop" ? RetentionPolicy(age: 15 * hour) : nil
        }
        try wait(fixture, store)
        let events = try store.snapshot(environment: "e").events()
        #expect(events.filter { $0.dataset == "shop" }.count == 2)
        #expect(events.filter { $0.dataset == "pay" }.count == 4)
        #expect(try StoreFixture.rowsInFiles(store) == 6)
        let cutoff = store.retentionCutoff(environment: "e", dataset: "shop")
        #expect(cutoff == fixture.clock.wallNanoseconds() - 15 * hour)
        #expect(store.retentionCutoff(environment: "e", dataset: "pay") == nil)
        fixture.disk.powerCut()
        #expect(try fixture.open().snapshot(environment: "e").events().count == 6)
    }

    @Test func `a run that is dead in a large segment is not seen before it is rewritten`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        let now = fixture.clock.wallNanoseconds()
        let old = [ModelEvent(timestamp: now - 50 * hour, dataset: "old", fields: ["id": .int(-1)])]
        // One mixed segment of which a tenth is old.
        fixture.options.limits.daysPerSeal = 1
        store.send(old + numbered(0..<9))
        try store.seal()
        let hour = hour
        store.setRetention { _, dataset in
            dataset == "old" ? RetentionPolicy(age: 15 * hour) : nil
        }
        try wait(fixture, store)
        #expect(try store.ids() == Array(0..<9))
        #expect(store.snapshot(environment: "e").datasets == ["shop"])
        #expect(store.snapshot(environment: "e").rows == 9)
    }

    @Test func `the oldest events go when a dataset has more bytes than it may`() throws {
        let fixture = StoreFixture()
        fixture.options.limits.compactionSegments = 100
        let store = try makeStore(fixture)
        let total = store.figures().segmentBytes
        store.setRetention { _, _ in RetentionPolicy(bytes: UInt64(total) / 4 + 100) }
        try wait(fixture, store)
        #expect(try store.ids() == [1, 1, 10, 10])
    }

    @Test func `a clock that jumps deletes nothing for ten minutes and says what would go`() throws
    {
        let fixture = StoreFixture()
        fixture.options.limits.compactionSegments = 100
        let store = try makeStore(fixture)
        let hour = hour
        store.setRetention { _, _ in RetentionPolicy(age: 100 * hour) }
        try wait(fixture, store)
        #expect(store.retentionCutoff(environment: "e", dataset: "shop") != nil)
        fixture.clock.jump(nanoseconds: 3_650 * 24 * hour)
        try store.maintain()
        #expect(try store.ids().count == 8)
        #expect(store.retentionCutoff(environment: "e", dataset: "shop") == nil)
        #expect(fixture.notices.all.contains { $0.contains("8 runs would go, of pay, shop") })
        fixture.clock.jump(nanoseconds: -3_650 * 24 * hour)
        fixture.clock.advance(nanoseconds: 700_000_000_000)
        try store.maintain()
        try store.maintain()
        #expect(try store.ids().count == 8)
        fixture.clock.advance(nanoseconds: 101 * hour)
        try store.maintain()
        #expect(try store.ids().isEmpty)
        try store.maintain()
        #expect(try StoreFixture.rowsInFiles(store) == 0)
    }
}

extension StoreFixture {
    var segmentFiles: [String] { disk.filePaths.filter { $0.hasSuffix(".seg") } }

    /// Rows of all segments' files, dead or not.
    static func rowsInFiles(_ store: EventStore) throws -> Int {
        try store.snapshot(environment: "e").segments.reduce(0) { try $0 + $1.open().rows }
    }
}
