internal import CKernels
internal import Events

/// How often each value of a field is in the selection, and in all rows compared.
///
/// Values are those of `FieldValue`, whatever lane or dictionary they come from. Of very many values
/// only one part may be kept at a time, chosen by hash.
struct ValueTally: ~Copyable {
    private let values = DictionaryBuilder()
    /// Two for each code: the selection's count, the count of all.
    private var counts: UnsafeMutablePointer<UInt64>
    private var capacity = 64
    private let part: ValuePart
    private var known = ValueFilter()

    init(part: ValuePart) {
        self.part = part
        counts = .allocate(capacity: capacity * 2)
        counts.initialize(repeating: 0, count: capacity * 2)
    }

    deinit { counts.deallocate() }

    var count: Int { values.count }

    /// Bytes held, about: an entry of the dictionary and its slots, and its counts.
    var byteCount: Int { values.textByteCount + values.count * (9 + 24) + capacity * 16 }

    func dictionary() -> ValueDictionary { values.dictionary() }

    /// Counts of the entry that `code` names.
    func counts(ofCode code: Int) -> (selected: UInt64, all: UInt64) {
        (counts[code * 2], counts[code * 2 + 1])
    }

    /// From here on values are counted only when they are there already.
    mutating func beginKnown() {
        known = ValueFilter(values.dictionary())
    }

    // MARK: - Adding

    /// Which of the two counts is added to, and what happens to values that are not there yet.
    enum Mode {
        case selected
        case all
        /// The count of all, of the values that are there already.
        case allOfKnown
    }

    @inline(__always)
    private mutating func add(_ code: UInt32, _ weight: UInt64, _ mode: Mode) {
        let code = Int(code)
        if code >= capacity { grow() }
        counts[code * 2 + (mode == .selected ? 0 : 1)] &+= weight
    }

    private mutating func grow() {
        let wider = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 4)
        wider.moveInitialize(from: counts, count: capacity * 2)
        (wider + capacity * 2).initialize(repeating: 0, count: capacity * 2)
        counts.deallocate()
        counts = wider
        capacity *= 2
    }

    @inline(__always)
    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, _ weight: UInt64, _ mode: Mode) {
        if mode == .allOfKnown && !known.mayHold(bytes) { return }
        guard part.holds(bytes) else { return }
        if mode == .allOfKnown {
            if let code = values.existingCode(of: bytes) { add(code, weight, mode) }
        } else {
            add(values.code(of: bytes), weight, mode)
        }
    }

    @inline(__always)
    mutating func add(_ value: Int64, _ weight: UInt64, _ mode: Mode) {
        if mode == .allOfKnown && !known.mayHold(UInt64(bitPattern: value)) { return }
        guard part.holds(UInt64(bitPattern: value)) else { return }
        if mode == .allOfKnown {
            if let code = values.existingCode(of: value) { add(code, weight, mode) }
        } else {
            add(values.code(of: value), weight, mode)
        }
    }

    @inline(__always)
    mutating func add(_ value: Double, _ weight: UInt64, _ mode: Mode) {
        if let whole = Int64(exactly: value) { return add(whole, weight, mode) }
        if mode == .allOfKnown && !known.mayHold(value.bitPattern) { return }
        guard part.holds(value.bitPattern) else { return }
        if mode == .allOfKnown {
            if let code = values.existingCode(of: value) { add(code, weight, mode) }
        } else {
            add(values.code(of: value), weight, mode)
        }
    }

    /// Adds an entry of a dictionary.
    @inline(__always)
    mutating func add(_ entry: EntryReader.Entry, _ weight: UInt64, _ mode: Mode) {
        switch entry {
        case .string(let bytes): add(bytes, weight, mode)
        case .int(let value): add(value, weight, mode)
        case .float(let value): add(value, weight, mode)
        case .bool(let value): add(value, weight, mode)
        }
    }

    mutating func add(_ value: FieldValue, _ weight: UInt64, _ mode: Mode) {
        switch value {
        case .missing: break
        case .bool(let value): add(value, weight, mode)
        case .int(let value): add(value, weight, mode)
        case .float(let value): add(value, weight, mode)
        case .string(var value): value.withUTF8 { add($0, weight, mode) }
        }
    }

    private mutating func add(_ value: Bool, _ weight: UInt64, _ mode: Mode) {
        guard part.holds(value ? 1 : 0) else { return }
        if mode == .allOfKnown {
            if let code = values.existingCode(of: value) { add(code, weight, mode) }
        } else {
            add(values.code(of: value), weight, mode)
        }
    }
}

/// One of several parts of all values, by hash; each value is in exactly one.
public struct ValuePart: Sendable {
    private let mask: UInt64
    private let number: UInt64

    /// All values.
    public static let whole = ValuePart(number: 0, of: 1)

    /// - Parameter count: how many parts there are, a power of two.
    public init(number: Int, of count: Int) {
        precondition(count & (count - 1) == 0 && number < count, "BUG: no such part")
        mask = UInt64(count - 1)
        self.number = UInt64(number)
    }

    /// The first part also answers what is asked of the field once.
    public var isFirst: Bool { number == 0 }

    @inline(__always)
    func holds(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if mask == 0 { return true }
        guard let base = bytes.baseAddress else { return number == 0 }
        return wf_hash(base, bytes.count, 1) & mask == number
    }

    @inline(__always)
    func holds(_ payload: UInt64) -> Bool {
        mask == 0 || wf_hash64(payload &+ 1) & mask == number
    }
}
