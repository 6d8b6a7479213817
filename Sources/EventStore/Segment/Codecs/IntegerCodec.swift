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

    /// Values that tell of most columns that their steps are wider than they are.
    private static let judgedValues = 1_024

    static func encode(_ values: UnsafeBufferPointer<Int64>, into writer: inout ByteWriter) {
        let smallest = values.bounds.least
        let plain = Distances(values.map { UInt64(bitPattern: $0 &- smallest) })
        // More values reach farther and share less, so what the first ones rule out stays so.
        let first = UnsafeBufferPointer(rebasing: values.prefix(judgedValues))
        if steps(first).distances.bits < plain.bits {
            let (smallestStep, stepped) = steps(values)
            if stepped.bits < plain.bits {
                return write(Form.fromPrevious, smallestStep, stepped, into: &writer)
            }
        }
        write(Form.fromSmallest, smallest, plain, into: &writer)
    }

    private static func steps(
        _ values: UnsafeBufferPointer<Int64>
    ) -> (smallest: Int64, distances: Distances) {
        let deltas = differences(values)
        let smallest = deltas.bounds.least
        return (smallest, Distances(deltas.map { UInt64(bitPattern: $0 &- smallest) }))
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
        let divisor: ExactDivisor
        /// Bits of the widest, after division.
        let bits: Int

        init(_ values: [UInt64]) {
            self.values = values
            divisor = Distances.commonDivisor(values)
            bits = 64 - (values.reduce(0, max) / divisor.value).leadingZeroBitCount
        }

        private static func commonDivisor(_ values: [UInt64]) -> ExactDivisor {
            var common: ExactDivisor?
            for value in values where value != 0 {
                // The divisor stays as it is nearly everywhere.
                if let common, common.divides(value) { continue }
                let next = ExactDivisor(greatestCommonDivisor(common?.value ?? 0, value))
                common = next
                if next.value == 1 { break }
            }
            return common ?? ExactDivisor(1)
        }

        private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
            var (common, rest) = (a, b)
            while rest != 0 { (common, rest) = (rest, common % rest) }
            return common
        }

        var divided: [UInt64] {
            divisor.value == 1 ? values : values.map { divisor.quotient(ofMultiple: $0) }
        }
    }

    /// A number other than 0 that divides its multiples by one multiplication, with the inverse of its
    /// odd part among the 64-bit numbers: a tenth of a division. (Granlund and Montgomery, PLDI 1994, §9.)
    private struct ExactDivisor {
        let value: UInt64
        private let zeros: UInt64
        private let inverse: UInt64
        /// Quotients above it are of no multiples.
        private let highestQuotient: UInt64

        init(_ value: UInt64) {
            self.value = value
            zeros = UInt64(value.trailingZeroBitCount)
            let odd = value >> zeros
            // Right in its lowest three bits; each step doubles their number.
            var inverse = odd
            for _ in 0..<5 { inverse &*= 2 &- odd &* inverse }
            self.inverse = inverse
            highestQuotient = UInt64.max / odd
        }

        func divides(_ number: UInt64) -> Bool {
            number & (1 &<< zeros &- 1) == 0 && quotient(ofMultiple: number) <= highestQuotient
        }

        func quotient(ofMultiple number: UInt64) -> UInt64 { (number &>> zeros) &* inverse }
    }

    private static func write(
        _ form: UInt8, _ smallest: Int64, _ distances: Distances, into writer: inout ByteWriter
    ) {
        writer.write(form)
        writer.writeVarint(distances.divisor.value)
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
