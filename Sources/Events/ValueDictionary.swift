internal import CKernels

/// Distinct values of a column; rows name them by code.
///
/// Code 0 is kept for "no value here"; code c names entry c − 1. No two entries are equal in the
/// meaning of `FieldValue`. Shared between the row groups of a segment, hence a class: two columns
/// whose dictionaries are the same object have codes that can be compared.
public final class ValueDictionary: Sendable {
    public enum Kind: UInt8, Sendable {
        case bool = 1
        case int = 2
        case float = 3
        case string = 4
    }

    /// One entry a value, `Kind.rawValue`.
    public let kinds: [UInt8]
    /// The value's bits: 0 or 1, an integer's or a float's pattern, or where its string lies:
    /// offset in the upper, length in the lower 32 bits.
    public let payloads: [UInt64]
    /// The UTF-8 bytes of all strings.
    public let text: [UInt8]
    /// Whether the entries ascend in the order of `FieldValue`.
    public let isSorted: Bool
    /// The last union that began with this dictionary; nil while it is too small to be remembered.
    let lastUnion: DictionaryUnionMemory?

    /// Takes lanes that already agree; who reads them from outside checks them with
    /// `isPayload(_:of:)` and by their lengths.
    public init(kinds: [UInt8], payloads: [UInt64], text: [UInt8], isSorted: Bool) {
        precondition(kinds.count == payloads.count, "BUG: dictionary lanes of different lengths")
        self.kinds = kinds
        self.payloads = payloads
        self.text = text
        self.isSorted = isSorted
        lastUnion =
            isSorted && kinds.count >= DictionaryUnionMemory.entriesMin
            ? DictionaryUnionMemory() : nil
    }

    /// Whether the bits are a value of the kind: 0 or 1, any integer, a finite float; false for
    /// strings, whose payload is a place in the text.
    public static func isPayload(_ bits: UInt64, of kind: Kind) -> Bool {
        switch kind {
        case .bool: bits <= 1
        case .int: true
        case .float: Double(bitPattern: bits).isFinite
        case .string: false
        }
    }

    public static let empty = ValueDictionary(kinds: [], payloads: [], text: [], isSorted: true)

    public var count: Int { kinds.count }

    /// Bytes the dictionary takes in memory, about.
    public var byteCount: Int { kinds.count * 9 + text.count }

    /// The value that `code` names; `missing` for 0.
    public func value(ofCode code: UInt32) -> FieldValue {
        code == 0 ? .missing : self[Int(code) - 1]
    }

    /// The value of entry `index`, 0 ..< `count`.
    public subscript(index: Int) -> FieldValue {
        let payload = payloads[index]
        switch kind(at: index) {
        case .bool: return .bool(payload != 0)
        case .int: return .int(Int64(bitPattern: payload))
        case .float: return .float(Double(bitPattern: payload))
        case .string: return .string(string(payload))
        }
    }

    public func kind(at index: Int) -> Kind {
        guard let kind = Kind(rawValue: kinds[index]) else {
            preconditionFailure("BUG: unknown kind in a dictionary: \(kinds[index])")
        }
        return kind
    }

    /// The bytes of a string entry, valid during the call; nil when the entry is no string.
    public func withString<R>(
        at index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> R
    ) rethrows -> R? {
        guard kinds[index] == Kind.string.rawValue else { return nil }
        let payload = payloads[index]
        let start = Int(payload >> 32)
        let length = Int(payload & 0xFFFF_FFFF)
        return try text.withUnsafeBufferPointer { all in
            try body(UnsafeBufferPointer(rebasing: all[start..<start + length]))
        }
    }

    private func string(_ payload: UInt64) -> String {
        let start = Int(payload >> 32)
        let length = Int(payload & 0xFFFF_FFFF)
        return String(decoding: text[start..<start + length], as: UTF8.self)
    }

    /// The code of `value`, or nil; by halving when sorted, else by looking at every entry.
    public func code(of value: FieldValue) -> UInt32? {
        if isSorted {
            let index = lowerBound(value)
            return index < count && self[index] == value ? UInt32(index + 1) : nil
        }
        for index in 0..<count where self[index] == value { return UInt32(index + 1) }
        return nil
    }

    /// The first entry not below `value`, `count` when there is none; only when sorted.
    public func lowerBound(_ value: FieldValue) -> Int {
        precondition(isSorted, "BUG: halving in an unsorted dictionary")
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
