import Bytes
import Testing

@Suite struct ProtobufTests {
    private func read<Value>(
        _ bytes: [UInt8], _ body: (inout ProtobufReader) throws(ProtobufFault) -> Value
    ) throws -> Value {
        try PaddedBytes(bytes).withBytes { bytes in
            guard let base = bytes.baseAddress else { throw DecodeError("no bytes", at: 0) }
            var reader = ProtobufReader(base, to: base + bytes.count)
            return try body(&reader)
        }
    }

    @Test func `what is written is read`() throws {
        var numbers: [UInt64] = [.max]
        for shift: UInt64 in 0..<64 {
            let power: UInt64 = 1 << shift
            numbers += [power, power - 1]
        }
        for number in numbers {
            var writer = ProtobufWriter()
            writer.varint(1, number)
            writer.message(2000) { $0.fixed64(15, number) }
            writer.fixed32(16, UInt32(truncatingIfNeeded: number))
            let found = try read(writer.bytes) { (reader) throws(ProtobufFault) in
                var found: [UInt64] = [UInt64(try reader.nextTag()), try reader.varint()]
                found.append(UInt64(try reader.nextTag()))
                var inner = try reader.message()
                found += [UInt64(try inner.nextTag()), try inner.fixed64()]
                found += [UInt64(try inner.nextTag()), UInt64(try reader.nextTag())]
                found += [UInt64(try reader.fixed32()), UInt64(try reader.nextTag())]
                return found
            }
            // Tags: number × 8 + type.
            let wanted: [UInt64] = [
                8, number, 16002, 121, number, 0, 133, number & 0xFFFF_FFFF, 0,
            ]
            #expect(found == wanted)
        }
    }

    @Test(
        arguments: [
            [0x00], [0x07], [0x0B], [0x0C], [0x0E], [0x08], [0x08, 0x80],
            [0x09, 1, 2, 3, 4, 5, 6, 7],
            [0x0A, 1], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            [0x0D, 1, 2, 3],
            [0x80], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0],
        ] as [[UInt8]])
    func `bytes that are no message are refused`(bytes: [UInt8]) {
        #expect(throws: ProtobufFault.self) {
            try read(bytes) { (reader) throws(ProtobufFault) in
                while case let tag = try reader.nextTag(), tag != 0 { try reader.skip(tag) }
            }
        }
    }

    @Test func `base64 is that of RFC 4648, padded or not`() {
        let pairs = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ]
        for (plain, coded) in pairs {
            let bytes = Array(plain.utf8)
            #expect(bytes.withUnsafeBufferPointer { Base64.text(of: $0) } == coded)
            for text in [coded, coded.replacing("=", with: "")] {
                let back = Array(text.utf8).withUnsafeBufferPointer { Base64.bytes(of: $0) }
                #expect(back == bytes)
            }
        }
        for wrong in ["Z", "Zg=!", "Zm9vY", "Zg===", "é"] {
            #expect(Array(wrong.utf8).withUnsafeBufferPointer { Base64.bytes(of: $0) } == nil)
        }
    }
}
