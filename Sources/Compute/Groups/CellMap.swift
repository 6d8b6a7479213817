/// Where the cells of a partial are in another one.
public enum CellMap {
    /// Cell i is cell i, for so many cells.
    case same(Int)
    /// Cell i is cell `targets[i]`, −1 for none.
    case to([Int])

    /// Cells that are mapped.
    public var count: Int {
        switch self {
        case .same(let count): count
        case .to(let targets): targets.count
        }
    }

    /// The cell's place, −1 for none.
    @inline(__always)
    public subscript(cell: Int) -> Int {
        switch self {
        case .same: cell
        case .to(let targets): targets[cell]
        }
    }
}
