@testable import Compute
import Testing

@Suite struct MetroHashTests {
    private func hash(_ text: String, seed: UInt64) -> UInt64 {
        var text = text
        return text.withUTF8 { MetroHash.hash($0, seed: seed) }
    }

    @Test func `the hash is that of the author's test vector`() {
        // From metrohash.h; the bytes stand there lowest first.
        let key = "012345678901234567890123456789012345678901234567890123456789012"
        #expect(hash(key, seed: 0) == 0xAD4B_7006_AE3D_756B)
        #expect(hash(key, seed: 1) == 0xDFB8_B9F4_1C48_0D3B)
    }
}
