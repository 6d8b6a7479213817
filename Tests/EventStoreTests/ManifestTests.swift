import Bytes
import Host
import TestSupport
import Testing

@testable import EventStore

@Suite struct ManifestTests {
    private func makeMachine(seed: UInt64) throws -> (SimulatedDisk, Machine) {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("env")
        try disk.synchronizeDirectory("")
        let machine = Machine(
            files: disk, clock: SimulatedClock(), random: SimulatedRandomness(seed: seed))
        return (disk, machine)
    }

    private func open(_ machine: Machine, limits: StoreLimits = StoreLimits()) throws -> Manifest {
        let reading = try Manifest.read(machine.files, directory: "env", shownAs: "env")
        #expect(reading.damage.isEmpty)
        return try Manifest(machine, directory: "env", limits: limits, from: reading)
    }

    private static func segment(_ number: UInt64) -> SegmentEntry {
        SegmentEntry(
            fileName: Filenames.segmentFile(number), rows: 10 + Int(number), bytes: number * 100,
            day: number % 2 == 0 ? nil : Int32(number),
            datasets: [
                DatasetEntry(name: "shop", rows: 10, timeBounds: -5...Int64(number), youngest: 7),
                DatasetEntry(name: "käse", rows: Int(number), timeBounds: 1...2, youngest: -1),
            ])
    }

    /// Edits that add, remove, bury and save keys.
    private static let history: [ManifestEdit] = {
        var edits: [ManifestEdit] = []
        for number in 1...4 as ClosedRange<UInt64> {
            var edit = ManifestEdit()
            edit.added = [segment(number)]
            edit.sealedBelow = number * 10
            edits.append(edit)
        }
        edits[1].keys = [
            SavedKey(
                sequence: 3, acceptedAt: 99,
                idempotency: Idempotency(
                    key: "k", digest: BodyDigest(high: 1, low: 2), answer: [1, 2]))
        ]
        edits[2].dead = [DeadRun(fileName: Filenames.segmentFile(1), dataset: "shop")]
        edits[3].removed = [Filenames.segmentFile(1), Filenames.segmentFile(2)]
        return edits
    }()

    private static func state(after count: Int) -> ManifestState {
        var state = ManifestState()
        for edit in history.prefix(count) { #expect(state.apply(edit) == nil) }
        return state
    }

    @Test func `an edit is read back as it was written`() throws {
        for edit in ManifestTests.history {
            #expect(try ManifestEdit(decoding: edit.encoded()[...]) == edit)
        }
        let state = ManifestTests.state(after: 3)
        var again = ManifestState()
        #expect(again.apply(state.asEdit) == nil)
        #expect(again == state)
        #expect(state.dead.count == 1)
        #expect(ManifestTests.state(after: 4).dead.isEmpty)
    }

    @Test func `an edit cut short or followed by more is an error`() throws {
        for edit in ManifestTests.history {
            let bytes = edit.encoded()
            for length in 0..<bytes.count {
                #expect(throws: DecodeError.self) {
                    _ = try ManifestEdit(decoding: bytes[..<length])
                }
            }
            #expect(throws: DecodeError.self) { _ = try ManifestEdit(decoding: (bytes + [0])[...]) }
        }
    }

    @Test func `an edit that does not fit the state is told and changes nothing`() {
        var state = ManifestTests.state(after: 2)
        let before = state
        var edit = ManifestEdit()
        edit.removed = [Filenames.segmentFile(9)]
        #expect(state.apply(edit) != nil)
        edit.removed = []
        edit.added = [ManifestTests.segment(1)]
        #expect(state.apply(edit) != nil)
        edit.added = []
        edit.dead = [DeadRun(fileName: Filenames.segmentFile(1), dataset: "nobody")]
        #expect(state.apply(edit) != nil)
        #expect(state == before)
    }

    @Test func `the state survives restarts and rewriting`() throws {
        let (disk, machine) = try makeMachine(seed: 1)
        var limits = StoreLimits()
        limits.manifestBytes = 1
        for (index, edit) in ManifestTests.history.enumerated() {
            let manifest = try open(machine, limits: limits)
            #expect(manifest.state == ManifestTests.state(after: index))
            try manifest.append(edit)
            disk.powerCut()
        }
        #expect(try open(machine).state == ManifestTests.state(after: 4))
        #expect(disk.filePaths == ["env/manifest"])
    }

    @Test func `a crash at any call leaves the state before or after the edit`() throws {
        for seed in 0..<6 as Range<UInt64> {
            var call = 0
            var isOver = false
            while !isOver {
                let (disk, machine) = try makeMachine(seed: seed &* 100 &+ UInt64(call))
                disk.crash(atCall: disk.callCount + call)
                var done = 0
                var begun = 0
                var limits = StoreLimits()
                limits.manifestBytes = 600
                do {
                    let manifest = try open(machine, limits: limits)
                    for edit in ManifestTests.history {
                        begun += 1
                        try manifest.append(edit)
                        done += 1
                    }
                    isOver = true
                } catch {}
                disk.powerCut()
                let state = try open(machine).state
                let legal = (done...begun).map { ManifestTests.state(after: $0) }
                #expect(legal.contains(state), "seed \(seed), call \(call)")
                call += 1
            }
            #expect(call > 15)
        }
    }

    @Test func `every cut and every flipped bit gives an earlier state or is reported`() throws {
        let (disk, machine) = try makeMachine(seed: 1)
        let manifest = try open(machine)
        for edit in ManifestTests.history { try manifest.append(edit) }
        let bytes = try #require(disk.contents(of: "env/manifest"))
        let states = (0...4).map { ManifestTests.state(after: $0) }
        let whole = try LogScan(bytes, holdsRequests: false)
        #expect(whole.entries.count == 5)
        func read(_ bytes: [UInt8]) throws -> Manifest.Reading {
            disk.place("env/manifest", bytes)
            return try Manifest.read(disk, directory: "env", shownAs: "env")
        }
        for length in 0..<bytes.count {
            let reading = try read(Array(bytes[..<length]))
            #expect(states.contains(reading.state))
            #expect(reading.damage.isEmpty == (length >= whole.entries[0].payload.upperBound))
        }
        for byte in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[byte] ^= 1 << UInt8(bit)
                let reading = try read(damaged)
                #expect(states.contains(reading.state))
                let isInLast = byte >= whole.entries[4].offset
                #expect(!reading.damage.isEmpty || isInLast || reading.state == states[4])
            }
        }
    }

    @Test func `a failed write is taken back and a failed sync ends the writing`() throws {
        let (disk, machine) = try makeMachine(seed: 1)
        let manifest = try open(machine)
        let edits = ManifestTests.history
        disk.failCall(disk.callCount, code: HostError.outOfSpaceCode)
        let full = #expect(throws: EventStoreError.self) { try manifest.append(edits[0]) }
        #expect(full?.code == .outOfSpace)
        try manifest.append(edits[0])
        disk.failSync(after: 0)
        let failed = #expect(throws: EventStoreError.self) { try manifest.append(edits[1]) }
        #expect(failed?.code == .readOnly)
        #expect(throws: EventStoreError.self) { try manifest.append(edits[1]) }
        disk.powerCut()
        #expect(try open(machine).state == ManifestTests.state(after: 1))
    }
}
