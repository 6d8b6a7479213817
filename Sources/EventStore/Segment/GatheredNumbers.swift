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
        let start = positions.startIndex
        guard lane.present == nil else {
            lane.forEach { row, number in
                set(number, at: Int(positions[start + row]))
                return true
            }
            return
        }
        values.withUnsafeMutableBufferPointer { values in
            lane.values.withUnsafeBufferPointer { source in
                positions.withUnsafeBufferPointer { positions in
                    for row in 0..<source.count { values[Int(positions[row])] = source[row] }
                }
            }
        }
        if isPresent != nil { for position in positions { isPresent?[Int(position)] = 1 } }
    }

    /// Only where not all rows have a number from the start.
    private mutating func set(_ value: Number, at row: Int) {
        values[row] = value
        isPresent?[row] = 1
    }

    /// Lets `body` set the numbers of many rows.
    @inline(__always)
    mutating func setEach(_ body: ((_ row: Int, _ value: Number) -> Void) -> Void) {
        var flags = isPresent ?? []
        isPresent = nil
        values.withUnsafeMutableBufferPointer { values in
            flags.withUnsafeMutableBufferPointer { flags in
                body { row, value in
                    values[row] = value
                    if !flags.isEmpty { flags[row] = 1 }
                }
            }
        }
        isPresent = flags.isEmpty ? nil : flags
    }

    func holds(_ row: Int) -> Bool { isPresent.map { $0[row] != 0 } ?? true }

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

    /// The codes of all rows in a dictionary of their own, when there are few distinct numbers.
    func codesOfFew(
        _ code: (DictionaryBuilder, Number) -> UInt32
    ) -> (codes: [UInt16], dictionary: ValueDictionary)? {
        let dictionary = DictionaryBuilder()
        var codes = [UInt16](repeating: 0, count: values.count)
        var last: (value: Number, code: UInt16)?
        for row in values.indices where holds(row) {
            let value = values[row]
            if let last, last.value == value {
                codes[row] = last.code
                continue
            }
            let found = UInt16(truncatingIfNeeded: code(dictionary, value))
            if dictionary.count > SegmentFormat.codedNumbersMax { return nil }
            codes[row] = found
            last = (value, found)
        }
        return (codes, dictionary.dictionary())
    }
}
