internal import Bytes

/// Unsigned integers cut into planes: all lowest bytes, then all second bytes, and so on.
///
/// Layout: one byte `width` (0…8), then for each plane a mode byte (0 raw, 1 zstd, 2 one value),
/// and its bytes: raw `count`; zstd a varint length and the frame; one value a single byte. The high
/// planes of small numbers are one value, the low planes of random ones stay raw.
enum BytePlanes {
    private enum Mode {
        static let raw: UInt8 = 0
        static let zstd: UInt8 = 1
        static let constant: UInt8 = 2
    }

    // MARK: - Encode

    static func encode<Value: FixedWidthInteger & UnsignedInteger>(
        _ values: [Value], into writer: inout ByteWriter
    ) {
        let highest = values.max() ?? 0
        let width = (Value.bitWidth - highest.leadingZeroBitCount + 7) / 8
        writer.write(UInt8(width))
        for plane in 0..<width {
            let shift = Value(plane * 8)
            writePlane(
                [UInt8](unsafeUninitializedCapacity: values.count) { bytes, initialized in
                    for index in 0..<values.count {
                        bytes[index] = UInt8(truncatingIfNeeded: values[index] >> shift)
                    }
                    initialized = values.count
                }, into: &writer)
        }
    }

    /// One plane in the smallest of its three modes; zstd must win an eighth to be worth opening.
    static func writePlane(_ bytes: [UInt8], into writer: inout ByteWriter) {
        if let first = bytes.first, bytes.allSatisfy({ $0 == first }) {
            writer.write(Mode.constant)
            writer.write(first)
            return
        }
        let packed = bytes.count < 32 ? bytes : Zstd.compress(bytes, level: 1)
        if packed.count < bytes.count - bytes.count / 8 {
            writer.write(Mode.zstd)
            writer.writeVarint(packed.count)
            writer.write(contentsOf: packed)
        } else {
            writer.write(Mode.raw)
            writer.write(contentsOf: bytes)
        }
    }

    // MARK: - Decode

    /// Opens `count` numbers; planes wider than `Value` are an error.
    static func decode<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type, _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> [Value] {
        let width = try reader.read(UInt8.self)
        guard Int(width) <= MemoryLayout<Value>.size else {
            throw DecodeError("planes exceed the number's width", at: reader.offset - 1)
        }
        var values = [Value](repeating: 0, count: count)
        for plane in 0..<width {
            let bytes = try readPlane(&reader, count: count)
            let shift = Value(plane) * 8
            switch bytes {
            case .constant(let byte):
                if byte == 0 { continue }
                for index in 0..<count { values[index] |= Value(byte) << shift }
            case .bytes(let bytes):
                values.withUnsafeMutableBufferPointer { values in
                    bytes.withUnsafeBufferPointer { bytes in
                        for index in 0..<count { values[index] |= Value(bytes[index]) << shift }
                    }
                }
            }
        }
        return values
    }

    enum Plane {
        case constant(UInt8)
        case bytes([UInt8])
    }

    static func readPlane(
        _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> Plane {
        switch try reader.read(UInt8.self) {
        case Mode.raw: return .bytes(Array(try reader.readBytes(count)))
        case Mode.constant: return .constant(try reader.read(UInt8.self))
        case Mode.zstd:
            let start = reader.offset
            let packed = try reader.readBlob(limit: SegmentFormat.blockBytesMax)
            do throws(CompressionError) {
                return .bytes(try Zstd.decompress(packed, size: count))
            } catch {
                throw DecodeError("plane does not decompress", at: start)
            }
        default: throw DecodeError("unknown plane mode", at: reader.offset - 1)
        }
    }
}
