internal import Bytes

/// A lane of integers with few distinct ones, as codes of those.
struct FewIntegers {
    /// Code c is `values[c - 1]`, in the order in which they are first met.
    private(set) var values: [Int64] = []
    /// One a row, 0 for none.
    private(set) var codes: [UInt16] = []

    /// Nil when there are more than `most` distinct integers.
    init?(_ lane: NumberLane<Int64>, most: Int) {
        // Rows without an integer may hold 0, which widens the range but not the values.
        let codes: [UInt16]?
        if let table = IntegerCodes(lane.kept.bounds) {
            codes = tableCodes(lane, table, most: most)
        } else {
            codes = hashedCodes(lane, most: most)
        }
        guard let codes else { return nil }
        self.codes = codes
    }

    private mutating func tableCodes(
        _ lane: NumberLane<Int64>, _ table: IntegerCodes, most: Int
    ) -> [UInt16]? {
        var table = table
        return eachCode(lane) { (value, values) in
            let code = table.code(of: value) { value in
                if values.count == most { return 0 }
                values.append(value)
                return UInt16(values.count)
            }
            return code == 0 ? nil : code
        }
    }

    private mutating func hashedCodes(_ lane: NumberLane<Int64>, most: Int) -> [UInt16]? {
        let trial = DictionaryBuilder()
        return eachCode(lane) { (value, values) in
            let code = trial.code(of: value)
            if Int(code) > values.count {
                if values.count == most { return nil }
                values.append(value)
            }
            return UInt16(code)
        }
    }

    /// One code a row.
    @inline(__always)
    private mutating func eachCode(
        _ lane: NumberLane<Int64>, _ code: (Int64, inout [Int64]) -> UInt16?
    ) -> [UInt16]? {
        var codes = [UInt16](repeating: 0, count: lane.rows)
        let isWhole = codes.withUnsafeMutableBufferPointer { codes in
            lane.forEach { row, number in
                guard let found = code(number, &values) else { return false }
                codes[row] = found
                return true
            }
        }
        return isWhole ? codes : nil
    }
}
