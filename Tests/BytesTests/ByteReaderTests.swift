import Bytes
import Testing

@Suite struct ByteReaderTests {
    @Test func `what is written is read back`() throws {
        var writer = ByteWriter()
        writer.write(UInt32(7))
        writer.writeVarint(UInt64.max)
        writer.writeSignedVarint(.min)
        writer.writeString("käse")
        writer.write(2.5)
        writer.writeArray([1, -2, 3] as [Int16])
        var reader = ByteReader(writer.bytes)
        #expect(try reader.read(UInt32.self) == 7)
        #expect(try reader.readVarint() == .max)
        #expect(try reader.readSignedVarint() == .min)
        #expect(try reader.readString(limit: 10) == "käse")
        #expect(try reader.readDouble() == 2.5)
        #expect(try reader.readArray(Int16.self, count: 3) == [1, -2, 3])
        #expect(reader.isAtEnd)
    }

    @Test func `every cut of a message is an error and never a trap`() throws {
        var writer = ByteWriter()
        writer.writeString("hello")
        writer.writeVarint(UInt64(300))
        for length in 0..<writer.count {
            var reader = ByteReader(writer.bytes[..<length])
            #expect(throws: DecodeError.self) {
                _ = try reader.readString(limit: 100)
                _ = try reader.readVarint()
            }
        }
    }
}
