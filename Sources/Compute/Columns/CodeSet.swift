internal import CKernels
internal import Bytes
internal import Events

/// Which entries of a dictionary meet a condition; found once a dictionary, then used for each row.
enum CodeSet {
    case none
    /// One code, compared many rows at a time.
    case single(UInt32)
    /// Codes one after the other, 0 not among them; compared many rows at a time.
    case range(ClosedRange<UInt32>)
    /// For each code from 0, whose entry is always 0, whether it is in the set: 1 or 0.
    case table([UInt8])

    init(table: [UInt8]) {
        guard let first = table.firstIndex(where: { $0 != 0 }),
            let last = table.lastIndex(where: { $0 != 0 })
        else {
            self = .none
            return
        }
        if table[first...last].allSatisfy({ $0 != 0 }) {
            self.init(UInt32(first)..<UInt32(last) + 1)
        } else {
            self = .table(table)
        }
    }

    /// All codes of a range.
    init(_ codes: Range<UInt32>) {
        if codes.isEmpty {
            self = .none
        } else if codes.count == 1 {
            self = .single(codes.lowerBound)
        } else {
            self = .range(codes.lowerBound...codes.upperBound - 1)
        }
    }

    /// Bytes held, about.
    var byteCount: Int {
        if case .table(let table) = self { table.count + 64 } else { 64 }
    }

    /// Whether any code of the range is in the set.
    func contains(anyOf range: ClosedRange<UInt32>) -> Bool {
        switch self {
        case .none: false
        case .single(let code): range.contains(code)
        case .range(let codes): codes.overlaps(range)
        case .table(let table):
            table[Int(range.lowerBound)...Int(range.upperBound)].contains { $0 != 0 }
        }
    }

    /// Adds to `words` the rows whose code is in the set.
    func select(_ codes: CodeArray, into words: UnsafeMutablePointer<UInt64>) {
        switch codes {
        case .bytes(let codes):
            switch self {
            case .none: break
            case .single(let code):
                wf_or_equal8(codes, codes.count, UInt8(truncatingIfNeeded: code), words)
            case .range(let range):
                wf_or_range8(
                    codes, codes.count, UInt8(truncatingIfNeeded: range.lowerBound),
                    UInt8(clamping: range.upperBound), words)
            case .table(let table): wf_or_table8(codes, codes.count, table, words)
            }
        case .words(let codes):
            switch self {
            case .none: break
            case .single(let code):
                wf_or_equal16(codes, codes.count, UInt16(truncatingIfNeeded: code), words)
            case .range(let range):
                wf_or_range16(
                    codes, codes.count, UInt16(truncatingIfNeeded: range.lowerBound),
                    UInt16(clamping: range.upperBound), words)
            case .table(let table): wf_or_table16(codes, codes.count, table, words)
            }
        case .longs(let codes):
            switch self {
            case .none: break
            case .single(let code): wf_or_equal32(codes, codes.count, code, words)
            case .range(let range):
                wf_or_range32(codes, codes.count, range.lowerBound, range.upperBound, words)
            case .table(let table): wf_or_table32(codes, codes.count, table, words)
            }
        }
    }
}

extension ExpressionEvaluator {
    /// The entries for which a condition on one field holds.
    ///
    /// - Parameter pause: called before each entry that is looked at by itself; what it throws ends
    ///   the work.
    func codes(
        of dictionary: ValueDictionary, where condition: Expression,
        pause: (_ entry: Int) throws -> Void
    ) rethrows -> CodeSet {
        if let set = codesByOrder(of: dictionary, where: condition) { return set }
        if let set = try codesByBytes(of: dictionary, where: condition, pause) { return set }
        return try codesByValue(of: dictionary, where: condition, pause)
    }

    /// Slow path, and what the others must equal: entry by entry.
    func codesByValue(
        of dictionary: ValueDictionary, where condition: Expression,
        _ pause: (_ entry: Int) throws -> Void
    ) rethrows -> CodeSet {
        var table = [UInt8](repeating: 0, count: dictionary.count + 1)
        for index in 0..<dictionary.count {
            try pause(index)
            let value = dictionary[index]
            table[index + 1] = isTrue(condition) { _ in value } ? 1 : 0
        }
        return CodeSet(table: table)
    }

    /// Fast path: in a sorted dictionary comparisons and beginnings of strings are ranges of codes,
    /// found by halving.
    private func codesByOrder(
        of dictionary: ValueDictionary, where condition: Expression
    ) -> CodeSet? {
        guard dictionary.isSorted else { return nil }
        switch condition {
        case .compare(let operation, .field, .literal(let bound)):
            guard operation != .notEqual, !bound.isMissing else { return nil }
            let like = dictionary.entries(comparableWith: bound)
            let low = dictionary.lowerBound(bound)
            let high = low < dictionary.count && dictionary[low] == bound ? low + 1 : low
            let entries: Range<Int>
            switch operation {
            case .equal: entries = low..<high
            case .less: entries = like.lowerBound..<low
            case .lessOrEqual: entries = like.lowerBound..<high
            case .greater: entries = high..<like.upperBound
            case .greaterOrEqual: entries = low..<like.upperBound
            case .notEqual: return nil
            }
            return CodeSet(UInt32(entries.lowerBound + 1)..<UInt32(entries.upperBound + 1))
        case .match(.startsWith, .field, let part, negated: false):
            let entries = dictionary.entries(startingWith: Array(part.utf8))
            return CodeSet(UInt32(entries.lowerBound + 1)..<UInt32(entries.upperBound + 1))
        default: return nil
        }
    }

