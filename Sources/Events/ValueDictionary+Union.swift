internal import CKernels

extension ValueDictionary {
    /// The entries of all dictionaries, each once, and for each dictionary where its codes are in the
    /// result (code 0 stays 0).
    ///
    /// Sorted dictionaries are merged like sorted lists, one comparison of bytes an entry, and the
    /// result is sorted; others are hashed. One dictionary is its own union.
    public static func union(
        _ dictionaries: [ValueDictionary]
    ) -> (union: ValueDictionary, maps: [[UInt32]]) {
        guard let first = dictionaries.first else { return (.empty, []) }
        if dictionaries.allSatisfy({ $0 === first }) {
            let identity = (0...UInt32(first.count)).map { $0 }
            return (first, dictionaries.map { _ in identity })
        }
        if dictionaries.allSatisfy(\.isSorted), dictionaries.count <= 16 {
            if let known = first.lastUnion?.union(of: dictionaries) { return known }
            let made = sortedUnion(dictionaries)
            first.lastUnion?.remember(made.union, made.maps, of: dictionaries)
            return made
        }
        let builder = DictionaryBuilder(expected: first.count)
        let maps = dictionaries.map { builder.codes(ofEntriesIn: $0) }
        return (builder.dictionary(), maps)
    }

    /// Merges pairs until one is left, and follows each code through the merges.
    private static func sortedUnion(
        _ dictionaries: [ValueDictionary]
    ) -> (union: ValueDictionary, maps: [[UInt32]]) {
        if dictionaries.count == 1 {
            return (dictionaries[0], [(0...UInt32(dictionaries[0].count)).map { $0 }])
        }
        let middle = dictionaries.count / 2
        let left = sortedUnion(Array(dictionaries[..<middle]))
        let right = sortedUnion(Array(dictionaries[middle...]))
        let both = merge(left.union, right.union)
        return (
            both.union,
            left.maps.map { map in map.map { both.left[Int($0)] } }
                + right.maps.map { map in map.map { both.right[Int($0)] } }
        )
    }

    private static func merge(
        _ a: ValueDictionary, _ b: ValueDictionary
    ) -> (union: ValueDictionary, left: [UInt32], right: [UInt32]) {
        var kinds: [UInt8] = []
        var payloads: [UInt64] = []
        var text: [UInt8] = []
        kinds.reserveCapacity(a.count + b.count)
        payloads.reserveCapacity(a.count + b.count)
        text.reserveCapacity(a.text.count + b.text.count)
        var left: [UInt32] = [0]
        var right: [UInt32] = [0]
        left.reserveCapacity(a.count + 1)
        right.reserveCapacity(b.count + 1)
        a.text.withUnsafeBufferPointer { aText in
            b.text.withUnsafeBufferPointer { bText in
                var (i, j) = (0, 0)
                while i < a.count || j < b.count {
                    let order =
                        i == a.count ? 1 : j == b.count ? -1 : compare(a, i, aText, b, j, bText)
                    let (source, index, bytes) = order <= 0 ? (a, i, aText) : (b, j, bText)
                    var payload = source.payloads[index]
                    if source.kinds[index] == Kind.string.rawValue {
                        let start = Int(payload >> 32)
                        let length = Int(payload & 0xFFFF_FFFF)
                        payload = UInt64(text.count) << 32 | UInt64(length)
                        text.append(
                            contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<start + length])
                        )
                    }
                    kinds.append(source.kinds[index])
                    payloads.append(payload)
                    if order <= 0 {
                        left.append(UInt32(kinds.count))
                        i += 1
                    }
                    if order >= 0 {
                        right.append(UInt32(kinds.count))
                        j += 1
                    }
                }
            }
        }
        return (
            ValueDictionary(kinds: kinds, payloads: payloads, text: text, isSorted: true), left,
            right
        )
    }

    /// The order of two entries, as `FieldValue` has it; strings by their bytes in place.
    static func compare(
        _ a: ValueDictionary, _ i: Int, _ aText: UnsafeBufferPointer<UInt8>,
        _ b: ValueDictionary, _ j: Int, _ bText: UnsafeBufferPointer<UInt8>
    ) -> Int {
        guard a.kinds[i] == 4, b.kinds[j] == 4, let x = aText.baseAddress, let y = bText.baseAddress
        else {
            let (p, q) = (a[i], b[j])
            return p == q ? 0 : p < q ? -1 : 1
        }
        let (p, q) = (a.payloads[i], b.payloads[j])
        return Int(
            wf_compare(
                x + Int(p >> 32), Int(p & 0xFFFF_FFFF), y + Int(q >> 32), Int(q & 0xFFFF_FFFF)))
    }
}
