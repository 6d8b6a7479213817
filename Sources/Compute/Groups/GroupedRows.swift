public import Bytes
public import Events

/// The rows of a source that an aggregate takes, each with its group.
///
/// Nothing is gathered: cells and weights stand at their row, and kernels run over the words of the
/// selection.
public struct GroupedRows {
    /// Rows of the source.
    public let rows: Int
    /// The rows that are taken; nil for all.
    public let selection: Bitmap?
    /// How many rows are taken.
    public let count: Int
    /// The cell of each row of the source, in the narrowest array that holds all cells; without
    /// meaning where a row is not taken.
    public let cells: CodeArray
    /// How many events each row of the source counts for; nil when each counts once.
    public let weights: [UInt32]?

    /// Takes rows of a source.
    ///
    /// - Parameter count: how many rows are selected, where it is known.
    public init(
        rows: Int, selection: Bitmap?, count: Int? = nil, cells: CodeArray, weights: [UInt32]?
    ) {
        precondition(
            cells.count == rows && selection?.count ?? rows == rows
                && weights?.count ?? rows == rows, "BUG: a cell for each row")
        self.rows = rows
        self.selection = selection
        self.count = count ?? selection?.population ?? rows
        self.cells = cells
        self.weights = weights
    }

    /// The same rows, each counting once.
    public var unweighted: GroupedRows {
        GroupedRows(rows: rows, selection: selection, count: count, cells: cells, weights: nil)
    }

    /// Those of the rows that are in `kept` too.
    public func restricted(to kept: Bitmap) -> GroupedRows {
        var both = kept
        if let selection { both.formIntersection(selection) }
        return GroupedRows(rows: rows, selection: both, cells: cells, weights: weights)
    }

    /// The weight of a row.
    @inline(__always)
    func weight(ofRow row: Int) -> UInt32 { weights?[row] ?? 1 }
}
