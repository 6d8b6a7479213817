internal import Events

/// The sum or the average of the numbers, booleans as 0 and 1, weighted by sample rate.
///
/// Integers are summed in 128 bits, exactly. Floats are summed plainly within a partial of at most a
/// few million rows and with compensation between partials (Neumaier 1974): the relative error of a
/// sum of one sign stays below 1e-9.
public final class SumState: AggregateState {
    private var ints: [Int128] = []
    private var floats: [Double] = []
    private var corrections: [Double] = []
    /// Numbers by weight.
    private var counts: [UInt64] = []
    private var hasFloats: [Bool] = []
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { SumState() }
    public var byteCount: Int { counts.count * 41 }

    public func grow(toCells count: Int) {
        let added = count - counts.count
        if added <= 0 { return }
        ints.append(contentsOf: repeatElement(0, count: added))
        floats.append(contentsOf: repeatElement(0, count: added))
        corrections.append(contentsOf: repeatElement(0, count: added))
        counts.append(contentsOf: repeatElement(0, count: added))
        hasFloats.append(contentsOf: repeatElement(false, count: added))
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: true)
        ignored += numbers.countOthers(rows)
        let cells = rows.cells
        let weights = rows.weights
        counts.withUnsafeMutableBufferPointer { counts in
            ints.withUnsafeMutableBufferPointer { ints in
                floats.withUnsafeMutableBufferPointer { floats in
                    hasFloats.withUnsafeMutableBufferPointer { hasFloats in
                        cells.withUnsafeBufferPointer { cells in
                            if let weights {
                                numbers.forEach(rows) { place, value in
                                    let cell = Int(cells[place])
                                    ints[cell] &+= Int128(value) &* Int128(weights[place])
                                    counts[cell] &+= UInt64(weights[place])
                                } float: { place, value in
                                    let cell = Int(cells[place])
                                    floats[cell] += value * Double(weights[place])
                                    counts[cell] &+= UInt64(weights[place])
                                    hasFloats[cell] = true
                                }
                            } else {
                                numbers.forEach(rows) { place, value in
                                    let cell = Int(cells[place])
                                    ints[cell] &+= Int128(value)
                                    counts[cell] &+= 1
                                } float: { place, value in
                                    let cell = Int(cells[place])
                                    floats[cell] += value
                                    counts[cell] &+= 1
                                    hasFloats[cell] = true
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? SumState else { preconditionFailure("BUG: unlike aggregates") }
        ignored += other.ignored
        Compute.merge(&ints, other.ints, map) { $0 &+ $1 }
        Compute.merge(&counts, other.counts, map) { $0 &+ $1 }
        Compute.merge(&hasFloats, other.hasFloats, map) { $0 || $1 }
        for (cell, target) in map.enumerated() where target >= 0 && other.hasFloats[cell] {
            add(other.floats[cell], to: target)
            corrections[target] += other.corrections[cell]
        }
    }

    private func add(_ value: Double, to cell: Int) {
        let sum = floats[cell]
        let total = sum + value
        floats[cell] = total
        // Beyond the largest float nothing is left to correct.
        if !total.isFinite { return }
        if abs(sum) >= abs(value) {
            corrections[cell] += (sum - total) + value
        } else {
            corrections[cell] += (value - total) + sum
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        if counts[cell] == 0 { return .value(.missing) }
        if reading == .average {
            return .value(FieldValue(number: total(cell) / Double(counts[cell])))
        }
        if !hasFloats[cell], let whole = Int64(exactly: ints[cell]) { return .value(.int(whole)) }
        return .value(FieldValue(number: total(cell)))
    }

    private func total(_ cell: Int) -> Double {
        Double(ints[cell]) + (floats[cell] + corrections[cell])
    }
}
