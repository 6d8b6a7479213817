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
    private static let scaledMax: Double = 0x1p51
    /// What is less than `scaledMax` and has this added lies where doubles are whole numbers.
    private static let roundingShift: Double = 0x1.8p52

    /// What an encoded block's first byte says.
    static func name(_ bytes: ArraySlice<UInt8>) -> String {
        guard let decimals = bytes.first, Int(decimals) < powers.count else { return "as bits" }
        return "as integers × 10^-\(decimals)"
    }

    // MARK: - Encode

    static func encode(_ values: UnsafeBufferPointer<Double>, into writer: inout ByteWriter) {
        if let (decimals, scaled) = scale(values) {
            writer.write(UInt8(decimals))
            scaled.withUnsafeBufferPointer { IntegerCodec.encode($0, into: &writer) }
        } else {
            writer.write(patterns)
            values.withMemoryRebound(to: UInt64.self) { BytePlanes.encode($0, into: &writer) }
        }
    }

    private static func scale(
        _ values: UnsafeBufferPointer<Double>
    ) -> (decimals: Int, scaled: [Int64])? {
        var decimals = 0
        let scaled = [Int64](unsafeUninitializedCapacity: values.count) { scaled, count in
            // A value that needs more decimals starts the pass anew with them; at most ten passes.
            while decimals < powers.count && count < values.count {
                count = 0
                let power = powers[decimals]
                while count < values.count, let whole = scale(values[count], power) {
                    scaled[count] = whole
                    count += 1
                }
                if count < values.count { decimals += 1 }
            }
        }
        return decimals < powers.count ? (decimals, scaled) : nil
    }

    @inline(__always)
    private static func scale(_ value: Double, _ power: Double) -> Int64? {
        let product = value * power
        guard abs(product) < scaledMax else { return nil }
        // The sum has no bits for halves; `rounded()` would call the C library for each value.
        let whole = product + roundingShift - roundingShift
        return (whole / power).bitPattern == value.bitPattern ? Int64(whole) : nil
    }

    // MARK: - Decode

    static func decode(_ reader: inout ByteReader, count: Int) throws(DecodeError) -> [Double] {
        guard let power = try readPower(&reader) else {
            return try finite(BytePlanes.decode(UInt64.self, &reader, count: count), reader.offset)
        }
        return try IntegerCodec.decode(&reader, count: count).map { Double($0) / power }
    }

    /// What the whole numbers are divided by; nil where bit patterns follow.
    private static func readPower(_ reader: inout ByteReader) throws(DecodeError) -> Double? {
        let decimals = try reader.read(UInt8.self)
        if decimals == patterns { return nil }
        guard Int(decimals) < powers.count else {
            throw DecodeError("unknown number of decimals", at: reader.offset - 1)
        }
        return powers[Int(decimals)]
    }

    private static func finite(
        _ patterns: [UInt64], _ offset: Int
    ) throws(DecodeError) -> [Double] {
        let values = patterns.map { Double(bitPattern: $0) }
        guard values.allSatisfy(\.isFinite) else {
            throw DecodeError("float is not finite", at: offset)
        }
        return values
    }

    // MARK: - Select

    /// Of `count` numbers those at some places.
    static func select(
        _ reader: inout ByteReader, count: Int, at places: [Int]
    ) throws(DecodeError) -> [Double] {
        guard let power = try readPower(&reader) else {
            let patterns = try BytePlanes.select(UInt64.self, &reader, count: count, at: places)
            return try finite(patterns, reader.offset)
        }
        return try IntegerCodec.select(&reader, count: count, at: places)
            .map { Double($0) / power }
    }
}
