internal import CKernels

/// A value that a dictionary is asked for, with what is compared of it first.
///
/// A short string is all in `first` and `last`, which a reader that has its bytes in a register gives
/// without reading them again.
public struct SoughtValue: BitwiseCopyable {
    /// Of a string; may be nil when it is empty, and is not read then.
    let base: UnsafePointer<UInt8>?
    /// Bytes of a string; 0 of another value.
    public let count: Int
    /// As `wf_ends_of` gives it of a string; the bits of another value.
    let first: UInt64
    /// As `wf_ends_of` gives it of a string; the kind of another value, below a byte that no string
    /// has there.
    let last: UInt64

    /// A string whose ends are known.
    @inline(__always)
    public init(_ base: UnsafePointer<UInt8>, count: Int, first: UInt64, last: UInt64) {
        self.base = base
        self.count = count
        self.first = first
        self.last = last
    }

    /// A string.
    @inline(__always)
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        let ends = wf_ends_of(bytes.baseAddress, bytes.count)
        base = bytes.baseAddress
        count = bytes.count
        first = ends.first
        last = ends.last
    }

    /// A value that is no string.
    @inline(__always)
    init(_ kind: ValueDictionary.Kind, payload: UInt64) {
        base = nil
        count = 0
        first = payload
        last = SoughtValue.otherMark << 56 | UInt64(kind.rawValue)
    }

    /// The highest byte of `last` where the value is no string.
    private static var otherMark: UInt64 { 254 }

    /// The kind of the value with this `last`.
    @inline(__always)
    static func kind(ofLast last: UInt64) -> UInt8 {
        last >> 56 == otherMark
            ? UInt8(truncatingIfNeeded: last) : ValueDictionary.Kind.string.rawValue
    }

    /// Whether `first` and `last` are all of the value.
    @inline(__always)
    var isShort: Bool { count <= Int(WF_ENDS_WHOLE) }

    /// Of the value alone, for tables in memory.
    @inline(__always)
    public var hash: UInt64 { wf_hash_with_ends(base, count, first, last) }
}
