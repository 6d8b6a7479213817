import Testing

@testable import Bytes

private func body(_ hexadecimal: String) -> PaddedBytes {
    let digits = Array(hexadecimal)
    return PaddedBytes(
        stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0..<$0 + 2]), radix: 16)
        })
}

private func bytes(_ body: PaddedBytes) -> [UInt8] { body.withBytes { Array($0) } }

/// `hello hello hello\n`, as gzip and Python's zlib write it.
private let text = Array("hello hello hello\n".utf8)
private let gzipped = "1f8b0800000000000203cb48cdc9c957c840905c003b7c8adf12000000"
private let zlibbed = "789ccb48cdc9c957c840905c0040b50687"

@Suite struct CompressionTests {
    @Test func `gzip and zlib bodies are opened`() throws {
        #expect(bytes(try Deflate.decompress(body(gzipped), as: .gzip, limit: 100)) == text)
        #expect(bytes(try Deflate.decompress(body(zlibbed), as: .zlib, limit: 100)) == text)
    }

    @Test func `several members and frames are one body`() throws {
        let two = try Deflate.decompress(body(gzipped + gzipped), as: .gzip, limit: 100)
        #expect(bytes(two) == text + text)
        let frame = Zstd.compress(text)
        #expect(bytes(try Zstd.decompress(PaddedBytes(frame + frame), limit: 100)) == text + text)
    }

    @Test(arguments: [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
    func `zstd gives back what was compressed, padding after it`(count: Int) throws {
        var state: UInt32 = 1
        let plain = (0..<count).map { _ -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 28)
        }
        let opened = try Zstd.decompress(PaddedBytes(Zstd.compress(plain)), limit: count)
        #expect(bytes(opened) == plain)
        opened.withBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            for offset in 0..<PaddedBytes.padding { #expect(base[count + offset] == 0) }
        }
    }

    @Test func `what would exceed the limit is refused, however small it came`() {
        let bomb = PaddedBytes(Zstd.compress([UInt8](repeating: 0, count: 10 << 20)))
        #expect(bomb.count < 10_000)
        #expect(throws: CompressionError.tooLarge(limit: 1 << 20)) {
            try Zstd.decompress(bomb, limit: 1 << 20)
        }
        #expect(throws: CompressionError.tooLarge(limit: text.count - 1)) {
            try Deflate.decompress(body(gzipped), as: .gzip, limit: text.count - 1)
        }
        #expect(throws: CompressionError.tooLarge(limit: 30)) {
            try Deflate.decompress(body(gzipped + gzipped), as: .gzip, limit: 30)
        }
    }

    @Test func `a body cut off anywhere or with a flipped bit never opens to something else`() {
        let frame = Zstd.compress(text)
        for count in 0..<frame.count {
            #expect(throws: CompressionError.self) {
                try Zstd.decompress(PaddedBytes(frame[..<count]), limit: 100)
            }
        }
        let member = bytes(body(gzipped))
        for count in 0..<member.count {
            #expect(throws: CompressionError.self) {
                try Deflate.decompress(PaddedBytes(member[..<count]), as: .gzip, limit: 100)
            }
        }
        for bit in 0..<member.count * 8 {
            var damaged = member
            damaged[bit / 8] ^= 1 << (bit % 8)
            let opened = try? Deflate.decompress(PaddedBytes(damaged), as: .gzip, limit: 100)
            #expect(opened.map(bytes) == nil || opened.map(bytes) == text)
        }
    }
}
