extension ValueDictionary {
    /// A dictionary of some of the entries.
    ///
    /// - Parameter entries: ascending, each once; entry `entries[i]` has code i + 1 in the result.
    public func picking(_ entries: [Int]) -> ValueDictionary {
        var payloads: [UInt64] = []
        var text: [UInt8] = []
        payloads.reserveCapacity(entries.count)
        for entry in entries {
            let place = withString(at: entry) { bytes in
                defer { text.append(contentsOf: bytes) }
                return UInt64(text.count) << 32 | UInt64(bytes.count)
            }
            payloads.append(place ?? self.payloads[entry])
        }
        return ValueDictionary(
            kinds: entries.map { kinds[$0] }, payloads: payloads, text: text, isSorted: isSorted)
    }

    /// For each entry of another dictionary, much smaller than this one, its code here; 0 for none.
    public func codes(ofEntriesIn other: ValueDictionary) -> [UInt32] {
        isSorted ? codesByHalving(other) : codesByHash(other)
    }

    /// Sorted entries are sought from the place of the one before, in steps that double: of a
    /// dictionary a quarter of this one's size that takes four comparisons an entry, not sixteen.
    private func codesByHalving(_ other: ValueDictionary) -> [UInt32] {
        text.withUnsafeBufferPointer { ownText in
            other.text.withUnsafeBufferPointer { otherText in
                var start = 0
                return (0..<other.count).map { entry in
                    func order(_ place: Int) -> Int {
                        ValueDictionary.compare(self, place, ownText, other, entry, otherText)
                    }
                    var (low, high) = (start, count)
                    if other.isSorted {
                        var step = 1
                        while low + step < count, order(low + step) < 0 {
                            low += step
                            step *= 2
                        }
                        high = min(count, low + step)
                    }
                    while low < high {
                        let middle = (low + high) / 2
                        if order(middle) < 0 { low = middle + 1 } else { high = middle }
                    }
                    if other.isSorted { start = low }
                    return low < count && order(low) == 0 ? UInt32(low + 1) : 0
                }
            }
        }
    }

    /// Each entry of this one is looked up among the few others.
    private func codesByHash(_ other: ValueDictionary) -> [UInt32] {
        let builder = DictionaryBuilder(expected: other.count)
        let places = builder.codes(ofEntriesIn: other)
        var own = [UInt32](repeating: 0, count: other.count + 1)
        for entry in 0..<count {
            if let code = builder.existingCode(ofEntry: entry, in: self) {
                own[Int(code)] = UInt32(entry + 1)
            }
        }
        return (0..<other.count).map { own[Int(places[$0 + 1])] }
    }
}

extension DictionaryBuilder {
    fileprivate func existingCode(ofEntry entry: Int, in other: ValueDictionary) -> UInt32? {
        switch other.kind(at: entry) {
        case .string: other.withString(at: entry) { existingCode(of: $0) } ?? nil
        case .bool: existingCode(of: other.payloads[entry] != 0)
        case .int: existingCode(of: Int64(bitPattern: other.payloads[entry]))
        case .float: existingCode(of: Double(bitPattern: other.payloads[entry]))
        }
    }
}
