internal import Events

/// The smallest or the largest value in the order of values, not weighted.
public final class ExtremeState: AggregateState {
    public enum Side: Sendable { case smallest, largest }

    private struct Integer {
        var value: Int64
        var isSeen = false
    }

    private let side: Side
    private var cells = 0
    /// One a cell, or none while there was no integer.
    private var ints: [Integer] = []
    /// One a cell, or none while there was no float; infinite until the cell has one.
    private var floats: [Double] = []
    /// The extreme among strings and booleans, for cells that have any.
    private var others: [Int: FieldValue] = [:]
    public var ignored: Int { 0 }

    public init(_ side: Side) { self.side = side }

    public func makeEmpty() -> any AggregateState { ExtremeState(side) }
    public var byteCount: Int { ints.count * 16 + floats.count * 8 + others.count * 64 }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        if !ints.isEmpty { makeRoomForIntegers() }
        if !floats.isEmpty { makeRoomForFloats() }
    }

    private func makeRoomForIntegers() {
        extend(&ints, toCells: cells, with: Integer(value: side == .smallest ? .max : .min))
    }

    private func makeRoomForFloats() { extend(&floats, toCells: cells, with: nothing) }

    /// What every float wins over.
    private var nothing: Double { side == .smallest ? .infinity : -.infinity }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        if numbers.mayHaveIntegers { makeRoomForIntegers() }
        if numbers.mayHaveFloats { makeRoomForFloats() }
        ints.withUnsafeMutableBufferPointer { ints in
            floats.withUnsafeMutableBufferPointer { floats in
                switch side {
                case .smallest:
                    numbers.forEach(rows, ofCells: cells, Lowest(ints: ints, floats: floats))
                case .largest:
                    numbers.forEach(rows, ofCells: cells, Highest(ints: ints, floats: floats))
                }
            }
        }
        if let present = numbers.others { updateOthers(rows.restricted(to: present), input) }
    }

    /// Slow path: values that are no numbers, each distinct value of a cell looked at once.
    private func updateOthers(_ rows: GroupedRows, _ input: AggregateInput) {
        let codes = input.codes
        var met: Set<UInt64> = []
        RowMask(rows).forEach { row in
            let (cell, code) = (rows.cells[row], codes.codes[row])
            guard met.insert(UInt64(cell) << 32 | UInt64(code)).inserted else { return }
            takeOther(codes.dictionary.value(ofCode: code), Int(cell))
        }
    }

    private func takeOther(_ value: FieldValue, _ cell: Int) {
        guard let known = others[cell] else {
            others[cell] = value
            return
        }
        if side == .smallest ? value < known : value > known { others[cell] = value }
    }

    private struct Lowest: NumberTaker {
        let ints: UnsafeMutableBufferPointer<Integer>
        let floats: UnsafeMutableBufferPointer<Double>

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            ints[cell] = Integer(value: min(value, ints[cell].value), isSeen: true)
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            if value < floats[cell] { floats[cell] = value }
        }
    }

    private struct Highest: NumberTaker {
        let ints: UnsafeMutableBufferPointer<Integer>
        let floats: UnsafeMutableBufferPointer<Double>

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            ints[cell] = Integer(value: max(value, ints[cell].value), isSeen: true)
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            if value > floats[cell] { floats[cell] = value }
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? ExtremeState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        for (cell, value) in other.others where map[cell] >= 0 { takeOther(value, map[cell]) }
        if !other.ints.isEmpty { makeRoomForIntegers() }
        if !other.floats.isEmpty { makeRoomForFloats() }
        switch side {
        case .smallest:
            Compute.merge(&ints, other.ints, map) {
                Integer(value: min($0.value, $1.value), isSeen: $0.isSeen || $1.isSeen)
            }
            Compute.merge(&floats, other.floats, map) { min($0, $1) }
        case .largest:
            Compute.merge(&ints, other.ints, map) {
                Integer(value: max($0.value, $1.value), isSeen: $0.isSeen || $1.isSeen)
            }
            Compute.merge(&floats, other.floats, map) { max($0, $1) }
        }
    }

    /// What is missing comes before all numbers, as −∞ does.
    public func exactNumbers(ofCells cells: [Int], _ reading: AggregateReading) -> [Double]? {
        if !others.isEmpty { return nil }
        if ints.isEmpty, side == .largest, !floats.isEmpty { return cells.map { floats[$0] } }
        var isExact = true
        let numbers = cells.map { cell in
            let float = floats.isEmpty || !floats[cell].isFinite ? nil : floats[cell]
            guard !ints.isEmpty, ints[cell].isSeen else { return float ?? -.infinity }
            isExact = isExact && ints[cell].value.magnitude <= 1 << 53
            let whole = Double(ints[cell].value)
            return float.map { side == .smallest ? min($0, whole) : max($0, whole) } ?? whole
        }
        return isExact ? numbers : nil
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        var values: [FieldValue] = []
        if !ints.isEmpty, ints[cell].isSeen { values.append(.int(ints[cell].value)) }
        if !floats.isEmpty, floats[cell].isFinite { values.append(.float(floats[cell])) }
        if let other = others[cell] { values.append(other) }
        return .value((side == .smallest ? values.min() : values.max()) ?? .missing)
    }
}
