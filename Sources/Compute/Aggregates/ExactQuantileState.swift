internal import Events

/// Percentiles without approximation: keeps every number of every group.
///
/// The answer is `percentile_cont` of the events each row stands for: linear interpolation between
/// the two nearest ranks, as in SQL. Nothing is sorted but a few numbers: a histogram says in which
/// bucket a rank lies, and only that bucket's numbers, one in a thousand, are put in order.
public final class ExactQuantileState: AggregateState {
    private let histogram = HistogramState()
    /// Numbers as they came, and their cells.
    private var pending = Numbers()
    private var pendingCells: [UInt32] = []
    /// Numbers brought together by cell, as threads and partials did it; never moved again.
    private var runs: [Numbers] = []
    /// Where each cell's numbers are.
    private var places: [[Place]] = []

    /// Numbers and how many events each stands for; nil when each stands for one.
    private struct Numbers {
        var values: [Double] = []
        var weights: [UInt32]?

        mutating func append(_ value: Double, _ weight: UInt32) {
            values.append(value)
            weights?.append(weight)
        }

        mutating func useWeights() {
            if weights == nil { weights = [UInt32](repeating: 1, count: values.count) }
        }
    }

    private struct Place {
        var run: Int
        var range: Range<Int>
    }

    public init() {}

    public func makeEmpty() -> any AggregateState { ExactQuantileState() }
    public var ignored: Int { histogram.ignored }

    public var byteCount: Int {
        let kept = runs.reduce(pending.values.count) { $0 + $1.values.count }
        return histogram.byteCount + kept * 12 + places.count * 24
    }

    public func grow(toCells count: Int) {
        histogram.grow(toCells: count)
        if places.count < count {
            places.append(contentsOf: repeatElement([], count: count - places.count))
        }
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        histogram.update(rows, input)
        // Locals: an object's properties would be checked for exclusive access at every append.
        var (added, cells) = (Numbers(), [UInt32]())
        swap(&added, &pending)
        swap(&cells, &pendingCells)
        if rows.weights != nil { added.useWeights() }
        input.numbers(includingBooleans: false).forEach(rows) { place, value in
            cells.append(rows.cells[place])
            added.append(Double(value), rows.weights?[place] ?? 1)
        } float: { place, value in
            cells.append(rows.cells[place])
            added.append(value, rows.weights?[place] ?? 1)
        }
        swap(&added, &pending)
        swap(&cells, &pendingCells)
    }

    /// Brings the numbers that came since the last time together by cell: a counting sort.
    public func settle() {
        histogram.settle()
        if pending.values.isEmpty { return }
        var starts = [Int](repeating: 0, count: places.count + 1)
        for cell in pendingCells { starts[Int(cell) + 1] += 1 }
        for cell in places.indices { starts[cell + 1] += starts[cell] }
        var next = starts
        var run = Numbers(values: [Double](repeating: 0, count: pending.values.count))
        run.weights = pending.weights.map { [UInt32](repeating: 1, count: $0.count) }
        for (index, cell) in pendingCells.enumerated() {
            let place = next[Int(cell)]
            run.values[place] = pending.values[index]
            if let weight = pending.weights?[index] { run.weights?[place] = weight }
            next[Int(cell)] += 1
        }
        for cell in places.indices where starts[cell] < starts[cell + 1] {
            places[cell].append(Place(run: runs.count, range: starts[cell]..<starts[cell + 1]))
        }
        runs.append(run)
        pending = Numbers()
        pendingCells = []
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? ExactQuantileState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        other.settle()
        histogram.merge(other.histogram, map)
        for (cell, target) in map.enumerated() where target >= 0 {
            for place in other.places[cell] {
                places[target].append(Place(run: runs.count + place.run, range: place.range))
            }
        }
        runs.append(contentsOf: other.runs)
    }

    // MARK: - Asking

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        guard case .quantile(let share) = reading else { return .value(.missing) }
        settle()
        let total = histogram.total(ofCell: cell)
        if total == 0 { return .value(.missing) }
        let place = share * Double(total - 1)
        let low = min(UInt64(place.rounded(.down)), total - 1)
        let part = place - Double(low)
        let lowValue = number(atRank: low, ofCell: cell)
        if part == 0 || low + 1 == total { return .value(FieldValue(number: lowValue)) }
        let highValue = number(atRank: low + 1, ofCell: cell)
        return .value(FieldValue(number: interpolate(lowValue, highValue, part)))
    }

    private func interpolate(_ low: Double, _ high: Double, _ part: Double) -> Double {
        let distance = high - low
        // Two floats may lie further apart than the largest float.
        return distance.isFinite ? low + distance * part : low * (1 - part) + high * part
    }

    /// The number at a rank, from 0, of the events in order.
    private func number(atRank rank: UInt64, ofCell cell: Int) -> Double {
        let (bucket, before) = histogram.bucket(ofRank: rank, ofCell: cell)
        var candidates: [(value: Double, weight: UInt32)] = []
        for place in places[cell] {
            let run = runs[place.run]
            run.values.withUnsafeBufferPointer { values in
                for index in place.range where LogBucket.index(values[index]) == bucket {
                    candidates.append((values[index], run.weights?[index] ?? 1))
                }
            }
        }
        candidates.sort { $0.value < $1.value }
        var passed = before
        for candidate in candidates {
            passed += UInt64(candidate.weight)
            if rank < passed { return candidate.value }
        }
        preconditionFailure("BUG: a bucket without the rank that it was said to hold")
    }
}
