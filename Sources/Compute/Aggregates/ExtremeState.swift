internal import Events

/// The smallest or the largest number, not weighted.
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
    public private(set) var ignored = 0

    public init(_ side: Side) { self.side = side }

    public func makeEmpty() -> any AggregateState { ExtremeState(side) }
    public var byteCount: Int { seen.count * 17 }

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
        ignored += numbers.countOthers(rows)
        switch side {
        case .smallest: update(rows, numbers, { $0 < $1 }, { $0 < $1 })
        case .largest: update(rows, numbers, { $0 > $1 }, { $0 > $1 })
        }
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
        ignored += other.ignored
        for (cell, target) in map.enumerated() where target >= 0 {
            seen[target] |= other.seen[cell]
            switch side {
            case .smallest:
                ints[target] = min(ints[target], other.ints[cell])
                floats[target] = min(floats[target], other.floats[cell])
            case .largest:
                ints[target] = max(ints[target], other.ints[cell])
                floats[target] = max(floats[target], other.floats[cell])
            }
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        var values: [FieldValue] = []
        if seen[cell] & Seen.int != 0 { values.append(.int(ints[cell])) }
        if seen[cell] & Seen.float != 0 { values.append(.float(floats[cell])) }
        return .value((side == .smallest ? values.min() : values.max()) ?? .missing)
    }
}
