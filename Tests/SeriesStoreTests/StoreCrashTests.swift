import Host
import SeriesStore
import TestSupport
import Testing

/// One short life of a store, with every call to the machine in turn the one at which something goes
/// wrong.
@Suite struct StoreCrashTests {
    enum Fault: CaseIterable, Sendable {
        case powerCut, kill, error, fullDisk
    }

    private let start = StoreFixture.start
    private let hour = StoreFixture.hour

    /// What is written: in the second part late samples of a block that is on disk by then.
    private var parts: [[LabeledSample]] {
        [0..<5, 5..<9, 2..<6].enumerated().map { number, range in
            range.flatMap { place in
                ["a", "b"].map { name in
                    LabeledSample(
                        ["name": name], start + Int64(place) * hour + Int64(number) * 10_000,
                        .float(Double(10 * place + number)))
                }
            }
        }
    }

    /// Writes all parts; true when nothing went wrong.
    private func live(_ fixture: StoreFixture) -> Bool {
        do {
            let store = try fixture.open()
            for part in parts {
                _ = try store.write(part)
                try store.save()
                try store.close(endingBy: start + 13 * hour, now: start + 13 * hour)
            }
            try store.retain(now: start + 12 * hour)
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: Fault.allCases)
    func `whatever call goes wrong, a block is there or not and writing again mends it`(
        fault: Fault
    ) throws {
        let whole = StoreFixture()
        whole.options.retention = [.written: 8 * hour]
        #expect(live(whole))
        let calls = whole.disk.callCount
        let reference = try whole.open()
        let expected = try [Tier.minute, .hour].map { try reference.all($0) }
        for call in 0..<calls {
            let fixture = StoreFixture(seed: UInt64(call))
            fixture.options.retention = [.written: 8 * hour]
            switch fault {
            case .powerCut, .kill: fixture.disk.crash(atCall: call)
            case .error: fixture.disk.failCall(call)
            case .fullDisk: fixture.disk.failCall(call, code: HostError.outOfSpaceCode)
            }
            _ = live(fixture)
            if fault == .kill { fixture.disk.kill() } else { fixture.disk.powerCut() }
            fixture.disk.crash(atCall: nil)
            let store = try fixture.open()
            #expect(store.findings.isEmpty, "call \(call)")
            #expect(!fixture.disk.filePaths.contains { $0.hasSuffix(".tmp") }, "call \(call)")
            // Each block is as it was after one of the parts, none of them torn.
            let found = try store.all().flatMap(\.samples.timestamps)
            #expect(Set(found).isSubset(of: parts.joined().map(\.timestamp)), "call \(call)")
            for tier in Tier.allCases { _ = try store.all(tier) }
            // The owner writes again what it has, and the answer is what it would have been.
            _ = try store.write(Array(parts.joined()))
            try store.close(endingBy: start + 13 * hour, now: start + 13 * hour)
            try store.retain(now: start + 12 * hour)
            #expect(try [Tier.minute, .hour].map { try store.all($0) } == expected, "call \(call)")
        }
    }

    @Test func `what was saved survives a power cut while its block is open`() throws {
        let fixture = StoreFixture()
        let store = try fixture.open()
        _ = try store.write(parts[0])
        try store.save()
        let saved = try store.all()
        let calls = fixture.disk.callCount
        try store.save()
        #expect(fixture.disk.callCount == calls)
        _ = try store.write(parts[1])
        #expect(try store.all() != saved)
        fixture.disk.powerCut()
        #expect(try fixture.open().all() == saved)
    }

    @Test func `a disk that syncs nothing is found out by this`() throws {
        var torn = 0
        for seed in 0..<20 {
            let fixture = StoreFixture(seed: UInt64(seed))
            fixture.disk.ignoreSyncs()
            #expect(live(fixture))
            fixture.disk.powerCut()
            let store = try fixture.open()
            if !store.findings.isEmpty || (try? store.all()) == nil { torn += 1 }
        }
        #expect(torn > 0)
    }

    @Test func `a call that failed can be made again`() throws {
        let whole = StoreFixture()
        #expect(live(whole))
        let calls = whole.disk.callCount
        let expected = try whole.open().all(.minute)
        for call in 0..<calls {
            let fixture = StoreFixture()
            fixture.disk.failCall(call)
            guard let store = try? fixture.open() else { continue }
            for part in parts {
                if (try? store.write(part)) == nil { _ = try store.write(part) }
                let time = start + 13 * hour
                if (try? store.close(endingBy: time, now: time)) == nil {
                    try store.close(endingBy: time, now: time)
                }
            }
            #expect(try store.all(.minute) == expected, "call \(call)")
        }
    }

    @Test func `a damaged block is told of or answers rightly, and is mended by writing it anew`()
        throws
    {
        let fixture = StoreFixture()
        let store = try fixture.open()
        _ = try store.write(parts[0])
        try store.close(endingBy: start + 2 * hour, now: start + 2 * hour)
        let path = "data/10s/\(start).series"
        let bytes = try #require(fixture.disk.contents(of: path))
        let right = try store.all()
        for place in bytes.indices {
            fixture.disk.flipBit(place % 8, ofByte: place, in: path)
            let damaged = try fixture.open()
            let found = try? damaged.all()
            // The header's bytes say nothing that the footer does not.
            #expect(!damaged.findings.isEmpty || found == nil || place < 8, "byte \(place)")
            if found != nil && damaged.findings.isEmpty {
                #expect(
                    found
                        == right.map { series in
                            SeriesData(
                                labels: series.labels,
                                samples: series.samples.clamped(
                                    from: .min, to: start + 2 * hour - 1))
                        })
            }
            fixture.disk.flipBit(place % 8, ofByte: place, in: path)
        }
        for length in stride(from: 0, to: bytes.count, by: 3) {
            fixture.disk.place(path, Array(bytes[..<length]))
            #expect(try fixture.open().findings.map(\.code) == [.damaged])
        }
        let mended = try fixture.open()
        // A sample alone would take the place of the minutes that are left of the block.
        #expect(try mended.write([parts[0][0]]).map(\.place) == [0])
        let whole = right.map {
            SeriesData(
                labels: $0.labels,
                samples: $0.samples.clamped(from: start, to: start + 2 * hour - 1))
        }
        #expect(try mended.replaceBlock(at: start, with: whole).isEmpty)
        _ = try mended.write(Array(parts[0].filter { $0.timestamp >= start + 2 * hour }))
        try mended.close(endingBy: .max, now: start)
        let again = try fixture.open()
        #expect(again.findings.isEmpty)
        #expect(try again.all() == right)
    }
}
