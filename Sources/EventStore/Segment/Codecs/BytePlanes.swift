internal import Bytes
internal import CKernels

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

    static func encode<Value: PlaneInteger>(
        _ values: UnsafeBufferPointer<Value>, into writer: inout ByteWriter
    ) {
        // The highest value is as wide as all of them ORed together.
        encode(values, highest: values.reduce(0, |), into: &writer)
    }

    /// - Parameter highest: as wide as the highest of the values.
    static func encode<Value: PlaneInteger>(
        _ values: UnsafeBufferPointer<Value>, highest: Value, into writer: inout ByteWriter
    ) {
        let width = (Value.bitWidth - highest.leadingZeroBitCount + 7) / 8
        writer.write(UInt8(width))
        for plane in 0..<width {
            if Value.bitWidth == 8 {
                values.withMemoryRebound(to: UInt8.self) { writePlane($0, into: &writer) }
                continue
            }
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: values.count) { bytes in
                if let source = values.baseAddress, let target = bytes.baseAddress {
                    Value.cut(source, values.count, UInt32(plane * 8), target)
                }
                writePlane(UnsafeBufferPointer(bytes), into: &writer)
            }
        }
    }

    static func encode<Value: PlaneInteger>(_ values: [Value], into writer: inout ByteWriter) {
        values.withUnsafeBufferPointer { encode($0, into: &writer) }
    }

    /// One plane in the smallest of its three modes; zstd must win an eighth to be worth opening.
    static func writePlane(_ bytes: UnsafeBufferPointer<UInt8>, into writer: inout ByteWriter) {
        if let base = bytes.baseAddress, bytes.count > 0, wf_is_constant(base, bytes.count) {
            writer.write(Mode.constant)
            writer.write(base[0])
            return
        }
        let raw = UnsafeRawBufferPointer(bytes)
        let packed = bytes.count < 32 ? [] : Zstd.compress(raw, level: 1)
        if bytes.count >= 32, packed.count < bytes.count - bytes.count / 8 {
            writer.write(Mode.zstd)
            writer.writeVarint(packed.count)
            writer.write(contentsOf: packed)
        } else {
            writer.write(Mode.raw)
            writer.write(raw: raw)
        }
    }

    static func writePlane(_ bytes: [UInt8], into writer: inout ByteWriter) {
        bytes.withUnsafeBufferPointer { writePlane($0, into: &writer) }
    }

    // MARK: - Decode

    /// Opens `count` numbers; planes wider than `Value` are an error.
    static func decode<Value: PlaneInteger>(
        _ type: Value.Type, _ reader: inout ByteReader, count: Int
    ) throws(DecodeError) -> [Value] {
        let width = try reader.read(UInt8.self)
        guard Int(width) <= MemoryLayout<Value>.size else {
            throw DecodeError("planes exceed the number's width", at: reader.offset - 1)
        }
        var values = [Value](repeating: 0, count: count)
        for plane in 0..<width {
            switch try readPlane(&reader, count: count) {
            case .constant(let byte):
                if byte == 0 { continue }
                let part = Value(byte) << (Value(plane) * 8)
                values.withUnsafeMutableBufferPointer { values in
                    for index in 0..<count { values[index] |= part }
                }
            case .bytes(let bytes):
                // Fast path: one plane of bytes is the numbers themselves.
                if width == 1, let values = bytes as? [Value] { return values }
                values.withUnsafeMutableBufferPointer { values in
                    bytes.withUnsafeBufferPointer { bytes in
                        if let source = bytes.baseAddress, let target = values.baseAddress {
                            Value.join(source, count, UInt32(plane) * 8, target)
                        }
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

    // MARK: - Select

    /// Of `count` numbers those at some places, each below `count`; the others are never put together.
    static func select<Value: PlaneInteger>(
        _ type: Value.Type, _ reader: inout ByteReader, count: Int, at places: [Int]
    ) throws(DecodeError) -> [Value] {
        let width = try reader.read(UInt8.self)
        guard Int(width) <= MemoryLayout<Value>.size else {
            throw DecodeError("planes exceed the number's width", at: reader.offset - 1)
        }
        var values = [Value](repeating: 0, count: places.count)
        for plane in 0..<width {
            let shift = Value(plane) * 8
            switch try readPlane(&reader, count: count) {
            case .constant(let byte):
                for index in values.indices { values[index] |= Value(byte) << shift }
            case .bytes(let bytes):
                for (index, place) in places.enumerated() {
                    values[index] |= Value(bytes[place]) << shift
                }
            }
        }
        return values
    }
}
