internal import Compute
internal import EventQuery
internal import Events
internal import SeriesStore

/// One metric over a stretch of cells, as the query engine counts it.
///
/// A cell is a stretch of the events' own time. Everything is counted anew from the events that are
/// stored, so that late ones, deleted ones and new definitions need nothing of their own.
struct DerivedCells {
    /// Nanoseconds since 1970: the start of the first cell.
    let start: Int64
    /// Nanoseconds of one cell.
    let width: Int64
    let count: Int
    /// By the labels without name and bound.
    private(set) var groups: [Group] = []

    struct Group {
        let labels: [FieldValue]
        /// Whether it has no event before the first cell.
        let isNew: Bool
        /// One a calculation: what there was before the first cell.
        let before: [Double]
        /// What each cell that has events adds, by cell ascending.
        var cells: [(cell: Int, added: [Double])] = []
    }

    /// - Parameters:
    ///   - start: a multiple of `width`.
    ///   - ask: answers a query that is about statistics.
    init(
        _ definition: MetricDefinition, start: Int64, width: Int64, count: Int,
        _ ask: DerivedSeries.Ask
    ) throws {
        (self.start, self.width, self.count) = (start, width, count)
        let end = start + Int64(count) * width
        var places: [[FieldValue]: Int] = [:]
        let earlier = try definition.table(.min, start, ask)
        for row in earlier.rows {
            places[row.group] = groups.count
            groups.append(
                Group(labels: row.group, isNew: false, before: row.values))
        }
        let table = try definition.table(start, end, step: width, ask)
        for entry in table.series {
            let place = places[entry.row.group] ?? groups.count
            if place == groups.count {
                places[entry.row.group] = place
                let nothing = [Double](repeating: 0, count: entry.row.values.count)
                groups.append(Group(labels: entry.row.group, isNew: true, before: nothing))
            }
            let cell = Int((entry.time - start) / width)
            groups[place].cells.append((cell, entry.row.values))
        }
    }
}

extension MetricDefinition {
    /// The labels of a group's series; without values there are none.
    func seriesLabels(_ group: [FieldValue], _ part: Part, le: String? = nil) -> Labels {
        var all = zip(labels, group).map { Label($0.name, $1.labelText) }
        all.append(Label(Labels.metricName, name + part.suffix))
        if let le { all.append(Label("le", le)) }
        return Labels(all)
    }
}

extension FieldValue {
    /// As the value of a label.
    fileprivate var labelText: String {
        switch self {
        case .missing: ""
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .float(let value): NumberText.plain(value)
        case .string(let value): value
        }
    }
}
