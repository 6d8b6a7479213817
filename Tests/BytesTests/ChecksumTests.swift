import Bytes
import Testing

@Suite struct ChecksumTests {
    @Test func `the check value of the standard comes out`() {
        #expect(Checksum.crc32c(Array("123456789".utf8)) == 0xE306_9283)
    }

    @Test func `a checksum continues from a seed`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let first = Checksum.crc32c(bytes[..<333])
        #expect(Checksum.crc32c(bytes[333...], seed: first) == Checksum.crc32c(bytes))
    }
}
