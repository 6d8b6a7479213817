internal import Compute
internal import Events

/// A partial with what calculations say of its cells that no cell can say alone.
struct GroupReadings {
    let partial: GroupPartial
    /// By the calculation's place, for each cell; a cell that is not there has no value.
    var special: [Int: [Int: FieldValue]] = [:]

    init(_ partial: GroupPartial) { self.partial = partial }
}

/// What calculations over several time buckets say: differences between buckets, spans that are open in
/// buckets after that of their start.
struct BucketReadings {
    /// As `GroupReadings.special`, for groups and for their buckets' cells.
    private(set) var ofGroups: [Int: [Int: FieldValue]] = [:]
    private(set) var ofCells: [Int: [Int: FieldValue]] = [:]
    /// Of buckets that are no cell: spans are open there, and nothing happened.
    private(set) var between: [Place: [Int: FieldValue]] = [:]

    struct Place: Hashable {
        let group: Int
        let bucket: Int
    }

    /// - Parameter groupOfCell: nil when all cells are one group, 0.
    init(_ plan: QueryPlan, _ partial: GroupPartial, groupOfCell: CellMap?) {
        var groups: [Int: [(bucket: Int, cell: Int)]] = [:]
        let hasBuckets = plan.buckets != nil
        let dimension = partial.space.dimensions.count - 1
        for cell in partial.groups {
            let bucket = hasBuckets ? Int(partial.space.code(ofCell: cell, in: dimension)) : 0
            groups[groupOfCell.map { $0[cell] } ?? 0, default: []].append((bucket, cell))
        }
        for (group, cells) in groups {
            let cells = cells.sorted { $0.bucket < $1.bucket }
            for (place, calculation) in plan.calculations.enumerated() {
                switch calculation.span {
                case .bucket: break
                case .difference:
                    addDifferences(place, group, cells) {
                        partial.states[calculation.slot].value(ofCell: $0, calculation.reading)
                    }
                case .open:
                    if let state = partial.states[calculation.slot] as? OpenSpanState {
                        addOpen(place, group, cells, state, plan)
                    }
                }
            }
        }
    }

    /// From one bucket that has a value to the next that has one; of the group, from its first bucket
    /// to its last.
    private mutating func addDifferences(
        _ place: Int, _ group: Int, _ cells: [(bucket: Int, cell: Int)],
        _ value: (Int) -> AggregateValue
    ) {
        var first: FieldValue?
        var last: FieldValue = .missing
        for (_, cell) in cells {
            guard case .value(let value) = value(cell), !value.isMissing else { continue }
            if let first {
                ofCells[place, default: [:]][cell] = ExpressionEvaluator.difference(value, last)
                ofGroups[place, default: [:]][group] = ExpressionEvaluator.difference(value, first)
            } else {
                first = value
            }
            last = value
        }
    }

    /// Spans that are open on average, over a bucket and over all of the time range.
    private mutating func addOpen(
        _ place: Int, _ group: Int, _ cells: [(bucket: Int, cell: Int)], _ state: OpenSpanState,
        _ plan: QueryPlan
    ) {
        let open = state.open(inBuckets: plan.buckets?.count ?? 1, ofCells: cells)
        let range = plan.timeRange
        let length = max(1, Double(range.upperBound) - Double(range.lowerBound))
        ofGroups[place, default: [:]][group] = FieldValue(number: open.reduce(0, +) / length)
        guard let buckets = plan.buckets else { return }
        let cellOfBucket = Dictionary(cells.map { ($0.bucket, $0.cell) }) { first, _ in first }
        for (bucket, open) in open.enumerated() {
            let value = FieldValue(number: open / Double(buckets.width))
            if let cell = cellOfBucket[bucket] {
                ofCells[place, default: [:]][cell] = value
            } else if open > 0 {
                between[Place(group: group, bucket: bucket), default: [:]][place] = value
            }
        }
    }
}
