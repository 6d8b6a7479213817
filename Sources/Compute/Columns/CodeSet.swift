internal import CKernels
internal import Bytes
internal import Events

/// Which entries of a dictionary meet a condition; found once a dictionary, then used for each row.
enum CodeSet {
    case none
    /// One code, compared many rows at a time.
    case single(UInt32)
    /// For each code from 0, whose entry is always 0, whether it is in the set: 1 or 0.
    case table([UInt8])

    init(table: [UInt8]) {
        var found: UInt32?
        for (code, isIn) in table.enumerated() where isIn != 0 {
            if found != nil {
                self = .table(table)
                return
            }
            found = UInt32(code)
        }
        self = found.map { .single($0) } ?? .none
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
        case .table(let table):
            table[Int(range.lowerBound)...Int(range.upperBound)].contains { $0 != 0 }
        }
    }

    /// Adds to `words` the rows whose code is in the set.
    func select(_ codes: CodeArray, into words: UnsafeMutablePointer<UInt64>) {
        switch (self, codes) {
        case (.none, _): break
        case (.single(let code), .bytes(let codes)):
            wf_or_equal8(codes, codes.count, UInt8(truncatingIfNeeded: code), words)
        case (.single(let code), .words(let codes)):
            wf_or_equal16(codes, codes.count, UInt16(truncatingIfNeeded: code), words)
        case (.single(let code), .longs(let codes)):
            wf_or_equal32(codes, codes.count, code, words)
        case (.table(let table), .bytes(let codes)):
            wf_or_table8(codes, codes.count, table, words)
        case (.table(let table), .words(let codes)):
            wf_or_table16(codes, codes.count, table, words)
        case (.table(let table), .longs(let codes)):
            wf_or_table32(codes, codes.count, table, words)
        }
    }
}

extension ExpressionEvaluator {
    /// The entries for which a condition on one field holds.
    func codes(of dictionary: ValueDictionary, where condition: Expression) -> CodeSet {
        if let set = codesByBytes(of: dictionary, where: condition) { return set }
        var table = [UInt8](repeating: 0, count: dictionary.count + 1)
        for index in 0..<dictionary.count {
            let value = dictionary[index]
            table[index + 1] = isTrue(condition) { _ in value } ? 1 : 0
        }
        return CodeSet(table: table)
    }

    /// Fast path: equality and parts of strings, decided on the entries' bytes.
    private func codesByBytes(
        of dictionary: ValueDictionary, where condition: Expression
    ) -> CodeSet? {
        switch condition {
        case .compare(.equal, .field, .literal(let value)):
            return dictionary.find(value).map { .single($0) } ?? CodeSet.none
        case .membership(.field, let members, negated: false):
            var table = [UInt8](repeating: 0, count: dictionary.count + 1)
            for member in members {
                if let code = dictionary.find(member) { table[Int(code)] = 1 }
            }
            return CodeSet(table: table)
        case .match(let operation, .field, let text, let negated):
            var table = [UInt8](repeating: 0, count: dictionary.count + 1)
            for index in 0..<dictionary.count {
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
}
