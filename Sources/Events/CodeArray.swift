public import Bytes
internal import CKernels

/// Dictionary codes, one a row, in the narrowest of three widths.
public enum CodeArray: Sendable {
    case bytes([UInt8])
    case words([UInt16])
    case longs([UInt32])

    /// The narrowest array for codes up to `highest`.
    public init(_ codes: [UInt32], highest: UInt32) {
        if highest <= UInt32(UInt8.max) {
            self = .bytes(codes.map { UInt8(truncatingIfNeeded: $0) })
        } else if highest <= UInt32(UInt16.max) {
            self = .words(codes.map { UInt16(truncatingIfNeeded: $0) })
        } else {
            self = .longs(codes)
        }
    }

    public var count: Int {
        switch self {
        case .bytes(let codes): codes.count
        case .words(let codes): codes.count
        case .longs(let codes): codes.count
        }
    }

    /// Bytes of one code.
    public var width: Int {
        switch self {
        case .bytes: 1
        case .words: 2
        case .longs: 4
        }
    }

    public subscript(row: Int) -> UInt32 {
        switch self {
        case .bytes(let codes): UInt32(codes[row])
        case .words(let codes): UInt32(codes[row])
        case .longs(let codes): codes[row]
        }
    }

    /// Whether any of some rows has a code other than 0.
    func isMet(at rows: [Int]) -> Bool {
        switch self {
        case .bytes(let codes): rows.contains { codes[$0] != 0 }
        case .words(let codes): rows.contains { codes[$0] != 0 }
        case .longs(let codes): rows.contains { codes[$0] != 0 }
        }
    }

    /// All codes at full width.
    public func widened() -> [UInt32] {
        switch self {
        case .bytes(let codes): codes.map { UInt32($0) }
        case .words(let codes): codes.map { UInt32($0) }
        case .longs(let codes): codes
        }
    }

    /// The highest code, 0 when there is none.
    public var highest: UInt32 {
        switch self {
        case .bytes(let codes): UInt32(codes.max() ?? 0)
        case .words(let codes): UInt32(codes.max() ?? 0)
        case .longs(let codes): codes.max() ?? 0
        }
    }

    /// The rows that have a code, which is not 0.
    public func rows(equalTo code: UInt32) -> Bitmap {
        var result = Bitmap(count: count)
        result.withMutableWords { words in
            guard let base = words.baseAddress, code <= highestOfWidth else { return }
            switch self {
            case .bytes(let codes): wf_or_equal8(codes, codes.count, UInt8(code), base)
            case .words(let codes): wf_or_equal16(codes, codes.count, UInt16(code), base)
            case .longs(let codes): wf_or_equal32(codes, codes.count, code, base)
            }
        }
        return result
    }

    private var highestOfWidth: UInt32 { .max >> UInt32(32 - 8 * width) }
}
