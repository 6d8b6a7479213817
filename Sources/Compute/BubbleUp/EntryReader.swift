internal import CKernels
internal import Events

/// Reads the entries of a dictionary in place; only during the call that gives it.
struct EntryReader {
    enum Entry {
        case bool(Bool)
        case int(Int64)
        case float(Double)
        case string(UnsafeBufferPointer<UInt8>)
    }

    private let kinds: UnsafeBufferPointer<UInt8>
    private let payloads: UnsafeBufferPointer<UInt64>
    private let text: UnsafeBufferPointer<UInt8>

    /// Calls `body` with a reader, whose arrays are looked up once and not for each entry.
    static func reading(_ dictionary: ValueDictionary, _ body: (EntryReader) -> Void) {
        dictionary.kinds.withUnsafeBufferPointer { kinds in
            dictionary.payloads.withUnsafeBufferPointer { payloads in
                dictionary.text.withUnsafeBufferPointer { text in
                    body(EntryReader(kinds: kinds, payloads: payloads, text: text))
                }
            }
        }
    }

    /// Has what says where an entry is brought near.
    @inline(__always)
    func fetchPlace(of index: Int) {
        guard let kinds = kinds.baseAddress, let payloads = payloads.baseAddress else { return }
        wf_prefetch_read(kinds + index)
        wf_prefetch_read(payloads + index)
    }

    /// Has the text of an entry brought near whose place is.
    @inline(__always)
    func fetchText(of index: Int) {
        guard kinds[index] == ValueDictionary.Kind.string.rawValue, let text = text.baseAddress
        else { return }
        wf_prefetch_read(text + Int(payloads[index] >> 32))
    }

    @inline(__always)
    subscript(index: Int) -> Entry {
        let payload = payloads[index]
        switch ValueDictionary.Kind(rawValue: kinds[index]) {
        case .bool: return .bool(payload != 0)
        case .int: return .int(Int64(bitPattern: payload))
        case .float: return .float(Double(bitPattern: payload))
        case .string:
            let start = Int(payload >> 32)
            return .string(
                UnsafeBufferPointer(rebasing: text[start..<start + Int(payload & 0xFFFF_FFFF)]))
        case nil: preconditionFailure("BUG: unknown kind in a dictionary: \(kinds[index])")
        }
    }
}
