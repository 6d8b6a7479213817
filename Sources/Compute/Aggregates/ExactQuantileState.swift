internal import Events

/// Percentiles without approximation: goes over every number of every group again.
///
/// The answer is `percentile_cont` of the events each row stands for: linear interpolation between
/// the two nearest ranks, as in SQL. Nothing is copied and nothing is sorted but a few numbers: a
/// histogram says in which buckets the wanted ranks lie, and a second pass over the columns, which
/// are kept as they were given, picks out those buckets' numbers, one in a hundred.
public final class ExactQuantileState: AggregateState {
    private let shares: [Double]
    private let histogram = HistogramState()
    private var inputs: [Input] = []
    private var cells = 0
    /// The numbers of the wanted buckets; nil until a value is asked for.
    private var picked: PickedNumbers?

    /// Rows as they came.
    private struct Input {
        let rows: GroupedRows
        let numbers: NumberColumn
        /// Cells of the rows.
        let cells: Int
        let map: CellMap
    }

    /// Takes the shares (0…1) that will be asked for.
    public init(shares: [Double]) { self.shares = shares }

    public func makeEmpty() -> any AggregateState { ExactQuantileState(shares: shares) }
    public var ignored: Int { histogram.ignored }

    public var byteCount: Int {
        inputs.reduce(histogram.byteCount) { bytes, input in
            bytes + input.numbers.byteCount(rows: input.rows.rows)
                + input.rows.rows * (input.rows.cells.width + (input.rows.weights == nil ? 0 : 4))
        }
    }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        histogram.grow(toCells: count)
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        histogram.update(rows, numbers)
        inputs.append(Input(rows: rows, numbers: numbers, cells: cells, map: .same(cells)))
        picked = nil
    }

    public func settle() { histogram.settle() }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? ExactQuantileState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        histogram.merge(other.histogram, map, keepingOther: keepingOther)
        inputs += other.inputs.map { input in
            Input(
                rows: input.rows, numbers: input.numbers, cells: input.cells,
                map: input.map.followed(by: map))
        }
        picked = nil
    }

    // MARK: - Asking

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        guard case .quantile(let share) = reading else { return .value(.missing) }
        let total = histogram.total(ofCell: cell)
        if total == 0 { return .value(.missing) }
        let (low, part) = ExactQuantileState.rank(share, of: total)
        let lowValue = number(atRank: low, ofCell: cell)
        if part == 0 || low + 1 == total { return .value(FieldValue(number: lowValue)) }
        let highValue = number(atRank: low + 1, ofCell: cell)
        return .value(FieldValue(number: interpolate(lowValue, highValue, part)))
    }

    /// The lower of the two ranks, from 0, between which a share lies, and how far between.
    private static func rank(_ share: Double, of total: UInt64) -> (low: UInt64, part: Double) {
        let place = share * Double(total - 1)
        let low = min(UInt64(place.rounded(.down)), total - 1)
        return (low, place - Double(low))
    }

    private func interpolate(_ low: Double, _ high: Double, _ part: Double) -> Double {
        let distance = high - low
        // Two floats may lie further apart than the largest float.
        return distance.isFinite ? low + distance * part : low * (1 - part) + high * part
    }

    /// The number at a rank, from 0, of the events in order.
    private func number(atRank rank: UInt64, ofCell cell: Int) -> Double {
        let (bucket, before) = histogram.bucket(ofRank: rank, ofCell: cell)
        let picked = picked ?? pick()
        return picked.number(atRank: rank - before, ofCell: cell, bucket: bucket)
    }

    /// Picks the numbers that any of the shares needs, of all cells.
    private func pick() -> PickedNumbers {
        var wanted = PickedNumbers(cells: cells, bucketsPerCell: shares.count * 2)
        for cell in 0..<cells {
            let total = histogram.total(ofCell: cell)
            if total == 0 { continue }
            for share in shares {
                let low = ExactQuantileState.rank(share, of: total).low
                for rank in low...min(low + 1, total - 1) {
                    wanted.want(histogram.bucket(ofRank: rank, ofCell: cell).bucket, ofCell: cell)
                }
            }
        }
        for input in inputs {
            wanted.pick(input.numbers, input.rows, ofCells: input.cells, input.map)
        }
        wanted.sort()
        picked = wanted
        return wanted
    }
}

extension CellMap {
    /// The map of one step and then another.
    fileprivate func followed(by next: CellMap) -> CellMap {
        switch (self, next) {
        case (.same, .same): self
        case (.same(let count), .to): .to((0..<count).map { next[$0] })
        case (.to(let targets), _): .to(targets.map { $0 < 0 ? -1 : next[$0] })
        }
    }
}
