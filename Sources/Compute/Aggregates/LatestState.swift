internal import Events

/// The value of the event whose time is the latest, not weighted.
///
/// Of several events of that time the largest value counts, so that the order of merging does not
/// matter.
public final class LatestState: AggregateState {
    private struct Entry {
        let time: Int64
        let value: FieldValue

        func isAfter(_ other: Entry) -> Bool {
            time != other.time ? time > other.time : value > other.value
        }
    }

    private var cells: [Entry?] = []
    public var ignored: Int { 0 }

    public init() {}

    public func makeEmpty() -> any AggregateState { LatestState() }
    public var byteCount: Int { cells.count * 40 }

    public func grow(toCells count: Int) { extend(&cells, toCells: count, with: nil) }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        guard let column = input.column else { return }
        guard let times = input.timestamps else {
            preconditionFailure("BUG: the latest of values without their times")
        }
        // The rows are found by time alone; values are made of one row a cell.
        var latest: [Int: (time: Int64, rows: [Int])] = [:]
        RowMask(rows, present: column.presence()).forEach { row in
            let (cell, time) = (Int(rows.cells[row]), times[row])
            guard let known = latest[cell], known.time >= time else {
                latest[cell] = (time, [row])
                return
            }
            if known.time == time { latest[cell]?.rows.append(row) }
        }
        for (cell, found) in latest {
            guard let value = found.rows.map({ column.value(at: $0) }).max() else { continue }
            take(Entry(time: found.time, value: value), cell)
        }
    }

    private func take(_ entry: Entry, _ cell: Int) {
        if let known = cells[cell], !entry.isAfter(known) { return }
        cells[cell] = entry
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? LatestState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        for (cell, entry) in other.cells.enumerated() where map[cell] >= 0 {
            if let entry { take(entry, map[cell]) }
        }
    }

    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .value(cells[cell]?.value ?? .missing)
    }
}
