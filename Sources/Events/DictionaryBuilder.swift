/// Gives each distinct value a code, from 1, in the order in which they are first met.
///
/// Not thread-safe.
public final class DictionaryBuilder {
    // Behind a pointer, so that a call costs no check of exclusive access.
    private let table: UnsafeMutablePointer<DictionaryTable>

    public init(expected: Int = 16) {
        table = .allocate(capacity: 1)
        table.initialize(to: DictionaryTable(expected: expected))
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
    }

    public var count: Int { table.pointee.count }
    public var textByteCount: Int { table.pointee.textByteCount }

    /// The code of a string; the bytes must be UTF-8 and at most `EventLimits.stringBytes`.
    public func code(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        table.pointee.code(of: bytes)
    }

    /// The code of a string that is there already; nil when it is not.
    public func existingCode(of bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        table.pointee.existingCode(of: bytes)
    }

    public func code(of value: Bool) -> UInt32 {
        table.pointee.code(of: .bool, payload: value ? 1 : 0)
    }

    public func code(of value: Int64) -> UInt32 {
        table.pointee.code(of: .int, payload: UInt64(bitPattern: value))
    }

    /// The code of a finite float.
    ///
    /// A whole one that an integer can hold is that integer.
    public func code(of value: Double) -> UInt32 {
        if let whole = Int64(exactly: value) { return code(of: whole) }
        return table.pointee.code(of: .float, payload: value.bitPattern)
    }

    /// The code of any value; 0 for `missing`.
    public func code(of value: FieldValue) -> UInt32 {
        switch value {
        case .missing: return 0
        case .bool(let value): return code(of: value)
        case .int(let value): return code(of: value)
        case .float(let value): return code(of: value)
        case .string(var value): return value.withUTF8 { code(of: $0) }
        }
    }

    /// Appends to `map` for each code of `other` (0 first) the code of the same value here; new values
    /// are added, strings map to 0 when they are skipped.
    func appendCodes(
        ofEntriesIn other: ValueDictionary, skippingStrings: Bool,
        to map: inout GrowingBuffer<UInt32>
    ) {
        let target = map.extend(by: other.count + 1)
        target[0] = 0
        let string = ValueDictionary.Kind.string.rawValue
        other.text.withUnsafeBufferPointer { text in
            for index in 0..<other.count {
                let payload = other.payloads[index]
                if other.kinds[index] != string {
                    target[index + 1] = table.pointee.code(
                        of: other.kind(at: index), payload: payload)
                } else if skippingStrings {
                    target[index + 1] = 0
                } else {
                    let start = Int(payload >> 32)
                    target[index + 1] = table.pointee.code(
                        of: UnsafeBufferPointer(
                            rebasing: text[start..<start + Int(payload & 0xFFFF_FFFF)]))
                }
            }
        }
    }

    /// The code of a boolean that is there already; nil when it is not.
    public func existingCode(of value: Bool) -> UInt32? {
        table.pointee.existingCode(of: .bool, payload: value ? 1 : 0)
    }

    /// The code of an integer that is there already; nil when it is not.
    public func existingCode(of value: Int64) -> UInt32? {
        table.pointee.existingCode(of: .int, payload: UInt64(bitPattern: value))
    }

    /// The code of a finite float that is there already; nil when it is not.
    public func existingCode(of value: Double) -> UInt32? {
        if let whole = Int64(exactly: value) { return existingCode(of: whole) }
        return table.pointee.existingCode(of: .float, payload: value.bitPattern)
    }

    /// The entries so far, in code order.
    public func dictionary() -> ValueDictionary { table.pointee.dictionary() }

    /// Forgets all entries and keeps the memory, unless it is much.
    public func removeAll() { table.pointee.removeAll() }
}
