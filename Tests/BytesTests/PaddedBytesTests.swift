import Bytes
import Testing

@Suite struct PaddedBytesTests {
    @Test func `zeros follow the bytes, however they came`() {
        let bytes = PaddedBytes(capacity: 4)
        var expected: [UInt8] = []
        for length in [0, 1, 3, 5, 100, 0, 7] {
            let piece = [UInt8](repeating: UInt8(length) | 1, count: length)
            piece.withUnsafeBytes { bytes.append($0) }
            expected += piece
            // A writer may be given more room than it uses, and leave traces in it.
            bytes.append(upTo: 90) { room in
                room.initializeMemory(as: UInt8.self, repeating: 0xAA)
                return 1
            }
            expected.append(0xAA)
            bytes.withBytes { held in
                #expect(Array(held) == expected)
                let padding = UnsafeBufferPointer(
                    start: held.baseAddress.map { $0 + held.count }, count: PaddedBytes.padding)
                #expect(padding.allSatisfy { $0 == 0 })
            }
        }
        #expect(bytes.count == expected.count)
    }
}
