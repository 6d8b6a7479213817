internal import CKernels

/// Sorts strings by their bytes, eight at a time: the next eight bytes of each are a number, and only
/// strings whose numbers are equal are looked at again.
///
/// Half the time of comparing whole strings on ids, a fifth on addresses that begin alike.
struct StringOrder {
    private struct Key {
        var bytes: UInt64
        var index: UInt32
    }

    private let text: UnsafePointer<UInt8>
    /// Offset in the upper, length in the lower 32 bits.
    private let places: UnsafeBufferPointer<UInt64>
    private var spare: [Key] = []

    /// The indices of `places` in the order of the strings there.
    static func sorted(
        _ places: UnsafeBufferPointer<UInt64>, of text: UnsafeBufferPointer<UInt8>
    ) -> [UInt32] {
        guard let base = text.baseAddress else { return places.indices.map { UInt32($0) } }
        var order = StringOrder(text: base, places: places)
        var keys = places.indices.map { Key(bytes: 0, index: UInt32($0)) }
        if keys.count > 1 { order.sort(&keys, 0..<keys.count, from: 0) }
        return keys.map(\.index)
    }

    private init(text: UnsafePointer<UInt8>, places: UnsafeBufferPointer<UInt64>) {
        self.text = text
        self.places = places
    }

    private func length(_ key: Key) -> Int { Int(places[Int(key.index)] & 0xFFFF_FFFF) }
    private func start(_ key: Key) -> UnsafePointer<UInt8> {
        text + Int(places[Int(key.index)] >> 32)
    }

    /// Sorts keys whose strings are alike in their first `depth` bytes and all reach so far.
    private mutating func sort(_ keys: inout [Key], _ range: Range<Int>, from depth: Int) {
        let depth = depth + sharedBytes(keys, range, from: depth)
        for place in range {
            let key = keys[place]
            keys[place].bytes = wf_prefix_key(start(key) + depth, length(key) - depth)
        }
        if range.count < StringOrder.radixFrom {
            keys[range].sort { $0.bytes < $1.bytes }
        } else {
            sortByRadix(&keys, range)
        }
        var first = range.lowerBound
        while first < range.upperBound {
            var end = first + 1
            while end < range.upperBound && keys[end].bytes == keys[first].bytes { end += 1 }
            if end - first > 1 { sortAlike(&keys, first..<end, from: depth + 8) }
            first = end
        }
    }

    /// Sorts keys that are alike so far; where a string ends before, zeros may have stood for its end.
    private mutating func sortAlike(_ keys: inout [Key], _ range: Range<Int>, from depth: Int) {
        let isLong = range.allSatisfy { length(keys[$0]) >= depth }
        if isLong && range.count > 8 { return sort(&keys, range, from: depth) }
        keys[range].sort { a, b in
            wf_compare(start(a), length(a), start(b), length(b)) < 0
        }
    }

    /// Bytes behind `depth` that all strings share.
    private func sharedBytes(_ keys: [Key], _ range: Range<Int>, from depth: Int) -> Int {
        let first = keys[range.lowerBound]
        var shared = length(first) - depth
        for place in range.dropFirst() {
            let common = min(shared, length(keys[place]) - depth)
            shared = wf_common_prefix(start(first) + depth, start(keys[place]) + depth, common)
            if shared == 0 { break }
        }
        return shared
    }

    // MARK: - Radix

    /// Keys from which counting sort is quicker than comparing.
    private static let radixFrom = 1_024
    private static let radixBits: UInt64 = 11

    /// Bits that are sorted by, from the highest in which keys differ: five bytes, which few ids share.
    private static let radixKeyBits = 44

    /// Eleven bits at a time, from the lowest; digits in which no two keys differ are left out.
    private mutating func sortByRadix(_ keys: inout [Key], _ range: Range<Int>) {
        let count = range.count
        if spare.count < count { spare = [Key](repeating: Key(bytes: 0, index: 0), count: count) }
        var differing: UInt64 = 0
        for place in range { differing |= keys[place].bytes ^ keys[range.lowerBound].bytes }
        let lowest = UInt64(max(0, 64 - differing.leadingZeroBitCount - StringOrder.radixKeyBits))
        keys.withUnsafeMutableBufferPointer { keys in
            spare.withUnsafeMutableBufferPointer { spare in
                var from = UnsafeMutableBufferPointer(rebasing: keys[range])
                var to = UnsafeMutableBufferPointer(rebasing: spare[..<count])
                for shift in stride(from: lowest, to: 64, by: Int(StringOrder.radixBits)) {
                    let mask = UInt64(1) << StringOrder.radixBits - 1
                    if differing >> shift & mask == 0 { continue }
                    StringOrder.distribute(from, to, shift, mask)
                    swap(&from, &to)
                }
                if from.baseAddress == spare.baseAddress { _ = to.update(fromContentsOf: from) }
            }
        }
        if lowest > 0 { StringOrder.sortRuns(&keys, range, alikeAbove: lowest) }
    }

    /// Sorts what is in order but for the bits below `lowest`.
    private static func sortRuns(
        _ keys: inout [Key], _ range: Range<Int>, alikeAbove lowest: UInt64
    ) {
        var first = range.lowerBound
        while first < range.upperBound {
            let above = keys[first].bytes >> lowest
            var end = first + 1
            while end < range.upperBound && keys[end].bytes >> lowest == above { end += 1 }
            if end - first > 1 { keys[first..<end].sort { $0.bytes < $1.bytes } }
            first = end
        }
    }

    private static func distribute(
        _ from: UnsafeMutableBufferPointer<Key>, _ to: UnsafeMutableBufferPointer<Key>,
        _ shift: UInt64, _ mask: UInt64
    ) {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: Int(mask) + 1) { places in
            places.initialize(repeating: 0)
            for key in from { places[Int(key.bytes >> shift & mask)] += 1 }
            var next = 0
            for digit in 0..<places.count {
                let count = places[digit]
                places[digit] = next
                next += count
            }
            for key in from {
                let digit = Int(key.bytes >> shift & mask)
                to[places[digit]] = key
                places[digit] += 1
            }
        }
    }
}
