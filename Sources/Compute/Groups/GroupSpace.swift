public import Events

/// The possible groups of an answer: one dimension a group key, and one for time buckets.
///
/// A cell is one combination. While all rows scanned share their dictionaries, cells are numbered by
/// codes alone and no value is looked at. Few combinations: the number is the mixed-radix number of
/// the codes. Many: combinations are numbered as they are met.
public final class GroupSpace {
    public enum Dimension {
        /// Codes of a dictionary, 0 for missing.
        case values(ValueDictionary)
        /// Time buckets, numbered from 0.
        case buckets(Int)

        public var size: Int {
            switch self {
            case .values(let dictionary): dictionary.count + 1
            case .buckets(let count): count
            }
        }

        func isSame(as other: Dimension) -> Bool {
            switch (self, other) {
            case (.values(let a), .values(let b)): a === b
            case (.buckets(let a), .buckets(let b)): a == b
            default: false
            }
        }
    }

    /// Combinations for each row up to which every one has its place from the start: beyond, most
    /// places would stay empty.
    static let denseCellsPerRow = 16
    static let denseCellsMax = 1 << 20

    public let dimensions: [Dimension]
    private let strides: [UInt64]
    private let table: CellTable?
    private let denseCount: Int
    private let dictionaryBytes: Int

    /// A space for about `rows` rows at a time.
    ///
    /// - Parameter ownsDictionaries: whether the dictionaries were made for this space; otherwise
    ///   sorted ones are taken for those of segments, which others hold too.
    public init(_ dimensions: [Dimension], rows: Int, ownsDictionaries: Bool = false) {
        self.dimensions = dimensions
        dictionaryBytes = dimensions.reduce(0) { bytes, dimension in
            guard case .values(let dictionary) = dimension else { return bytes }
            return bytes + (ownsDictionaries || !dictionary.isSorted ? dictionary.byteCount : 0)
        }
        let cellsMax = min(
            GroupSpace.denseCellsMax, max(1024, rows * GroupSpace.denseCellsPerRow))
        var strides: [UInt64] = []
        var total: UInt64 = 1
        var isCountable = true
        for dimension in dimensions {
            strides.append(total)
            let (product, overflow) = total.multipliedReportingOverflow(by: UInt64(dimension.size))
            isCountable = isCountable && !overflow
            total = product
        }
        self.strides = strides
        if !isCountable || total > UInt64(cellsMax) {
            table = CellTable(width: dimensions.count, strides: isCountable ? strides : nil)
            denseCount = 0
        } else {
            table = nil
            denseCount = Int(total)
        }
    }

    /// Whether a combination's number follows from its codes, the same in every space of these
    /// dimensions.
    var isDense: Bool { table == nil }

    /// Cells that have a number so far; all combinations while they are few.
    public var cellCount: Int { table?.count ?? denseCount }

    /// Bytes held, about: the numbering of cells and the dictionaries that live for it.
    var byteCount: Int { dictionaryBytes + (table?.byteCount ?? 0) }

    /// Whether rows with these dimensions can go on in this space.
    public func hasDimensions(_ other: [Dimension]) -> Bool {
        dimensions.count == other.count
            && zip(dimensions, other).allSatisfy { $0.isSame(as: $1) }
    }

    /// The cell of each row: `codes[d][i]` is row i's code in dimension d.
    public func cells(_ codes: [[UInt32]], count: Int) -> [UInt32] {
        if let table { return table.cells(codes, count: count) }
        guard let first = codes.first else { return [UInt32](repeating: 0, count: count) }
        var cells = first
        for (dimension, codes) in codes.enumerated().dropFirst() {
            let stride = UInt32(strides[dimension])
            cells.withUnsafeMutableBufferPointer { cells in
                codes.withUnsafeBufferPointer { codes in
                    for row in 0..<count { cells[row] &+= codes[row] &* stride }
                }
            }
        }
        return cells
    }

    /// The codes that cells have in one dimension.
    func codes(ofCells cells: [Int], in dimension: Int) -> [UInt32] {
        if let table { return cells.map { table.code(ofCell: $0, in: dimension) } }
        if dimensions.count == 1 { return cells.map { UInt32($0) } }
        let (stride, size) = (strides[dimension], UInt64(dimensions[dimension].size))
        return cells.map { UInt32(UInt64($0) / stride % size) }
    }

    /// The code that a cell has in one dimension.
    public func code(ofCell cell: Int, in dimension: Int) -> UInt32 {
        if let table { return table.code(ofCell: cell, in: dimension) }
        return UInt32(UInt64(cell) / strides[dimension] % UInt64(dimensions[dimension].size))
    }

    /// The value that a cell has in a dimension of values.
    public func value(ofCell cell: Int, in dimension: Int) -> FieldValue {
        guard case .values(let dictionary) = dimensions[dimension] else { return .missing }
        return dictionary.value(ofCode: code(ofCell: cell, in: dimension))
    }
}
