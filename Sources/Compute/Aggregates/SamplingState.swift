internal import Bytes
internal import Events

/// What tells how far a number over a sample may be from that over all events: sums over weights.
///
/// An event of rate N was kept with a chance of 1 in N, and on its own. By Horvitz and Thompson the
/// variance of a sum Σ N·v is estimated by Σ N(N−1)·v², that of a count by Σ N(N−1). Sources in which
/// every event stands for itself cost nothing here.
public final class SamplingState: AggregateState {
    /// Sums over the rows of a cell that have a value; all 0 where every event stands for itself.
    public struct Moments: Hashable, Sendable {
        /// Σ N(N−1).
        public var excess = 0.0
        /// Σ N(N−1)·v.
        public var value = 0.0
        /// Σ N(N−1)·v².
        public var valueSquares = 0.0
    }

    private let needsNumbers: Bool
    private var cells = 0
    /// One a cell, or none while all weights were 1.
    private var moments: [Moments] = []

    /// - Parameter needsNumbers: takes rows with numbers, instead of those with any value or all.
    public init(needsNumbers: Bool) { self.needsNumbers = needsNumbers }

    public var ignored: Int { 0 }
    public var byteCount: Int { moments.count * MemoryLayout<Moments>.size }
    public func makeEmpty() -> any AggregateState { SamplingState(needsNumbers: needsNumbers) }

    /// What is known of a cell.
    public func moments(ofCell cell: Int) -> Moments {
        moments.isEmpty ? Moments() : moments[cell]
    }

    /// Nothing: it is not an answer by itself.
    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .value(.missing)
    }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        if !moments.isEmpty { extend(&moments, toCells: cells, with: Moments()) }
    }

    /// Rates whose N(N−1), moved down by so many bits, fits 32 of them with little lost.
    private static let tiers: [(rates: ClosedRange<UInt32>, shift: UInt64)] = [
        (2...0xFFFF, 0), (0x1_0000...0x3F_FFFF, 12), (0x40_0000...UInt32.max, 32),
    ]

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        guard let weights = rows.weights else { return }
        for (rates, shift) in SamplingState.tiers where weights.contains(where: rates.contains) {
            let excess = weights.map { rate in
                rates.contains(rate)
                    ? UInt32(truncatingIfNeeded: (UInt64(rate) * UInt64(rate - 1)) >> shift) : 0
            }
            extend(&moments, toCells: cells, with: Moments())
            add(
                GroupedRows(
                    rows: rows.rows, selection: rows.selection, count: rows.count,
                    cells: rows.cells, weights: excess),
                input, scale: Double(UInt64(1) << shift))
        }
    }

    private func add(_ rows: GroupedRows, _ input: AggregateInput, scale: Double) {
        moments.withUnsafeMutableBufferPointer { moments in
            let taker = Taker(moments: moments, scale: scale)
            if needsNumbers {
                let numbers = input.numbers(includingBooleans: true)
                numbers.forEach(rows, ofCells: cells, taker)
                return
            }
            let codes = rows.cells.widened()
            RowMask(rows, present: input.column?.presence()).forEach { row in
                taker.take(1.0, Int(codes[row]), UInt64(rows.weight(ofRow: row)))
            }
        }
    }

    private struct Taker: NumberTaker {
        let moments: UnsafeMutableBufferPointer<Moments>
        let scale: Double

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            take(Double(value), cell, weight)
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            let excess = Double(weight) * scale
            moments[cell].excess += excess
            moments[cell].value += excess * value
            moments[cell].valueSquares += excess * value * value
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? SamplingState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        if other.moments.isEmpty { return }
        extend(&moments, toCells: cells, with: Moments())
        Compute.merge(&moments, other.moments, map) {
            Moments(
                excess: $0.excess + $1.excess, value: $0.value + $1.value,
                valueSquares: $0.valueSquares + $1.valueSquares)
        }
    }
}
