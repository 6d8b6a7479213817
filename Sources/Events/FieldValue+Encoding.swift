public import Bytes

/// One value as bytes: its kind (missing 0, false 1, true 2, integer 3, float 4, string 5), then the
/// number in 8 bytes, or the string's length as a varint and its UTF-8.
extension ByteWriter {
    /// Appends a value of any kind.
    public mutating func write(_ value: FieldValue) {
        switch value {
        case .missing: write(UInt8(0))
        case .bool(let value): write(UInt8(value ? 2 : 1))
        case .int(let value):
            write(UInt8(3))
            write(value)
        case .float(let value):
            write(UInt8(4))
            write(value)
        case .string(let value):
            write(UInt8(5))
            writeString(value)
        }
    }
}

extension ByteReader {
    /// Reads what `write(_:)` of a value appended; strings of more than `limit` bytes are refused.
    public mutating func readFieldValue(limit: Int) throws(DecodeError) -> FieldValue {
        switch try read(UInt8.self) {
        case 0: .missing
        case 1: .bool(false)
        case 2: .bool(true)
        case 3: .int(try read(Int64.self))
        case 4: FieldValue(number: try readDouble())
        case 5: .string(try readString(limit: limit))
        case let kind: throw DecodeError("a value of an unknown kind: \(kind)", at: 0)
        }
    }
}
