internal import Events

/// Percentiles without approximation: keeps every number of every group.
///
/// The answer is `percentile_cont` of the events each row stands for: linear interpolation between
/// the two nearest ranks, as in SQL. Each thread sorts its own numbers; merging sorted runs is then
/// one pass over both.
public final class ExactQuantileState: AggregateState {
    private var cellCount = 0
    /// Numbers as they came, not yet in order.
    private var pending = Numbers()
    private var pendingCells: [UInt32] = []
    /// Numbers of all cells, cell by cell, ascending within each.
    private var sorted = Numbers()
    /// Where each cell's numbers begin in `sorted`; `cellCount + 1` entries once settled.
    private var starts: [Int] = [0]
    public private(set) var ignored = 0

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

        func weight(_ index: Int) -> UInt32 { weights?[index] ?? 1 }
    }

    public init() {}

    public func makeEmpty() -> any AggregateState { ExactQuantileState() }
    public func grow(toCells count: Int) { cellCount = max(cellCount, count) }

    public var byteCount: Int {
        (pending.values.count + sorted.values.count) * 16 + starts.count * 8
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        let numbers = input.numbers(includingBooleans: false)
        ignored += numbers.countOthers(rows)
        // Locals: an object's properties would be checked for exclusive access at every append.
        var (added, cells) = (Numbers(), [UInt32]())
        swap(&added, &pending)
        swap(&cells, &pendingCells)
        if rows.weights != nil { added.useWeights() }
        numbers.forEach(rows) { place, value in
            cells.append(rows.cells[place])
            added.append(Double(value), rows.weights?[place] ?? 1)
        } float: { place, value in
            cells.append(rows.cells[place])
            added.append(value, rows.weights?[place] ?? 1)
        }
        swap(&added, &pending)
        swap(&cells, &pendingCells)
    }

    // MARK: - Order

    /// Brings the numbers of each cell together and into order.
    public func settle() {
        if !pending.values.isEmpty {
            let (fresh, places) = pendingInOrder()
            pending = Numbers()
            pendingCells = []
            take(fresh, places)
        }
        while starts.count <= cellCount { starts.append(sorted.values.count) }
    }

    private func pendingInOrder() -> (Numbers, [Int]) {
        var places = [Int](repeating: 0, count: cellCount + 1)
        for cell in pendingCells { places[Int(cell) + 1] += 1 }
        for cell in 0..<cellCount { places[cell + 1] += places[cell] }
        var next = places
        var values = [Double](repeating: 0, count: pending.values.count)
        var weights = pending.weights.map { [UInt32](repeating: 1, count: $0.count) }
        for index in pendingCells.indices {
            let cell = Int(pendingCells[index])
            values[next[cell]] = pending.values[index]
            weights?[next[cell]] = pending.weight(index)
            next[cell] += 1
        }
        var scratch: [UInt64] = []
        for cell in 0..<cellCount {
            let range = places[cell]..<places[cell + 1]
            if let counts = weights.map({ all in Array(all[range]) }) {
                let order = range.sorted { values[$0] < values[$1] }
                values.replaceSubrange(range, with: order.map { values[$0] })
                weights?.replaceSubrange(range, with: order.map { counts[$0 - range.lowerBound] })
            } else {
                values.sortFloats(range, &scratch)
            }
        }
        return (Numbers(values: values, weights: weights), places)
    }

    /// Adds numbers in order, cell by cell: one pass over these and those that are there.
    private func take(_ other: Numbers, _ places: [Int]) {
        if sorted.values.isEmpty {
            sorted = other
            starts = places
            return
        }
        var merged = Numbers()
        if sorted.weights != nil || other.weights != nil { merged.useWeights() }
        merged.values.reserveCapacity(sorted.values.count + other.values.count)
        var mergedStarts = [0]
        for cell in 0..<cellCount {
            var mine = starts[min(cell, starts.count - 1)]
            let mineEnd = starts[min(cell + 1, starts.count - 1)]
            var theirs = places[min(cell, places.count - 1)]
            let theirsEnd = places[min(cell + 1, places.count - 1)]
            while mine < mineEnd || theirs < theirsEnd {
                if theirs == theirsEnd
                    || mine < mineEnd && sorted.values[mine] <= other.values[theirs]
                {
                    merged.append(sorted.values[mine], sorted.weight(mine))
                    mine += 1
                } else {
                    merged.append(other.values[theirs], other.weight(theirs))
                    theirs += 1
                }
            }
            mergedStarts.append(merged.values.count)
        }
        sorted = merged
        starts = mergedStarts
    }

    public func merge(_ other: any AggregateState, _ map: [Int]) {
        guard let other = other as? ExactQuantileState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        other.settle()
        settle()
        if let (numbers, places) = other.rearranged(map, cells: cellCount) {
            take(numbers, places)
            return
        }
        if other.sorted.weights != nil { pending.useWeights() }
        for (cell, target) in map.enumerated() where target >= 0 {
            for index in other.starts[cell]..<other.starts[cell + 1] {
                pendingCells.append(UInt32(target))
                pending.append(other.sorted.values[index], other.sorted.weight(index))
            }
        }
        settle()
    }

    /// The numbers cell by cell under the cells that `map` gives, still in order; nil when two cells
    /// become one.
    private func rearranged(_ map: [Int], cells: Int) -> (Numbers, [Int])? {
        var source = [Int?](repeating: nil, count: cells)
        for (cell, target) in map.enumerated() where target >= 0 && starts[cell] < starts[cell + 1]
        {
            if source[target] != nil { return nil }
            source[target] = cell
        }
        var moved = Numbers()
        moved.values.reserveCapacity(sorted.values.count)
        if sorted.weights != nil { moved.useWeights() }
        var places = [0]
        for cell in source {
            if let cell {
                let range = starts[cell]..<starts[cell + 1]
                moved.values.append(contentsOf: sorted.values[range])
                if let weights = sorted.weights {
                    moved.weights?.append(contentsOf: weights[range])
                }
            }
            places.append(moved.values.count)
        }
        return (moved, places)
    }

    // MARK: - Asking

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        guard case .quantile(let share) = reading else { return .value(.missing) }
        settle()
        let (start, end) = (starts[cell], starts[cell + 1])
        if start == end { return .value(.missing) }
        return .value(FieldValue(number: quantile(share, start, end)))
    }

    private func quantile(_ share: Double, _ start: Int, _ end: Int) -> Double {
        let values = sorted.values
        guard let weights = sorted.weights else {
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
        if part == 0 { return low }
        let distance = high - low
        // Two floats may lie further apart than the largest float.
        return distance.isFinite ? low + distance * part : low * (1 - part) + high * part
    }
}

