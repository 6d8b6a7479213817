internal import Events

extension ValueDictionary {
    /// The entries `kept` in the order of their values, and for each old code its new one (0 for
    /// entries not kept).
    func sorted(keeping kept: [Int]) -> (dictionary: ValueDictionary, map: [UInt32]) {
        let firstBytes = kept.map { sortKey($0) }
        // Most comparisons end at the first eight bytes; only equal ones look at the values.
        let order = kept.indices.sorted { a, b in
            let (x, y) = (firstBytes[a], firstBytes[b])
            if x != y { return x < y }
            return self[kept[a]] < self[kept[b]]
        }
        var kinds: [UInt8] = []
        var payloads: [UInt64] = []
        var text: [UInt8] = []
        var map = [UInt32](repeating: 0, count: count + 1)
        for (place, index) in order.lazy.map({ kept[$0] }).enumerated() {
            map[index + 1] = UInt32(place + 1)
            kinds.append(self.kinds[index])
            let start = UInt64(text.count)
            let isString = withString(at: index) { text.append(contentsOf: $0) } != nil
            payloads.append(
                isString ? start << 32 | (UInt64(text.count) - start) : self.payloads[index])
        }
        return (
            ValueDictionary(kinds: kinds, payloads: payloads, text: text, isSorted: true), map
        )
    }

    /// A number that orders entries of different kinds, and strings by their first seven bytes; equal
    /// keys say nothing.
    private func sortKey(_ index: Int) -> UInt64 {
        switch kind(at: index) {
        case .bool: return 0
        case .int, .float: return 1
        case .string:
            let prefix = withString(at: index) { bytes in
                var key: UInt64 = 0
                for place in 0..<7 {
                    key = key << 8 | (place < bytes.count ? UInt64(bytes[place]) : 0)
                }
                return key
            }
            return 2 << 56 | (prefix ?? 0)
        }
    }
}
