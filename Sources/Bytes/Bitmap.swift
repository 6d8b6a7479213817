/// A set of row numbers as 64-bit words, row 0 the lowest bit of the first word.
///
/// Bits at and above `count` are always zero.
public struct Bitmap: Hashable, Sendable {
    /// Rows the bitmap speaks of.
    public let count: Int
    public private(set) var words: [UInt64]

    public init(count: Int, repeating value: Bool = false) {
        self.count = count
        words = [UInt64](repeating: value ? ~0 : 0, count: Bitmap.wordCount(count))
        clearTail()
    }

    /// Takes words as they are; bits beyond `count` are dropped.
    public init(count: Int, words: [UInt64]) {
        precondition(words.count == Bitmap.wordCount(count), "BUG: bitmap of the wrong length")
        self.count = count
        self.words = words
        clearTail()
    }

    public static func wordCount(_ rows: Int) -> Int { (rows + 63) / 64 }

    public subscript(row: Int) -> Bool {
        get { words[row >> 6] >> UInt64(row & 63) & 1 != 0 }
        set {
            let bit = UInt64(1) << UInt64(row & 63)
            if newValue { words[row >> 6] |= bit } else { words[row >> 6] &= ~bit }
        }
    }

    /// How many rows are in the set; O(words).
    public var population: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    public mutating func formIntersection(_ other: Bitmap) {
        precondition(count == other.count, "BUG: bitmaps of different lengths")
        for index in words.indices { words[index] &= other.words[index] }
    }

    public mutating func formUnion(_ other: Bitmap) {
        precondition(count == other.count, "BUG: bitmaps of different lengths")
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// Adds all rows of a range, which are below `count`.
    public mutating func insert(_ rows: Range<Int>) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "BUG: rows beyond a bitmap")
        var row = rows.lowerBound
        while row < rows.upperBound {
            let end = min(rows.upperBound, (row | 63) + 1)
            let bits = end - row
            let word: UInt64 = bits == 64 ? ~0 : (1 << UInt64(bits)) - 1
            words[row >> 6] |= word << UInt64(row & 63)
            row = end
        }
    }

    /// Adds the rows of `other`, each moved up by `shift`; they must fit.
    public mutating func formUnion(_ other: Bitmap, shiftedBy shift: Int) {
        precondition(shift >= 0 && shift + other.count <= count, "BUG: bitmap beyond its rows")
        let (start, bits) = (shift >> 6, UInt64(shift & 63))
        for index in other.words.indices {
            let word = other.words[index]
            if word == 0 { continue }
            words[start + index] |= word << bits
            if bits != 0 && word >> (64 - bits) != 0 {
                words[start + index + 1] |= word >> (64 - bits)
            }
        }
    }

    public mutating func subtract(_ other: Bitmap) {
        precondition(count == other.count, "BUG: bitmaps of different lengths")
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    public mutating func invert() {
        for index in words.indices { words[index] = ~words[index] }
        clearTail()
    }

    /// Calls `body` with each row of the set, ascending.
    @inlinable
    public func forEachRow(_ body: (Int) -> Void) {
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                body(index << 6 + word.trailingZeroBitCount)
                word &= word &- 1
            }
        }
    }

    /// Changes the words in place; bits beyond `count` are cleared afterwards.
    public mutating func withMutableWords(_ body: (UnsafeMutableBufferPointer<UInt64>) -> Void) {
        words.withUnsafeMutableBufferPointer { body($0) }
        clearTail()
    }

    private mutating func clearTail() {
        let used = UInt64(count & 63)
        if used != 0 { words[words.count - 1] &= (1 << used) - 1 }
    }
}
