public import Bytes
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

    /// All combinations of two numbers, the first below `first`, the other below `second`.
    convenience init(combining first: Int, with second: Int) {
        self.init([.buckets(first), .buckets(second)], rows: first * second)
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

    /// The cell of each row, where `codes[d]` has a row's code in dimension d; without meaning for
    /// rows that are not selected.
    ///
    /// - Parameter selection: the rows that get a cell; nil for all `rows`.
    public func cells(_ codes: [CodeArray], rows: Int, selection: Bitmap?) -> CodeArray {
        if let table {
            let mask = RowMask(allOf: rows, selection)
            return .longs(table.cells(codes, mask))
        }
        guard let first = codes.first else {
            return .bytes([UInt8](repeating: 0, count: rows))
        }
        // Fast path: the cells of one dimension are its codes.
        if codes.count == 1 { return first }
        switch denseCount - 1 {
        case ...Int(UInt8.max): return .bytes(denseCells(codes, rows))
        case ...Int(UInt16.max): return .words(denseCells(codes, rows))
        default: return .longs(denseCells(codes, rows))
        }
    }

    /// The mixed-radix numbers of all rows, selected or not: a pass over narrow codes for each
    /// dimension costs less than picking rows.
    private func denseCells<Cell: FixedWidthInteger & UnsignedInteger>(
        _ codes: [CodeArray], _ rows: Int
    ) -> [Cell] {
        var cells = [Cell](repeating: 0, count: rows)
        for (dimension, codes) in codes.enumerated() {
            let stride = Cell(truncatingIfNeeded: strides[dimension])
            switch codes {
            case .bytes(let codes): GroupSpace.add(codes, times: stride, to: &cells)
            case .words(let codes): GroupSpace.add(codes, times: stride, to: &cells)
            case .longs(let codes): GroupSpace.add(codes, times: stride, to: &cells)
            }
        }
        return cells
    }

    private static func add<
        Code: FixedWidthInteger & UnsignedInteger, Cell: FixedWidthInteger & UnsignedInteger
    >(_ codes: [Code], times stride: Cell, to cells: inout [Cell]) {
        cells.withUnsafeMutableBufferPointer { cells in
            codes.withUnsafeBufferPointer { codes in
                for row in 0..<cells.count {
                    cells[row] &+= Cell(truncatingIfNeeded: codes[row]) &* stride
                }
            }
        }
    }

    /// The cells of combinations: `codes[d][i]` is combination i's code in dimension d.
    func cells(ofCombinations codes: [[UInt32]], count: Int) -> [Int] {
        var member = [UInt32](repeating: 0, count: dimensions.count)
        return (0..<count).map { index in
            for dimension in member.indices { member[dimension] = codes[dimension][index] }
            if let table { return table.cell(member) }
            return zip(member, strides).reduce(0) { $0 + Int($1.0) * Int($1.1) }
        }
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
