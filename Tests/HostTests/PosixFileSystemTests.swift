import Foundation
import Host
import Testing

@Suite struct PosixFileSystemTests {
    private let files = PosixFileSystem()
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "widefield-host-\(UUID().uuidString)"
        try files.createDirectory(directory)
    }

    private func cleanUp() { try? FileManager.default.removeItem(atPath: directory) }

    @Test func `bytes written at a place are read back from there`() throws {
        defer { cleanUp() }
        let file = try files.open(directory + "/a", .create)
        try file.write([1, 2, 3, 4], at: 10)
        try file.synchronize()
        #expect(try file.size() == 14)
        #expect(try file.read(3, at: 11) == [2, 3, 4])
        #expect(try file.read(100, at: 12) == [3, 4])
        #expect(try file.read(4, at: 100) == [])
        try file.truncate(12)
        #expect(try file.readAll(limit: 100) == [UInt8](repeating: 0, count: 10) + [1, 2])
    }

    @Test func `what need not be kept in memory is still there`() throws {
        defer { cleanUp() }
        let file = try files.open(directory + "/a", .create)
        let bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 / 4_099) }
        try file.write(bytes, at: 0)
        try file.synchronize()
        file.willNotRead(2 << 20, at: 1 << 20)
        try file.write([1, 2, 3], at: 2 << 20)
        file.willNotRead(3 << 20, at: 0)
        var expected = bytes
        expected.replaceSubrange((2 << 20)..<(2 << 20) + 3, with: [1, 2, 3])
        #expect(try file.readAll(limit: 4 << 20) == expected)
    }

    @Test func `a file that must be new is refused when it exists`() throws {
        defer { cleanUp() }
        try files.writeNewFile(directory + "/a", [1])
        let error = #expect(throws: HostError.self) {
            _ = try files.open(directory + "/a", .create)
        }
        #expect(error?.code == HostError.existsCode)
        #expect(throws: HostError.self) { _ = try files.open(directory + "/b", .update) }
        #expect(throws: HostError.self) { _ = try files.readFile(directory + "/a", limit: 0) }
    }

    @Test func `names are listed in order and follow renames and removals`() throws {
        defer { cleanUp() }
        for name in ["b", "a", "é"] { try files.writeNewFile(directory + "/" + name, []) }
        try files.createDirectory(directory + "/d")
        try files.createDirectory(directory + "/d")
        try files.rename(directory + "/a", to: directory + "/c")
        try files.synchronizeDirectory(directory)
        #expect(try files.list(directory) == ["b", "c", "d", "é"])
        try files.remove(directory + "/b")
        #expect(try files.list(directory) == ["c", "d", "é"])
        #expect(try files.status(directory + "/d")?.isDirectory == true)
        #expect(try files.status(directory + "/b") == nil)
        #expect(throws: HostError.self) { try files.createDirectory(directory + "/c") }
    }

    @Test func `allocation makes the file as long as asked and no shorter`() throws {
        defer { cleanUp() }
        let file = try files.open(directory + "/a", .create)
        try file.allocate(10_000)
        #expect(try file.size() == 10_000)
        try file.allocate(5_000)
        #expect(try file.size() == 10_000)
    }

    @Test func `a lock is held by one holder at a time`() throws {
        defer { cleanUp() }
        let lock = try files.lock(directory + "/lock")
        let error = #expect(throws: HostError.self) { _ = try files.lock(directory + "/lock") }
        #expect(error?.isHeldByAnother == true)
        lock.release()
        _ = try files.lock(directory + "/lock")
    }

    @Test func `an error names its call, its file and the system's reason`() throws {
        defer { cleanUp() }
        let error = #expect(throws: HostError.self) {
            _ = try files.open("/nonexistent/x", .read)
        }
        #expect(error?.description == "open /nonexistent/x: No such file or directory")
        #expect(error?.isNotFound == true)
    }

    @Test func `the device has room`() throws {
        defer { cleanUp() }
        let space = try files.freeSpace(directory)
        #expect(space.total > 0)
        #expect(space.available <= space.total)
    }

    @Test func `clocks run and memory is counted`() throws {
        defer { cleanUp() }
        let clock = SystemClock()
        #expect(clock.wallNanoseconds() > 1_700_000_000_000_000_000)
        let first = clock.monotonicNanoseconds()
        #expect(clock.monotonicNanoseconds() >= first)
        #expect(try #require(ProcessMemory.residentBytes()) > 1 << 20)
    }
}
