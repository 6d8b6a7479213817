internal import Events

extension ValueDictionary {
    /// The entries in the order of their values, and for each old code its new one.
    func sorted() -> (dictionary: ValueDictionary, map: [UInt32]) {
        let string = ValueDictionary.Kind.string.rawValue
        let plain = sortedPlain()
        let strings = (0..<count).filter { kinds[$0] == string }
        let places = strings.map { payloads[$0] }
        let order = places.withUnsafeBufferPointer { places in
            text.withUnsafeBufferPointer { StringOrder.sorted(places, of: $0) }
        }
        var map = [UInt32](repeating: 0, count: count + 1)
        var sortedPayloads: [UInt64] = []
        sortedPayloads.reserveCapacity(count)
        for index in plain {
            sortedPayloads.append(payloads[index])
            map[index + 1] = UInt32(sortedPayloads.count)
        }
        let sortedText = [UInt8](unsafeUninitializedCapacity: text.count) { target, initialized in
            text.withUnsafeBufferPointer { text in
                guard let text = text.baseAddress, let target = target.baseAddress else { return }
                for place in order.lazy.map({ Int($0) }) {
                    let length = Int(places[place] & 0xFFFF_FFFF)
                    (target + initialized).update(
                        from: text + Int(places[place] >> 32), count: length)
                    sortedPayloads.append(UInt64(initialized) << 32 | UInt64(length))
                    map[strings[place] + 1] = UInt32(sortedPayloads.count)
                    initialized += length
                }
            }
        }
        let sortedKinds =
            plain.map { kinds[$0] } + [UInt8](repeating: string, count: strings.count)
        return (
            ValueDictionary(
                kinds: sortedKinds, payloads: sortedPayloads, text: sortedText, isSorted: true), map
        )
    }

    /// The entries that are no strings, in the order of their values.
    private func sortedPlain() -> [Int] {
        let string = ValueDictionary.Kind.string.rawValue
        let plain = (0..<count).filter { kinds[$0] != string }
        let numbers = plain.compactMap { exactNumber($0) }
        // Fast path: of numbers that doubles hold exactly the types need not be looked at.
        guard numbers.count == plain.count else { return plain.sorted { self[$0] < self[$1] } }
        return plain.indices.sorted { numbers[$0] < numbers[$1] }.map { plain[$0] }
    }

    /// An entry as a double, where that is the number itself.
    private func exactNumber(_ index: Int) -> Double? {
        switch ValueDictionary.Kind(rawValue: kinds[index]) {
        case .int: Double(exactly: Int64(bitPattern: payloads[index]))
        case .float: Double(bitPattern: payloads[index])
        default: nil
        }
    }
}