    /// Fast path: equality and parts of strings, decided on the entries' bytes.
    private func codesByBytes(
        of dictionary: ValueDictionary, where condition: Expression,
        _ pause: (_ entry: Int) throws -> Void
    ) rethrows -> CodeSet? {
        switch condition {
        case .compare(.equal, .field, .literal(let value)):
            return dictionary.find(value).map { .single($0) } ?? CodeSet.none
        case .membership(.field, let members, negated: false):
            var table = [UInt8](repeating: 0, count: dictionary.count + 1)
            for member in members {
                if let code = dictionary.find(member) { table[Int(code)] = 1 }
            }
            return CodeSet(table: table)
        case .match(.contains, .field, let part, negated: false) where !part.isEmpty:
            return dictionary.codes(ofEntriesContaining: Array(part.utf8))
        case .match(let operation, .field, let text, let negated):
            var table = [UInt8](repeating: 0, count: dictionary.count + 1)
            for index in 0..<dictionary.count {
                try pause(index)
                let holds =
                    dictionary.withString(at: index) { matches(operation, $0, text) } ?? false
                table[index + 1] = holds != negated ? 1 : 0
            }
            return CodeSet(table: table)
        default: return nil
        }
    }
}

extension ValueDictionary {
    /// The code of `value`: by halving when sorted, else, for strings, by comparing bytes.
    func find(_ value: FieldValue) -> UInt32? {
        guard !isSorted, case .string(var text) = value else { return code(of: value) }
        return text.withUTF8 { wanted in
            for index in 0..<count {
                let isEqual = withString(at: index) { entry in
                    guard entry.count == wanted.count else { return false }
                    guard let a = entry.baseAddress, let b = wanted.baseAddress else { return true }
                    return wf_equal(a, b, entry.count)
                }
                if isEqual ?? false { return UInt32(index + 1) }
            }
            return nil
        }
    }

    /// The first entry for which `isBeyond` holds, as for all after it; `count` when there is none.
    private func firstEntry(where isBeyond: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The entries that have an order with `value`: booleans, numbers or strings; sorted only.
    fileprivate func entries(comparableWith value: FieldValue) -> Range<Int> {
        func entries(_ from: Kind, _ to: Kind) -> Range<Int> {
            firstEntry { kinds[$0] >= from.rawValue }..<firstEntry { kinds[$0] > to.rawValue }
        }
        switch value {
        case .missing: return 0..<0
        case .bool: return entries(.bool, .bool)
        case .int, .float: return entries(.int, .float)
        case .string: return entries(.string, .string)
        }
    }

    /// The strings that begin with `part`; sorted only.
    fileprivate func entries(startingWith part: [UInt8]) -> Range<Int> {
        let strings = firstEntry { kinds[$0] >= Kind.string.rawValue }
        func order(_ index: Int) -> Int32 {
            withString(at: index) { entry in
                part.withUnsafeBufferPointer { part in
                    guard let a = entry.baseAddress, let b = part.baseAddress else {
                        return part.isEmpty ? 0 : -1
                    }
                    return wf_compare(a, min(entry.count, part.count), b, part.count)
                }
            } ?? -1
        }
        let first = max(strings, firstEntry { kinds[$0] >= Kind.string.rawValue && order($0) >= 0 })
        return first..<max(first, firstEntry { kinds[$0] >= Kind.string.rawValue && order($0) > 0 })
    }

    /// The strings that hold `part`, which is not empty.
    ///
    /// The text of all entries is searched as one, which is five times as fast as entry by entry;
    /// nil when entries do not lie in it one after the other.
    fileprivate func codes(ofEntriesContaining part: [UInt8]) -> CodeSet? {
        var table = [UInt8](repeating: 0, count: count + 1)
        var (isOrdered, end) = (true, 0)
        text.withUnsafeBufferPointer { text in
            payloads.withUnsafeBufferPointer { payloads in
                guard let base = text.baseAddress else { return }
                // A long part could be compared in full at every place: it takes another way.
                func next(_ start: Int) -> Int {
                    if start >= text.count { return text.count }
                    return part.count <= WF_SHORT_NEEDLE
                        ? wf_find_next(base, text.count, start, part, part.count)
                        : start + wf_find(base + start, text.count - start, part, part.count)
                }
                var found = next(0)
                for index in 0..<count where kinds[index] == Kind.string.rawValue {
                    let start = Int(payloads[index] >> 32)
                    if start < end {
                        isOrdered = false
                        return
                    }
                    end = start + Int(payloads[index] & 0xFFFF_FFFF)
                    while found < start { found = next(found + 1) }
                    // What begins here and ends in the next entry is in neither.
                    if found + part.count <= end {
                        table[index + 1] = 1
                        found = next(end)
                    }
                }
            }
        }
        return isOrdered ? CodeSet(table: table) : nil
    }
}
