internal import Bytes
internal import CKernels

/// A dictionary code of one of the three widths in which codes are kept; 0 stands for no value.
protocol CodeInteger: PlaneInteger {
    /// Moves the codes other than 0 of `count` rows to the front of `packed`, which has room for one
    /// more; `words` say which rows they are of. Gives how many there are.
    static func pack(
        _ codes: UnsafePointer<Self>, _ count: Int, _ packed: UnsafeMutablePointer<Self>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int
    /// Puts packed codes at the rows of a set; the other rows of `codes` stay as they are.
    static func spread(
        _ packed: UnsafePointer<Self>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<Self>)
}

extension UInt8: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt8>, _ count: Int, _ packed: UnsafeMutablePointer<UInt8>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack8(codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt8>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt8>
    ) { wf_spread8(packed, words, rows, codes) }
}

extension UInt16: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt16>, _ count: Int, _ packed: UnsafeMutablePointer<UInt16>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack16(codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt16>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt16>
    ) { wf_spread16(packed, words, rows, codes) }
}

extension UInt32: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt32>, _ count: Int, _ packed: UnsafeMutablePointer<UInt32>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack32(codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt32>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt32>
    ) { wf_spread32(packed, words, rows, codes) }
}
