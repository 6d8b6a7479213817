internal import Bytes

/// Finite floats, as scaled integers where every one is a short decimal.
///
/// Layout: one byte, the number of decimals d (0 … 9), then `IntegerCodec` of value × 10^d; or 255,
/// then `BytePlanes` of the bit patterns. Scaled values are tested one by one: the float that comes
/// back is the float that went in, bit for bit. (As ALP, Afroozeh and Boncz 2023; differs: one
/// exponent for a row group, and no exceptions.)
enum FloatCodec {
    private static let patterns: UInt8 = 255
    private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
    /// Above this, scaled values are no longer exact integers.
    private static let scaledMax: Double = 0x1p52

    // MARK: - Encode

    static func encode(_ values: [Double], into writer: inout ByteWriter) {
        if let (decimals, scaled) = scale(values) {
            writer.write(UInt8(decimals))
            IntegerCodec.encode(scaled, into: &writer)
        } else {
            writer.write(patterns)
            BytePlanes.encode(values.map(\.bitPattern), into: &writer)
        }
    }

    private static func scale(_ values: [Double]) -> (decimals: Int, scaled: [Int64])? {
        var decimals = 0
        var scaled: [Int64] = []
        scaled.reserveCapacity(values.count)
        var index = 0
        // A value that needs more decimals starts the pass anew with them; at most ten passes.
        while index < values.count {
            if let whole = scale(values[index], powers[decimals]) {
                scaled.append(whole)
                index += 1
            } else {
                decimals += 1
                if decimals == powers.count { return nil }
                scaled.removeAll(keepingCapacity: true)
                index = 0
            }
        }
        return (decimals, scaled)
    }

    private static func scale(_ value: Double, _ power: Double) -> Int64? {
        let product = (value * power).rounded()
        guard abs(product) < scaledMax else { return nil }
        return (product / power).bitPattern == value.bitPattern ? Int64(product) : nil
    }

    // MARK: - Decode

    static func decode(_ reader: inout ByteReader, count: Int) throws(DecodeError) -> [Double] {
        let decimals = try reader.read(UInt8.self)
        if decimals == patterns {
            let values = try BytePlanes.decode(UInt64.self, &reader, count: count)
                .map { Double(bitPattern: $0) }
            guard values.allSatisfy(\.isFinite) else {
                throw DecodeError("float is not finite", at: reader.offset)
            }
            return values
        }
        guard Int(decimals) < powers.count else {
            throw DecodeError("unknown number of decimals", at: reader.offset - 1)
        }
        let power = powers[Int(decimals)]
        return try IntegerCodec.decode(&reader, count: count).map { Double($0) / power }
    }
}
