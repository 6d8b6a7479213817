/// The numbers of a few buckets of each cell, picked out of all.
struct PickedNumbers {
    private let bucketsPerCell: Int
    /// The buckets wanted of each cell, `bucketsPerCell` places a cell.
    private var buckets: [Int32]
    /// A bit for each wanted bucket's number modulo 64: says no to most numbers at once.
    private var hints: [UInt64]
    /// Numbers by the place of their bucket, from `starts[place]` to `starts[place + 1]` after
    /// `sort`.
    private var places: [UInt32] = []
    private var numbers: [Number] = []
    private var starts: [Int] = []

    private struct Number {
        var value: Double
        var weight: UInt64
    }

    /// Beyond every bucket's number.
    private static let nothing = Int32.min

    init(cells: Int, bucketsPerCell: Int) {
        self.bucketsPerCell = bucketsPerCell
        buckets = [Int32](repeating: PickedNumbers.nothing, count: cells * bucketsPerCell)
        hints = [UInt64](repeating: 0, count: cells)
    }

    mutating func want(_ bucket: Int, ofCell cell: Int) {
        for place in cell * bucketsPerCell..<(cell + 1) * bucketsPerCell {
            if buckets[place] == Int32(bucket) { return }
            if buckets[place] == PickedNumbers.nothing {
                buckets[place] = Int32(bucket)
                hints[cell] |= 1 << UInt64(bucket & 63)
                return
            }
        }
    }

    /// Picks the wanted of the numbers of rows, whose cell i is cell `map[i]` here.
    mutating func pick(
        _ numbers: NumberColumn, _ rows: GroupedRows, ofCells cellCount: Int, _ map: CellMap
    ) {
        let hints = (0..<cellCount).map { map[$0] < 0 ? 0 : self.hints[map[$0]] }
        hints.withUnsafeBufferPointer { hints in
            withUnsafeMutablePointer(to: &self) { picked in
                numbers.forEach(
                    rows, ofCells: cellCount, Picker(picked: picked, hints: hints, map: map))
            }
        }
    }

    private struct Picker: NumberTaker {
        let picked: UnsafeMutablePointer<PickedNumbers>
        let hints: UnsafeBufferPointer<UInt64>
        let map: CellMap

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            take(Double(value), cell, weight)
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            let bucket = LogBucket.index(value)
            if hints[cell] >> UInt64(bucket & 63) & 1 != 0 {
                picked.pointee.take(value, weight, bucket, map[cell])
            }
        }
    }

    private mutating func take(_ value: Double, _ weight: UInt64, _ bucket: Int, _ cell: Int) {
        guard let place = place(of: bucket, ofCell: cell) else { return }
        places.append(UInt32(place))
        numbers.append(Number(value: value, weight: weight))
    }

    @inline(__always)
    private func place(of bucket: Int, ofCell cell: Int) -> Int? {
        for place in cell * bucketsPerCell..<(cell + 1) * bucketsPerCell
        where buckets[place] == Int32(bucket) { return place }
        return nil
    }

    /// Puts the numbers of each bucket in order: a counting sort by bucket, then each by itself.
    mutating func sort() {
        starts = [Int](repeating: 0, count: buckets.count + 1)
        for place in places { starts[Int(place) + 1] += 1 }
        for place in buckets.indices { starts[place + 1] += starts[place] }
        var next = starts
        var sorted = numbers
        for (index, place) in places.enumerated() {
            sorted[next[Int(place)]] = numbers[index]
            next[Int(place)] += 1
        }
        for place in buckets.indices where starts[place + 1] - starts[place] > 1 {
            sorted[starts[place]..<starts[place + 1]].sort { $0.value < $1.value }
        }
        numbers = sorted
        places = []
    }

    /// The number at a rank, from 0, of the events in one wanted bucket.
    func number(atRank rank: UInt64, ofCell cell: Int, bucket: Int) -> Double {
        guard let place = place(of: bucket, ofCell: cell) else {
            preconditionFailure("BUG: a bucket that was not wanted: \(bucket)")
        }
        var passed: UInt64 = 0
        for index in starts[place]..<starts[place + 1] {
            passed += numbers[index].weight
            if rank < passed { return numbers[index].value }
        }
        preconditionFailure("BUG: a bucket without the rank that it was said to hold")
    }
}
