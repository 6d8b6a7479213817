internal import Events

/// Percentiles without approximation: keeps every number of every group.
///
/// The answer is `percentile_cont` of the events each row stands for: linear interpolation between
/// the two nearest ranks, as in SQL.
public final class ExactQuantileState: AggregateState {
    private var cells: [UInt32] = []
    private var values: [Double] = []
    private var weights: [UInt32]?
    private var cellCount = 0
    /// Each cell's numbers, sorted, once asked for.
    private var sorted: [(start: Int, end: Int)]?
    public private(set) var ignored = 0

    public init() {}

    public func makeEmpty() -> any AggregateState { ExactQuantileState() }
    public var byteCount: Int { values.count * (weights == nil ? 12 : 16) }
    public func grow(toCells count: Int) { cellCount = max(cellCount, count) }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        ignored += numbers.countOthers(rows)
        var addedWeights: [UInt32] = []
        numbers.forEach(rows) { place, value in
            cells.append(rows.cells[place])
            values.append(Double(value))
            if let weights = rows.weights { addedWeights.append(weights[place]) }
        } float: { place, value in
            cells.append(rows.cells[place])
            values.append(value)
            if let weights = rows.weights { addedWeights.append(weights[place]) }
        }
        append(weights: rows.weights == nil ? nil : addedWeights)
    }

    /// Brings the weights to the length of the values, 1 for those that have none.
    private func append(weights added: [UInt32]?) {
        if added == nil && weights == nil { return }
        let before = values.count - (added?.count ?? 0)
        var all = weights ?? []
        all.append(contentsOf: repeatElement(1, count: before - all.count))
        if let added { all.append(contentsOf: added) }
        weights = all
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? ExactQuantileState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        var added: [UInt32] = []
        for index in other.values.indices {
            let target = map[Int(other.cells[index])]
            if target < 0 { continue }
            cells.append(UInt32(target))
            values.append(other.values[index])
            if let weights = other.weights { added.append(weights[index]) }
        }
        append(weights: other.weights == nil ? nil : added)
        sorted = nil
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        guard case .quantile(let share) = reading else { return .value(.missing) }
        if sorted == nil { sortCells() }
        guard let range = sorted?[cell], range.start < range.end else { return .value(.missing) }
        return .value(FieldValue(number: quantile(share, range.start, range.end)))
    }

    /// Brings the numbers of each cell together, then into order.
    private func sortCells() {
        var starts = [Int](repeating: 0, count: cellCount + 1)
        for cell in cells { starts[Int(cell) + 1] += 1 }
        for cell in 0..<cellCount { starts[cell + 1] += starts[cell] }
        var next = starts
        var gathered = [Double](repeating: 0, count: values.count)
        var gatheredWeights = weights.map { [UInt32](repeating: 1, count: $0.count) }
        for index in values.indices {
            let cell = Int(cells[index])
            gathered[next[cell]] = values[index]
            if let weights { gatheredWeights?[next[cell]] = weights[index] }
            next[cell] += 1
        }
        for cell in 0..<cellCount {
            let range = starts[cell]..<starts[cell + 1]
            if let unsorted = gatheredWeights {
                let order = range.sorted { gathered[$0] < gathered[$1] }
                let (numbers, counts) = (order.map { gathered[$0] }, order.map { unsorted[$0] })
                gathered.replaceSubrange(range, with: numbers)
                gatheredWeights?.replaceSubrange(range, with: counts)
            } else {
                gathered.sortFloats(range)
            }
            cells.replaceSubrange(range, with: repeatElement(UInt32(cell), count: range.count))
        }
        values = gathered
        weights = gatheredWeights
        sorted = (0..<cellCount).map { (starts[$0], starts[$0 + 1]) }
    }

    private func quantile(_ share: Double, _ start: Int, _ end: Int) -> Double {
        guard let weights else {
            let place = share * Double(end - start - 1)
            let low = Int(place.rounded(.down))
            let high = min(low + 1, end - start - 1)
            return interpolate(values[start + low], values[start + high], place - Double(low))
        }
        let total = weights[start..<end].reduce(UInt64(0)) { $0 + UInt64($1) }
        let place = share * Double(total - 1)
        let low = UInt64(place.rounded(.down))
        let high = min(low + 1, total - 1)
        var passed: UInt64 = 0
        var lowValue = values[start]
        for index in start..<end {
            let next = passed + UInt64(weights[index])
            if low >= passed && low < next { lowValue = values[index] }
            if high >= passed && high < next {
                return interpolate(lowValue, values[index], place - Double(low))
            }
            passed = next
        }
        return values[end - 1]
    }

    private func interpolate(_ low: Double, _ high: Double, _ part: Double) -> Double {
        part == 0 ? low : low + (high - low) * part
    }
}

extension Array where Element == Double {
    /// Sorts a range of finite numbers by their bits, a byte at a time from the lowest (radix sort):
    /// linear, and no comparison.
    fileprivate mutating func sortFloats(_ range: Range<Int>) {
        if range.count < 512 {
            self[range].sort()
            return
        }
        // Negative patterns turned over, positive ones above them: unsigned order is the order.
        var keys = self[range].map { value in
            let bits = value.bitPattern
            return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
        }
        var scratch = [UInt64](repeating: 0, count: keys.count)
        for shift in stride(from: UInt64(0), to: 64, by: 16) {
            var starts = [Int](repeating: 0, count: 65_537)
            for key in keys { starts[Int(key >> shift & 0xFFFF) + 1] += 1 }
            // All keys agree in these bits: nothing would move.
            if starts.contains(keys.count) { continue }
            for digit in 0..<65_536 { starts[digit + 1] += starts[digit] }
            for key in keys {
                let digit = Int(key >> shift & 0xFFFF)
                scratch[starts[digit]] = key
                starts[digit] += 1
            }
            swap(&keys, &scratch)
        }
        for (index, key) in keys.enumerated() {
            self[range.lowerBound + index] = Double(
                bitPattern: key >> 63 == 1 ? key ^ 1 << 63 : ~key)
        }
    }
}
