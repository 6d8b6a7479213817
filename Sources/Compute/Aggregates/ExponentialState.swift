internal import Events

/// How the numbers of each group are spread, as an exponential histogram, weighted by sample rate.
public final class ExponentialState: AggregateState {
    private var cells: [ExponentialCounts] = []
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { ExponentialState() }

    public var byteCount: Int {
        cells.reduce(cells.count * MemoryLayout<ExponentialCounts>.stride) {
            $0 + ($1.positive.counts.count + $1.negative.counts.count) * 8
        }
    }

    public func grow(toCells count: Int) {
        extend(&cells, toCells: count, with: ExponentialCounts())
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        ignored += numbers.countOthers(rows)
        let count = cells.count
        cells.withUnsafeMutableBufferPointer {
            numbers.forEach(rows, ofCells: count, Taker(cells: $0))
        }
    }

    private struct Taker: NumberTaker {
        let cells: UnsafeMutableBufferPointer<ExponentialCounts>

        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            cells[cell].add(Double(value), count: weight)
        }

        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            cells[cell].add(value, count: weight)
        }
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? ExponentialState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        for (cell, counts) in other.cells.enumerated() where map[cell] >= 0 {
            cells[map[cell]].add(counts)
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .exponential(cells[cell])
    }
}
