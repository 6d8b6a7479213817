internal import Events

/// The sum or the average of the numbers, booleans as 0 and 1, weighted by sample rate.
///
/// Integers are summed in 128 bits, exactly. Floats are summed plainly within a partial of at most a
/// few million rows and with compensation between partials (Neumaier 1974): the relative error of a
/// sum of one sign stays below 1e-9.
public final class SumState: AggregateState {
    private struct Integers {
        var sum: Int128 = 0
        /// Numbers by weight.
        var count: UInt64 = 0
    }

    private struct Floats {
        var sum = 0.0
        var count: UInt64 = 0
    }

    private var cells = 0
    /// One a cell, or none while there was no such number; so are the two below.
    private var ints: [Integers] = []
    private var floats: [Floats] = []
    private var corrections: [Double] = []
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { SumState() }
    public var byteCount: Int { ints.count * 32 + floats.count * 16 + corrections.count * 8 }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        if !ints.isEmpty { extend(&ints, toCells: cells, with: Integers()) }
        if !floats.isEmpty { makeRoomForFloats() }
    }

    private func makeRoomForFloats() {
        extend(&floats, toCells: cells, with: Floats())
        extend(&corrections, toCells: cells, with: 0)
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: true)
        ignored += numbers.countOthers(rows)
        if numbers.mayHaveIntegers { extend(&ints, toCells: cells, with: Integers()) }
        if numbers.mayHaveFloats { makeRoomForFloats() }
        ints.withUnsafeMutableBufferPointer { ints in
            floats.withUnsafeMutableBufferPointer { floats in
                numbers.forEach(rows, ofCells: cells, Adder(ints: ints, floats: floats))
            }
        }
    }

    private struct Adder: NumberTaker {
        let ints: UnsafeMutableBufferPointer<Integers>
        let floats: UnsafeMutableBufferPointer<Floats>

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            ints[cell].sum &+= Int128(value) &* Int128(weight)
            ints[cell].count &+= weight
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            floats[cell].sum += value * Double(weight)
            floats[cell].count &+= weight
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? SumState else { preconditionFailure("BUG: unlike aggregates") }
        ignored += other.ignored
        if !other.ints.isEmpty { extend(&ints, toCells: cells, with: Integers()) }
        Compute.merge(&ints, other.ints, map) {
            Integers(sum: $0.sum &+ $1.sum, count: $0.count &+ $1.count)
        }
        if !other.floats.isEmpty { makeRoomForFloats() }
        for cell in other.floats.indices where map[cell] >= 0 && other.floats[cell].count > 0 {
            add(other.floats[cell], to: map[cell])
            corrections[map[cell]] += other.corrections[cell]
        }
    }

    private func add(_ other: Floats, to cell: Int) {
        let (sum, value) = (floats[cell].sum, other.sum)
        let total = sum + value
        floats[cell] = Floats(sum: total, count: floats[cell].count &+ other.count)
        // Beyond the largest float nothing is left to correct.
        if !total.isFinite { return }
        if abs(sum) >= abs(value) {
            corrections[cell] += (sum - total) + value
        } else {
            corrections[cell] += (value - total) + sum
        }
    }

    /// Numbers of one cell, by weight.
    public func count(ofCell cell: Int) -> UInt64 {
        (ints.isEmpty ? 0 : ints[cell].count) &+ (floats.isEmpty ? 0 : floats[cell].count)
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        let whole = ints.isEmpty ? Integers() : ints[cell]
        let rest = floats.isEmpty ? Floats() : floats[cell]
        let count = whole.count &+ rest.count
        if count == 0 { return .value(.missing) }
        if reading == .sum, rest.count == 0, let sum = Int64(exactly: whole.sum) {
            return .value(.int(sum))
        }
        let correction = rest.count == 0 ? 0 : corrections[cell]
        let total = Double(whole.sum) + (rest.sum + correction)
        return .value(FieldValue(number: reading == .average ? total / Double(count) : total))
    }
}
