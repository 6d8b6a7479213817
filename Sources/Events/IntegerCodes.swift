/// Codes of integers of a small range, looked up in a table instead of being hashed.
public struct IntegerCodes: Sendable {
    /// Ranges up to which there is a table: it stays in the second cache.
    private static let rangeMax: UInt64 = 1 << 16

    @usableFromInline let least: Int64
    /// By distance from the least, 0 for integers that were not met.
    @usableFromInline var codes: [UInt16]

    /// Without codes yet; nil when the range is too large.
    ///
    /// - Parameter bounds: of all integers that will be asked for.
    public init?(_ bounds: (least: Int64, most: Int64)) {
        let range = UInt64(bitPattern: bounds.most &- bounds.least)
        guard range < IntegerCodes.rangeMax else { return nil }
        least = bounds.least
        codes = [UInt16](repeating: 0, count: Int(range) + 1)
    }

    /// The code of an integer, from 1.
    ///
    /// - Parameter new: gives one for an integer that was not met, 0 for none.
    @inlinable @inline(__always)
    public mutating func code(of value: Int64, _ new: (Int64) -> UInt16) -> UInt16 {
        let place = Int(value &- least)
        let known = codes[place]
        if known != 0 { return known }
        let code = new(value)
        codes[place] = code
        return code
    }
}
