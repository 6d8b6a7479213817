internal import Bytes
internal import CKernels
internal import Events

/// Numbers of one type, one a row of the segment, and which rows have one.
struct GatheredNumbers<Number: Numeric & Comparable & Sendable & BitwiseCopyable> {
    private(set) var values: [Number]
    /// 1 for the rows that have a number; nil when all have.
    private(set) var isPresent: [UInt8]?

    /// The numbers of all lanes in the order of the segment; nil when there are none.
    init?(_ lanes: [NumberLane<Number>?], _ order: SegmentOrder) {
        guard lanes.contains(where: { $0 != nil }) else { return nil }
        let isEverywhere = lanes.allSatisfy { $0 != nil && $0?.present == nil }
        self.init(rows: order.rows, isEverywhere: isEverywhere)
        for (index, lane) in lanes.enumerated() {
            if let lane { scatter(lane, order.positions(ofSource: index)) }
        }
    }

    /// No numbers yet.
    init(rows: Int, isEverywhere: Bool = false) {
        values = [Number](repeating: 0, count: rows)
        isPresent = isEverywhere ? nil : [UInt8](repeating: 0, count: rows)
    }

    private mutating func scatter(_ lane: NumberLane<Number>, _ positions: ArraySlice<UInt32>) {
        positions.withUnsafeBufferPointer { positions in
            guard lane.present == nil else {
                setEach { target in
                    lane.forEach { row, number in
                        target.set(number, at: Int(positions[row]))
                        return true
                    }
                }
                return
            }
            values.withUnsafeMutableBufferPointer { values in
                lane.values.withUnsafeBufferPointer { source in
                    for row in 0..<source.count { values[Int(positions[row])] = source[row] }
                }
            }
            isPresent?.withUnsafeMutableBufferPointer { isPresent in
                for position in positions { isPresent[Int(position)] = 1 }
            }
        }
    }

    /// Where the numbers of rows go, while many are set.
    struct Target {
        fileprivate let values: UnsafeMutableBufferPointer<Number>
        /// Empty when all rows have a number.
        fileprivate let isPresent: UnsafeMutableBufferPointer<UInt8>

        @inline(__always)
        func set(_ number: Number, at row: Int) {
            values[row] = number
            if !isPresent.isEmpty { isPresent[row] = 1 }
        }
    }

    /// Lets `body` set the numbers of many rows.
    ///
    /// Through a structure: a closure would be called for each number.
    @inline(__always)
    mutating func setEach(_ body: (Target) -> Void) {
        var flags = isPresent ?? []
        isPresent = nil
        values.withUnsafeMutableBufferPointer { values in
            flags.withUnsafeMutableBufferPointer { flags in
                body(Target(values: values, isPresent: flags))
            }
        }
        isPresent = flags.isEmpty ? nil : flags
    }

    /// Calls `body` with the numbers of the rows in `range` that have one; which rows those are, nil
    /// when all.
    func withPacked<Result>(
        _ range: Range<Int>, _ body: (UnsafeBufferPointer<Number>, Bitmap?) throws -> Result
    ) rethrows -> Result {
        guard let isPresent else {
            return try values.withUnsafeBufferPointer {
                try body(UnsafeBufferPointer(rebasing: $0[range]), nil)
            }
        }
        precondition(MemoryLayout<Number>.size == 8, "BUG: numbers are of eight bytes")
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(range.count))
        var count = 0
        let packed = [UInt64](unsafeUninitializedCapacity: range.count) { packed, initialized in
            values.withUnsafeBytes { values in
                isPresent.withUnsafeBufferPointer { isPresent in
                    let numbers = values.bindMemory(to: UInt64.self)
                    if let numbers = numbers.baseAddress, let present = isPresent.baseAddress {
                        count = wf_pack64(
                            numbers + range.lowerBound, present + range.lowerBound, range.count,
                            packed.baseAddress, &words)
                    }
                }
            }
            initialized = count
        }
        let present = Bitmap(count: range.count, words: words)
        return try packed.withUnsafeBytes { bytes in
            try body(bytes.bindMemory(to: Number.self), count == range.count ? nil : present)
        }
    }

    /// Calls `body` for each row that has a number until it says false; gives whether it never did.
    @inline(__always)
    private func forEach(_ body: (_ row: Int, _ value: Number) -> Bool) -> Bool {
        values.withUnsafeBufferPointer { values in
            guard let isPresent else {
                for row in values.indices where !body(row, values[row]) { return false }
                return true
            }
            return isPresent.withUnsafeBufferPointer { isPresent in
                for row in values.indices where isPresent[row] != 0 {
                    if !body(row, values[row]) { return false }
                }
                return true
            }
        }
    }

    /// The codes of all rows in a dictionary of their own, when there are few distinct numbers.
    ///
    /// - Parameter code: gives a number's code in a dictionary under way.
    func codesOfFew(
        _ code: (DictionaryBuilder, Number) -> UInt32
    ) -> (codes: [UInt16], dictionary: ValueDictionary)? {
        let dictionary = DictionaryBuilder()
        var last: (value: Number, code: UInt16)?
        return eachCode(dictionary) { value in
            if let last, last.value == value { return last.code }
            let found = UInt16(truncatingIfNeeded: code(dictionary, value))
            last = (value, found)
            return found
        }
    }

    /// One code a row, unless the dictionary they are of gets too large.
    @inline(__always)
    private func eachCode(
        _ dictionary: DictionaryBuilder, _ code: (Number) -> UInt16
    ) -> (codes: [UInt16], dictionary: ValueDictionary)? {
        var codes = [UInt16](repeating: 0, count: values.count)
        let areFew = codes.withUnsafeMutableBufferPointer { codes in
            forEach { row, value in
                codes[row] = code(value)
                return Int(codes[row]) <= SegmentFormat.codedNumbersMax
            }
        }
        return areFew ? (codes, dictionary.dictionary()) : nil
    }
}

extension GatheredNumbers where Number == Int64 {
    /// As `codesOfFew`; integers of a small range are looked up in a table instead of being hashed.
    func codesOfFewIntegers() -> (codes: [UInt16], dictionary: ValueDictionary)? {
        // Rows without an integer hold 0, which widens the range but not the values.
        guard var table = IntegerCodes(values.bounds) else {
            return codesOfFew { $0.code(of: $1) }
        }
        let dictionary = DictionaryBuilder()
        return eachCode(dictionary) { value in
            table.code(of: value) { UInt16(dictionary.code(of: $0)) }
        }
    }
}
