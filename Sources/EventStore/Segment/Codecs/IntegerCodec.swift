internal import Bytes

/// 64-bit integers as small distances: from the smallest value, or from the one before.
///
/// Layout: one form byte (0 from the smallest, 1 from the value before, the first from 0), the
/// divisor that all distances share (varint), the smallest distance (8 bytes), then the distances
/// less the smallest, divided, as `BytePlanes`. Sums wrap around, so every input has an encoding.
/// The smaller width of the two forms is kept.
enum IntegerCodec {
    private enum Form {
        static let fromSmallest: UInt8 = 0
        static let fromPrevious: UInt8 = 1
    }

    /// What an encoded block's first byte says.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        switch bytes.first {
        case Form.fromSmallest: "less the smallest"
        case Form.fromPrevious: "as differences"
        default: "in an unknown form"
        }
    }

    // MARK: - Encode

    static func encode(_ values: UnsafeBufferPointer<Int64>, into writer: inout ByteWriter) {
        let smallest = values.min() ?? 0
        let plain = Distances(values.map { UInt64(bitPattern: $0 &- smallest) })
        let deltas = differences(values)
        let smallestDelta = deltas.min() ?? 0
        let stepped = Distances(deltas.map { UInt64(bitPattern: $0 &- smallestDelta) })
        if stepped.bits < plain.bits {
            write(Form.fromPrevious, smallestDelta, stepped, into: &writer)
        } else {
            write(Form.fromSmallest, smallest, plain, into: &writer)
        }
    }

    private static func differences(_ values: UnsafeBufferPointer<Int64>) -> [Int64] {
        [Int64](unsafeUninitializedCapacity: values.count) { deltas, count in
            var previous: Int64 = 0
            for (index, value) in values.enumerated() {
                deltas[index] = value &- previous
                previous = value
            }
            count = values.count
        }
    }

    /// Distances before they are divided: the planes of the form that is not taken are never made.
    private struct Distances {
        let values: [UInt64]
        let divisor: UInt64
        /// Bits of the widest, after division.
        let bits: Int

        init(_ values: [UInt64]) {
            self.values = values
            divisor = max(1, Distances.commonDivisor(values))
            bits = 64 - (values.reduce(0, max) / divisor).leadingZeroBitCount
        }

        private static func commonDivisor(_ values: [UInt64]) -> UInt64 {
            var common: UInt64 = 0
            for value in values {
                // One division each where the divisor stays as it is, which is nearly everywhere.
                if value == 0 || common != 0 && value % common == 0 { continue }
                var rest = value
                while rest != 0 { (common, rest) = (rest, common % rest) }
                if common == 1 { break }
            }
            return common
        }

        var divided: [UInt64] { divisor == 1 ? values : values.map { $0 / divisor } }
    }

    private static func write(
        _ form: UInt8, _ smallest: Int64, _ distances: Distances, into writer: inout ByteWriter
    ) {
        writer.write(form)
        writer.writeVarint(distances.divisor)
        writer.write(smallest)
        BytePlanes.encode(distances.divided, into: &writer)
    }

    // MARK: - Decode

    static func decode(_ reader: inout ByteReader, count: Int) throws(DecodeError) -> [Int64] {
        let form = try reader.read(UInt8.self)
        guard form <= Form.fromPrevious else {
            throw DecodeError("unknown form of integers", at: reader.offset - 1)
        }
        let divisor = try reader.readVarint()
        let smallest = try reader.read(Int64.self)
        let distances = try BytePlanes.decode(UInt64.self, &reader, count: count)
        return [Int64](unsafeUninitializedCapacity: count) { values, initialized in
            distances.withUnsafeBufferPointer { distances in
                if form == Form.fromSmallest {
                    for index in 0..<count {
                        values[index] =
                            Int64(bitPattern: distances[index] &* divisor) &+ smallest
                    }
                } else {
                    var value: Int64 = 0
                    for index in 0..<count {
                        value &+= Int64(bitPattern: distances[index] &* divisor) &+ smallest
                        values[index] = value
                    }
                }
            }
            initialized = count
        }
    }

    // MARK: - Select

    /// Of `count` numbers those at some places.
    static func select(
        _ reader: inout ByteReader, count: Int, at places: [Int]
    ) throws(DecodeError) -> [Int64] {
        var ahead = reader
        guard try ahead.read(UInt8.self) == Form.fromSmallest else {
            let values = try decode(&reader, count: count)
            return places.map { values[$0] }
        }
        reader = ahead
        let divisor = try reader.readVarint()
        let smallest = try reader.read(Int64.self)
        return try BytePlanes.select(UInt64.self, &reader, count: count, at: places)
            .map { Int64(bitPattern: $0 &* divisor) &+ smallest }
    }
}
