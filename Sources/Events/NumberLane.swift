public import Bytes
internal import CKernels

/// Numbers of one type, at the rows that have one.
///
/// Where fewer than half of the rows have one, only theirs are kept: of wide events most fields are of
/// a few services, and a lane with room for all rows would be eight bytes of each event for each.
public struct NumberLane<Number: Numeric & BitwiseCopyable & Sendable>: Sendable {
    public let rows: Int
    /// Which rows have a number; nil when all have.
    public let present: Bitmap?
    /// One a row, 0 where there is none; or those of the present rows, one after the other.
    @usableFromInline let kept: [Number]
    @usableFromInline let isPacked: Bool

    /// Numbers of all rows, 0 where there is none.
    public init(values: [Number], present: Bitmap?) {
        precondition(present.map { $0.count == values.count } ?? true, "BUG: lane of two lengths")
        self.init(rows: values.count, present: present, kept: values, isPacked: false)
    }

    private init(rows: Int, present: Bitmap?, kept: [Number], isPacked: Bool) {
        self.rows = rows
        self.present = present
        self.kept = kept
        self.isPacked = isPacked
    }

    /// Numbers of the rows that have one.
    public init(packed: [Number], present: Bitmap?) {
        precondition(
            present.map { $0.population == packed.count } ?? true, "BUG: lane of two lengths")
        guard let present, packed.count * 2 < present.count else {
            self.init(spreading: packed, over: present)
            return
        }
        self.init(rows: present.count, present: present, kept: packed, isPacked: true)
    }

    /// Numbers of the rows that have one, kept with room for all rows, as is best for lanes that are
    /// scanned again and again; whoever reads them from outside has compared their count with the
    /// bitmap's, which takes a tenth of the time of a cold read.
    public init(spreading packed: [Number], over present: Bitmap?) {
        let values = present.map { NumberLane.spread(packed, over: $0) } ?? packed
        self.init(values: values, present: present)
    }

    /// One a row, 0 where there is none; made at each call where few rows have one.
    public var values: [Number] {
        guard isPacked, let present else { return kept }
        return NumberLane.spread(kept, over: present)
    }

    /// Those of the rows that have one, in their order; made at each call where many rows have one.
    public var packed: [Number] {
        guard !isPacked, let present else { return kept }
        return [Number](unsafeUninitializedCapacity: present.population) { packed, count in
            present.forEachRow { row in
                packed[count] = kept[row]
                count += 1
            }
        }
    }

    /// Whether only the numbers there are are kept: to walk them costs less than `values`.
    public var isSparse: Bool { isPacked }

    /// Rows that have a number.
    public var count: Int { isPacked ? kept.count : present?.population ?? kept.count }

    /// Bytes the lane takes in memory.
    var byteCount: Int { kept.count * 8 + (present?.words.count ?? 0) * 8 }

    public func holds(_ row: Int) -> Bool { present.map { $0[row] } ?? true }

    public func presence() -> Bitmap { present ?? Bitmap(count: rows, repeating: true) }

    /// The number of one row, nil when it has none; for rows that are shown, not for scans.
    subscript(row: Int) -> Number? {
        guard holds(row) else { return nil }
        guard isPacked, let present else { return kept[row] }
        let before = present.words[..<(row >> 6)].reduce(0) { $0 + $1.nonzeroBitCount }
        let below = present.words[row >> 6] & (1 << UInt64(row & 63) - 1)
        return kept[before + below.nonzeroBitCount]
    }

    /// Calls `body` for each row that has a number, in their order, until it says false; gives whether
    /// it never did.
    ///
    /// Word by word of the presence, for a test of each row takes as long as the rest.
    @inlinable @inline(__always) @discardableResult
    public func forEach(_ body: (_ row: Int, _ number: Number) -> Bool) -> Bool {
        kept.withUnsafeBufferPointer { kept in
            var next = 0
            for start in stride(from: 0, to: rows, by: 64) {
                let rows = min(64, rows - start)
                var word = present?.words[start >> 6] ?? ~0 >> UInt64(64 - rows)
                while word != 0 {
                    let row = start + word.trailingZeroBitCount
                    if !body(row, kept[isPacked ? next : row]) { return false }
                    next += 1
                    word &= word &- 1
                }
            }
            return true
        }
    }
}

extension NumberLane {
    private static func spread(_ packed: [Number], over present: Bitmap) -> [Number] {
        precondition(MemoryLayout<Number>.size == 8, "BUG: a number that is no 64-bit word")
        assert(present.population == packed.count, "BUG: lane of two lengths")
        return [Number](unsafeUninitializedCapacity: present.count) { values, count in
            count = present.count
            // All bits zero, at once: this function is not specialized for its callers in other modules, and
            // would set each number by a call.
            let words = UnsafeMutableRawBufferPointer(values).bindMemory(to: UInt64.self)
            words.initialize(repeating: 0)
            packed.withUnsafeBytes { packed in
                let source = packed.bindMemory(to: UInt64.self).baseAddress
                guard let source, let target = words.baseAddress else { return }
                // A kernel that copies runs of rows: the generic loop took a third of a cold query.
                wf_spread64(source, present.words, present.count, target)
            }
        }
    }

    /// The rows of all parts one after the other; nil when no part has a lane.
    init?(merging parts: [(rows: Int, lane: NumberLane<Number>?)], rows: Int) {
        guard parts.contains(where: { $0.lane != nil }) else { return nil }
        let isEverywhere = parts.allSatisfy { $0.lane != nil && $0.lane?.present == nil }
        var present = Bitmap(count: isEverywhere ? 0 : rows)
        var start = 0
        for part in parts where !isEverywhere {
            if let lane = part.lane { present.formUnion(lane.presence(), shiftedBy: start) }
            start += part.rows
        }
        var numbers: [Number] = []
        let count = isEverywhere ? rows : present.population
        if count * 2 < rows {
            numbers.reserveCapacity(count)
            for part in parts { numbers.append(contentsOf: part.lane?.packed ?? []) }
            self.init(packed: numbers, present: present)
            return
        }
        numbers.reserveCapacity(rows)
        for part in parts {
            if let lane = part.lane {
                numbers.append(contentsOf: lane.values)
            } else {
                numbers.append(contentsOf: repeatElement(0, count: part.rows))
            }
        }
        self.init(values: numbers, present: isEverywhere ? nil : present)
    }
}
