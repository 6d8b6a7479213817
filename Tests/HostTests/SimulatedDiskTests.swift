import Host
import Testing
import TestSupport

@Suite struct SimulatedDiskTests {
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `what was synced survives a power cut, its name too`(seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        try disk.writeNewFile("a", [UInt8](repeating: 7, count: 2_000))
        try disk.synchronizeDirectory("")
        let file = try disk.open("a", .update)
        try file.write([UInt8](repeating: 8, count: 2_000), at: 2_000)
        disk.powerCut()
        let bytes = try disk.readFile("a", limit: 10_000)
        #expect(bytes.prefix(2_000) == ArraySlice(repeating: 7, count: 2_000))
        #expect(bytes.dropFirst(2_000).allSatisfy { $0 == 8 || $0 == 0 })
    }

    @Test func `unsynced bytes, names and removals are lost in some cuts and kept in others`()
        throws
    {
        var names = Set<[String]>()
        var tails = Set<[UInt8]>()
        for seed in 0..<60 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            try disk.writeNewFile("a", [])
            try disk.synchronizeDirectory("")
            let file = try disk.open("a", .update)
            try file.write([UInt8](repeating: 1, count: 1_024), at: 0)
            try disk.writeNewFile("b", [])
            disk.powerCut()
            names.insert(try disk.list(""))
            tails.insert(try disk.readFile("a", limit: 2_000))
        }
        #expect(names == [["a"], ["a", "b"]])
        let ones = [UInt8](repeating: 1, count: 512)
        let zeros = [UInt8](repeating: 0, count: 512)
        #expect(tails == [[], ones, ones + ones, zeros + ones])
    }

    @Test func `a failed sync loses its bytes while reads and later syncs pretend otherwise`()
        throws
    {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("a", .create)
        try disk.synchronizeDirectory("")
        try file.write([1, 2, 3], at: 0)
        disk.failSync(after: 0)
        #expect(throws: HostError.self) { try file.synchronize() }
        try file.synchronize()
        #expect(try file.read(3, at: 0) == [1, 2, 3])
        disk.powerCut()
        #expect(try disk.readFile("a", limit: 10) == [])
    }

    @Test func `a full disk takes what fits and then refuses`() throws {
        let disk = SimulatedDisk(seed: 1, capacity: 1_000)
        let file = try disk.open("a", .create)
        try file.allocate(600)
        #expect(throws: HostError.self) { try file.allocate(1_001) }
        let error = #expect(throws: HostError.self) {
            try file.write([UInt8](repeating: 1, count: 800), at: 500)
        }
        #expect(error?.isOutOfSpace == true)
        #expect(try file.size() == 1_000)
        #expect(try disk.freeSpace("").available == 0)
    }

    @Test func `the call that was named fails, and a stopped machine stays stopped`() throws {
        let disk = SimulatedDisk(seed: 1)
        disk.failCall(disk.callCount + 1)
        let file = try disk.open("a", .create)
        #expect(throws: HostError.self) { try file.write([1], at: 0) }
        try file.write([1], at: 0)
        disk.crash(atCall: disk.callCount)
        #expect(throws: HostError.self) { _ = try file.size() }
        #expect(throws: HostError.self) { _ = try disk.list("") }
        disk.powerCut()
        #expect(throws: HostError.self) { _ = try file.size() }
        _ = try disk.list("")
    }

    @Test func `short calls move everything in the end`() throws {
        let disk = SimulatedDisk(seed: 3)
        disk.shortenCalls()
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        for index in 0..<20 {
            try disk.writeNewFile("f\(index)", bytes)
            #expect(try disk.readFile("f\(index)", limit: 5_000) == bytes)
        }
    }

    @Test func `a lock dies with its process`() throws {
        let disk = SimulatedDisk(seed: 1)
        let lock = try disk.lock("lock")
        #expect(throws: HostError.self) { _ = try disk.lock("lock") }
        disk.kill()
        let second = try disk.lock("lock")
        lock.release()
        #expect(throws: HostError.self) { _ = try disk.lock("lock") }
        second.release()
    }
}