extension Array where Element == Double {
    /// Sorts a range of finite numbers by their bits, eleven a pass from the lowest (radix sort):
    /// linear, and no comparison.
    fileprivate mutating func sortFloats(_ range: Range<Int>, _ scratch: inout [UInt64]) {
        if range.count < 256 {
            self[range].sort()
            return
        }
        // Negative patterns turned over, positive ones above them: unsigned order is the order.
        var keys = self[range].map { value in
            let bits = value.bitPattern
            return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
        }
        if scratch.count != keys.count { scratch = [UInt64](repeating: 0, count: keys.count) }
        for shift in stride(from: UInt64(0), to: 64, by: 11) {
            var starts = [Int](repeating: 0, count: 2049)
            keys.withUnsafeBufferPointer { keys in
                for key in keys { starts[Int(key >> shift & 2047) + 1] += 1 }
            }
            // All keys agree in these bits: nothing would move.
            if starts.contains(keys.count) { continue }
            for digit in 0..<2048 { starts[digit + 1] += starts[digit] }
            keys.withUnsafeBufferPointer { keys in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    starts.withUnsafeMutableBufferPointer { starts in
                        for key in keys {
                            let digit = Int(key >> shift & 2047)
                            scratch[starts[digit]] = key
                            starts[digit] += 1
                        }
                    }
                }
            }
            swap(&keys, &scratch)
        }
        for (index, key) in keys.enumerated() {
            self[range.lowerBound + index] = Double(
                bitPattern: key >> 63 == 1 ? key ^ 1 << 63 : ~key)
        }
    }
}
