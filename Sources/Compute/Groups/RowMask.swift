internal import Bytes

/// The rows that a kernel takes, and the loop over them.
struct RowMask {
    let rows: Int
    /// Bits as a `Bitmap` has them; nil for all rows.
    let words: [UInt64]?

    /// The selected of a source's rows; nil for all.
    init(allOf rows: Int, _ selection: Bitmap?) {
        self.rows = rows
        words = selection?.words
    }

    /// The rows of `grouped` that are in `present` too; nil there means all.
    init(_ grouped: GroupedRows, present: Bitmap? = nil) {
        rows = grouped.rows
        switch (grouped.selection, present) {
        case (nil, nil): words = nil
        case (let one?, nil), (nil, let one?): words = one.words
        case (var both?, let present?):
            both.formIntersection(present)
            words = both.words
        }
    }

    /// How many rows.
    var count: Int { words.map { $0.reduce(0) { $0 + $1.nonzeroBitCount } } ?? rows }

    /// Calls `body` with each row, ascending.
    ///
    /// Sixty-four rows that are all taken run as a plain loop: bit by bit costs twice as much.
    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        guard let words else {
            for row in 0..<rows { body(row) }
            return
        }
        words.withUnsafeBufferPointer { words in
            for index in 0..<words.count {
                var word = words[index]
                let first = index << 6
                if word == ~0 {
                    for row in first..<first &+ 64 { body(row) }
                    continue
                }
                while word != 0 {
                    body(first &+ word.trailingZeroBitCount)
                    word &= word &- 1
                }
            }
        }
    }
}
