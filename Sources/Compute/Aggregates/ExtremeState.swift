internal import Events

/// The smallest or the largest value in the order of values, not weighted.
public final class ExtremeState: AggregateState {
    public enum Side: Sendable { case smallest, largest }

    private enum Seen {
        static let int: UInt8 = 1
        static let float: UInt8 = 2
    }

    private let side: Side
    private var ints: [Int64] = []
    private var floats: [Double] = []
    private var seen: [UInt8] = []
    /// The extreme among strings and booleans, for cells that have any.
    private var others: [Int: FieldValue] = [:]
    public var ignored: Int { 0 }

    public init(_ side: Side) { self.side = side }

    public func makeEmpty() -> any AggregateState { ExtremeState(side) }
    public var byteCount: Int { seen.count * 17 + others.count * 64 }

    public func grow(toCells count: Int) {
        let added = count - seen.count
        if added <= 0 { return }
        ints.append(contentsOf: repeatElement(side == .smallest ? .max : .min, count: added))
        floats.append(
            contentsOf: repeatElement(side == .smallest ? .infinity : -.infinity, count: added))
        seen.append(contentsOf: repeatElement(0, count: added))
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        switch side {
        case .smallest: update(rows, numbers, { $0 < $1 }, { $0 < $1 })
        case .largest: update(rows, numbers, { $0 > $1 }, { $0 > $1 })
        }
        if let present = numbers.others { updateOthers(rows.restricted(to: present), input) }
    }

    /// Slow path: values that are no numbers, each distinct value of a cell looked at once.
    private func updateOthers(_ rows: GroupedRows, _ input: AggregateInput) {
        let codes = input.codes
        let listed = codes.gathered(rows.rows)
        var met: Set<UInt64> = []
        for place in 0..<rows.count {
            let cell = Int(rows.cells[place])
            guard met.insert(UInt64(cell) << 32 | UInt64(listed[place])).inserted else { continue }
            takeOther(codes.dictionary.value(ofCode: listed[place]), cell)
        }
    }

    private func takeOther(_ value: FieldValue, _ cell: Int) {
        guard let known = others[cell] else {
            others[cell] = value
            return
        }
        if side == .smallest ? value < known : value > known { others[cell] = value }
    }

    @inline(__always)
    private func update(
        _ rows: GroupedRows, _ numbers: NumberColumn, _ intWins: (Int64, Int64) -> Bool,
        _ floatWins: (Double, Double) -> Bool
    ) {
        let cells = rows.cells
        ints.withUnsafeMutableBufferPointer { ints in
            floats.withUnsafeMutableBufferPointer { floats in
                seen.withUnsafeMutableBufferPointer { seen in
                    cells.withUnsafeBufferPointer { cells in
                        numbers.forEach(rows) { place, value in
                            let cell = Int(cells[place])
                            if intWins(value, ints[cell]) { ints[cell] = value }
                            seen[cell] |= Seen.int
                        } float: { place, value in
                            let cell = Int(cells[place])
                            if floatWins(value, floats[cell]) { floats[cell] = value }
                            seen[cell] |= Seen.float
                        }
                    }
                }
            }
        }
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? ExtremeState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        for (cell, value) in other.others where map[cell] >= 0 { takeOther(value, map[cell]) }
        let isSmallest = side == .smallest
        Compute.merge(&seen, other.seen, map) { $0 | $1 }
        Compute.merge(&ints, other.ints, map) { isSmallest ? min($0, $1) : max($0, $1) }
        Compute.merge(&floats, other.floats, map) { isSmallest ? min($0, $1) : max($0, $1) }
    }

    public func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]? {
        if !others.isEmpty { return nil }
        if cells.contains(where: { seen[$0] != Seen.float }) { return nil }
        return cells.map { floats[$0] }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        var values: [FieldValue] = []
        if seen[cell] & Seen.int != 0 { values.append(.int(ints[cell])) }
        if seen[cell] & Seen.float != 0 { values.append(.float(floats[cell])) }
        if let other = others[cell] { values.append(other) }
        return .value((side == .smallest ? values.min() : values.max()) ?? .missing)
    }
}
