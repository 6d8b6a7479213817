/// Counts of (cell, bucket) pairs where most pairs never occur: a list, sorted and summed now and
/// then.
///
/// Adding is an append; sorting is a radix sort of the keys, so the whole costs a few passes over
/// what was added, however many cells there are.
struct SparseCounts {
    /// Pairs that wait unsorted at most, before equal ones are summed.
    private static let pendingMax = 1 << 20
    /// Bits of a bucket's number in a key.
    private static let bucketBits: UInt64 = 19
    /// Added to bucket numbers, which may be negative.
    private static let bucketOffset = 1 << 18

    private var keys: [UInt64] = []
    private var counts: [UInt64] = []
    /// Length at which the list is next sorted and summed.
    private var compactAt = SparseCounts.pendingMax
    private var isCompact = true

    var byteCount: Int { keys.count * 16 }
    var isEmpty: Bool { keys.isEmpty }

    @inline(__always)
    mutating func add(_ count: UInt64, cell: Int, bucket: Int) {
        keys.append(
            UInt64(cell) << SparseCounts.bucketBits | UInt64(bucket + SparseCounts.bucketOffset))
        counts.append(count)
        isCompact = false
    }

    /// Adds the buckets of numbers.
    mutating func add(_ numbers: NumberColumn, _ rows: GroupedRows, ofCells cells: Int) {
        withUnsafeMutablePointer(to: &self) { list in
            numbers.forEach(rows, ofCells: cells, Adder(list: list))
        }
    }

    private struct Adder: NumberTaker {
        let list: UnsafeMutablePointer<SparseCounts>

        @inline(__always)
        func take(_ value: Int64, _ cell: Int, _ weight: UInt64) {
            list.pointee.add(weight, cell: cell, bucket: LogBucket.index(Double(value)))
        }

        @inline(__always)
        func take(_ value: Double, _ cell: Int, _ weight: UInt64) {
            list.pointee.add(weight, cell: cell, bucket: LogBucket.index(value))
        }
    }

    /// Sums equal pairs if the list has grown enough to be worth it.
    mutating func compactIfLong() {
        if keys.count < compactAt { return }
        compact()
        compactAt = keys.count + SparseCounts.pendingMax
    }

    /// Brings the pairs into order, each once.
    mutating func compact() {
        if isCompact { return }
        sort()
        var end = 0
        for index in keys.indices {
            if end > 0 && keys[end - 1] == keys[index] {
                counts[end - 1] &+= counts[index]
            } else {
                keys[end] = keys[index]
                counts[end] = counts[index]
                end += 1
            }
        }
        keys.removeLast(keys.count - end)
        counts.removeLast(counts.count - end)
        isCompact = true
    }

    /// Sorts by key, eleven bits a pass from the lowest.
    private mutating func sort() {
        let highest = keys.max() ?? 0
        let bits = UInt64(64 - highest.leadingZeroBitCount)
        var otherKeys = [UInt64](repeating: 0, count: keys.count)
        var otherCounts = [UInt64](repeating: 0, count: keys.count)
        for shift in stride(from: UInt64(0), to: max(bits, 1), by: 11) {
            var starts = [Int](repeating: 0, count: 2049)
            keys.withUnsafeBufferPointer { keys in
                for key in keys { starts[Int(key >> shift & 2047) + 1] += 1 }
            }
            for digit in 0..<2048 { starts[digit + 1] += starts[digit] }
            keys.withUnsafeBufferPointer { keys in
                counts.withUnsafeBufferPointer { counts in
                    otherKeys.withUnsafeMutableBufferPointer { otherKeys in
                        otherCounts.withUnsafeMutableBufferPointer { otherCounts in
                            starts.withUnsafeMutableBufferPointer { starts in
                                for index in keys.indices {
                                    let digit = Int(keys[index] >> shift & 2047)
                                    otherKeys[starts[digit]] = keys[index]
                                    otherCounts[starts[digit]] = counts[index]
                                    starts[digit] += 1
                                }
                            }
                        }
                    }
                }
            }
            swap(&keys, &otherKeys)
            swap(&counts, &otherCounts)
        }
    }

    /// Adds the pairs of another list, both in order: one pass over the two.
    mutating func merge(_ other: SparseCounts) {
        precondition(isCompact && other.isCompact, "BUG: pairs that are not in order")
        var mergedKeys: [UInt64] = []
        var mergedCounts: [UInt64] = []
        mergedKeys.reserveCapacity(keys.count + other.keys.count)
        mergedCounts.reserveCapacity(keys.count + other.keys.count)
        var (mine, theirs) = (0, 0)
        while mine < keys.count || theirs < other.keys.count {
            let a = mine < keys.count ? keys[mine] : .max
            let b = theirs < other.keys.count ? other.keys[theirs] : .max
            mergedKeys.append(min(a, b))
            mergedCounts.append((a <= b ? counts[mine] : 0) &+ (b <= a ? other.counts[theirs] : 0))
            if a <= b { mine += 1 }
            if b <= a { theirs += 1 }
        }
        keys = mergedKeys
        counts = mergedCounts
    }

    /// The same pairs under other cells, those without one left out; in order when `map` ascends.
    func mapped(_ map: CellMap) -> SparseCounts {
        var result = SparseCounts()
        result.keys.reserveCapacity(keys.count)
        result.counts.reserveCapacity(keys.count)
        forEach { cell, bucket, count in
            if map[cell] >= 0 { result.add(count, cell: map[cell], bucket: bucket) }
        }
        result.isCompact =
            isCompact && zip(result.keys, result.keys.dropFirst()).allSatisfy { $0 < $1 }
        return result
    }

    /// The cell, bucket and count of every pair; in order and each once after `compact`.
    func forEach(_ body: (_ cell: Int, _ bucket: Int, _ count: UInt64) -> Void) {
        for index in keys.indices { visit(index, body) }
    }

    /// The buckets of one cell, ascending; only after `compact`.
    func forEachBucket(ofCell cell: Int, _ body: (Int, UInt64) -> Void) {
        precondition(isCompact, "BUG: pairs that are not in order")
        var low = 0
        var high = keys.count
        let first = UInt64(cell) << SparseCounts.bucketBits
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < first { low = middle + 1 } else { high = middle }
        }
        while low < keys.count, keys[low] >> SparseCounts.bucketBits == UInt64(cell) {
            visit(low) { body($1, $2) }
            low += 1
        }
    }

    @inline(__always)
    private func visit(_ index: Int, _ body: (Int, Int, UInt64) -> Void) {
        let mask = UInt64(1) << SparseCounts.bucketBits - 1
        body(
            Int(keys[index] >> SparseCounts.bucketBits),
            Int(keys[index] & mask) - SparseCounts.bucketOffset, counts[index])
    }
}
