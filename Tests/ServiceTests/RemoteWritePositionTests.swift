import Bytes
import Host
import TestSupport
import Testing

@testable import Service

@Suite struct RemoteWritePositionTests {
    @Test func `a position is read as it was written, each receiver's its own`() throws {
        let disk = SimulatedDisk(seed: 5)
        try disk.createDirectory("data")
        try disk.synchronizeDirectory("")
        func file(_ url: String) throws -> RemoteWritePositionFile {
            let machine = Machine(
                files: SimulatedProcess(disk), clock: SystemClock(), random: SystemRandomness())
            return RemoteWritePositionFile(
                try #require(ServerURL(url)), environment: "e", in: "data", machine)
        }
        #expect(try file("http://a/w").read() == nil)
        let position = RemoteWritePosition(sent: 1_800_000_000_000, looked: -7)
        try file("http://a/w").write(position)
        disk.powerCut()
        #expect(try file("http://a/w").read() == position)
        #expect(try file("http://b/w").read() == nil)
    }

    @Test(arguments: [
        "", "17", "sent 1", "sent 1\nlooked", "looked 1\nsent 1", "sent 1\nlooked x\n",
        "sent 99999999999999999999\nlooked 1\n", "sent 1\nlooked 2\nmore 3\n",
    ])
    func `what is no position is refused`(text: String) {
        let sum = hexadecimal(UInt64(Checksum.crc32c(Array(text.utf8))), digits: 8)
        #expect(throws: (any Error).self) {
            try RemoteWritePosition(parsing: "widefield-remote-write 1 \(sum)\n" + text)
        }
    }

    @Test func `a position that was changed is refused`() throws {
        let text = Array(RemoteWritePosition(sent: 1_800_000_000_000, looked: 7).text.utf8)
        for place in text.indices {
            var other = text
            other[place] ^= 1
            #expect(throws: (any Error).self) {
                try RemoteWritePosition(parsing: String(decoding: other, as: UTF8.self))
            }
            #expect(throws: (any Error).self) {
                try RemoteWritePosition(parsing: String(decoding: text[..<place], as: UTF8.self))
            }
        }
    }
}
