internal import Bytes
internal import CKernels

/// A dictionary code of one of the three widths in which codes are kept; 0 stands for no value.
protocol CodeInteger: PlaneInteger {
    /// Moves the codes other than 0 of `count` rows to the front of `packed`; `words` say which rows
    /// they are of. Gives how many there are.
    static func pack(
        _ codes: UnsafePointer<Self>, _ count: Int, _ packed: UnsafeMutablePointer<Self>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int
    /// Puts packed codes at the rows of a set; the other rows of `codes` stay as they are.
    static func spread(
        _ packed: UnsafePointer<Self>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<Self>)
    /// What is to be known of `count` codes, at least one, before they are encoded.
    static func summary(_ codes: UnsafePointer<Self>, _ count: Int) -> CodeSummary<Self>
}

/// The range of some codes, and how many are the one that most of them are.
struct CodeSummary<Code: CodeInteger> {
    let low: Code
    let high: Code
    /// Surely that of all rows where they agree; wide ones are judged by each sixteenth row.
    let common: Code
    /// Rows that have another code than `common`.
    let others: Int
}

extension UInt8: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt8>, _ count: Int, _ packed: UnsafeMutablePointer<UInt8>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack8(codes, codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt8>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt8>
    ) { wf_spread8(packed, words, rows, codes) }

    /// One pass that counts each code tells all of it.
    static func summary(_ codes: UnsafePointer<UInt8>, _ count: Int) -> CodeSummary<UInt8> {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            wf_count_bytes(codes, count, counts.baseAddress)
            let met = counts.indices.filter { counts[$0] > 0 }
            let common = met.max { counts[$0] < counts[$1] } ?? 0
            return CodeSummary(
                low: UInt8(met.first ?? 0), high: UInt8(met.last ?? 0), common: UInt8(common),
                others: count - Int(counts[common]))
        }
    }
}

extension UInt16: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt16>, _ count: Int, _ packed: UnsafeMutablePointer<UInt16>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack16(codes, codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt16>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt16>
    ) { wf_spread16(packed, words, rows, codes) }

    static func summary(_ codes: UnsafePointer<UInt16>, _ count: Int) -> CodeSummary<UInt16> {
        var (low, high): (UInt16, UInt16) = (0, 0)
        wf_bounds16(codes, count, &low, &high)
        let common = likelyCommonest(codes, count)
        return CodeSummary(
            low: low, high: high, common: common,
            others: count - wf_count_equal16(codes, count, common))
    }
}

extension UInt32: CodeInteger {
    static func pack(
        _ codes: UnsafePointer<UInt32>, _ count: Int, _ packed: UnsafeMutablePointer<UInt32>,
        _ words: UnsafeMutablePointer<UInt64>
    ) -> Int { wf_pack32(codes, codes, count, packed, words) }

    static func spread(
        _ packed: UnsafePointer<UInt32>, _ words: UnsafePointer<UInt64>, _ rows: Int,
        _ codes: UnsafeMutablePointer<UInt32>
    ) { wf_spread32(packed, words, rows, codes) }

    static func summary(_ codes: UnsafePointer<UInt32>, _ count: Int) -> CodeSummary<UInt32> {
        var (low, high): (UInt32, UInt32) = (0, 0)
        wf_bounds32(codes, count, &low, &high)
        let common = likelyCommonest(codes, count)
        return CodeSummary(
            low: low, high: high, common: common,
            others: count - wf_count_equal32(codes, count, common))
    }
}

extension CodeInteger {
    /// The code that more than half of each sixteenth row have if there is one, by majority vote; any
    /// other one otherwise.
    fileprivate static func likelyCommonest(_ codes: UnsafePointer<Self>, _ count: Int) -> Self {
        var common = codes[0]
        var lead = 0
        for row in stride(from: 0, to: count, by: 16) {
            if lead == 0 { common = codes[row] }
            lead += codes[row] == common ? 1 : -1
        }
        return common
    }
}
