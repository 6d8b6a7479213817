internal import Bytes
public import SeriesStore

/// What was counted of events that retention let go of: increments by the cells of their time.
///
/// The events that are still there are counted when they are asked for; these are added. So a total
/// does not fall when events go, and an event that comes late needs nothing of its own.
public struct PastSeries: Sendable {
    private let store: SeriesStore
    private let notes: SeriesNotes
    private let changes: @Sendable () throws -> Int

    /// - Parameters:
    ///   - notes: told which metrics were read here.
    ///   - changes: counts how often events went; waits while some are going.
    public init(
        _ store: SeriesStore, notes: SeriesNotes, changes: @escaping @Sendable () throws -> Int
    ) {
        self.store = store
        self.notes = notes
        self.changes = changes
    }

    /// Does what reads events and what is left of others, so that nothing goes in between.
    ///
    /// Throws what `body` does, and `PromQLError` when events go every time.
    public func consistently<Result>(_ body: () throws -> Result) throws -> Result {
        for _ in 0..<PastSeries.attempts {
            let before = try changes()
            let result = try body()
            if try changes() == before { return result }
        }
        throw PromQLError.execution("events are going as fast as they are counted; ask again")
    }

    private static let attempts = 5

    /// Adds what is left of a metric to what was counted of its events; `now` in milliseconds since 1970.
    func add(
        to cells: inout DerivedCells, of definition: MetricDefinition, now: Int64
    ) throws {
        let groups = try groups(of: definition, cells.frame)
        if groups.byLabels.isEmpty { return }
        cells.add(groups, isAdditive: definition.kind.isAdditive)
        if let cell = groups.longest {
            let isLonger = cell > cells.frame.width / 1_000_000
            notes.add(definition.name, cell: cell, isLonger: isLonger)
            let dropped = definition.dropped(from: cells.frame.start, at: now)
            if !dropped.isEmpty { notes.add(definition.name, without: dropped) }
        }
    }

    /// What is left of a metric whose numbers are added up, before a time in nanoseconds since 1970.
    func totals(
        of definition: MetricDefinition, until: Int64
    ) throws -> [[String]?: PastGroups.Group] {
        let frame = DerivedCells.Frame(start: until, width: 1_000_000, count: 0)
        return try groups(of: definition, frame).byLabels
    }

    /// What is left of one combination of labels, nil for the overflow, in one cell and before it; nil
    /// where nothing is.
    func left(
        of definition: MetricDefinition, _ labels: [String]?, in cell: Range<Int64>
    ) throws -> (before: MetricNumbers?, within: MetricNumbers?)? {
        let frame = DerivedCells.Frame(
            start: cell.lowerBound, width: cell.upperBound - cell.lowerBound, count: 1)
        guard let group = try groups(of: definition, frame).byLabels[labels] else { return nil }
        return (group.before, group.cells[0])
    }

    /// Takes labels from what is left of metrics, where definitions say so.
    ///
    /// Every increment is there once meanwhile. Throws `SeriesStoreError`; the same call does the rest.
    ///
    /// - Parameter now: milliseconds since 1970.
    public static func dropLabels(
        of definitions: [MetricDefinition], in store: SeriesStore, now: Int64
    ) throws(SeriesStoreError) {
        var rules: [String: [LabelDropping]] = [:]
        for definition in definitions where !definition.drops.isEmpty {
            for name in definition.seriesNames { rules[name] = definition.droppings }
        }
        try store.dropLabels(rules, now: now)
    }

    /// The time of which something of a metric is left, to the hour; nanoseconds since 1970.
    func span(of definition: MetricDefinition) throws -> Range<Int64>? {
        let series = try store.view(of: .hour, definition.kind.pastReading)
            .select([try matcher(of: definition)], from: .min, to: .max)
        guard let first = series.compactMap(\.samples.timestamps.first).min(),
            let last = series.compactMap(\.samples.timestamps.last).max()
        else { return nil }
        return first * 1_000_000..<(last + Tier.hour.step) * 1_000_000
    }

    /// Milliseconds of the longest cells that are left in a range, which is in milliseconds since 1970.
    func spacing(from: Int64, to: Int64) -> Int64 { store.view(.sum).spacing(from: from, to: to) }

    private func matcher(of definition: MetricDefinition) throws -> LabelMatcher {
        try LabelMatcher(
            Labels.metricName, .matches, definition.seriesNames.joined(separator: "|"))
    }

    private func groups(
        of definition: MetricDefinition, _ frame: DerivedCells.Frame
    ) throws -> PastGroups {
        let (start, end) = (frame.begin(ofCell: 0), frame.begin(ofCell: frame.count))
        let matcher = try matcher(of: definition)
        var groups = PastGroups(definition, frame)
        // Before the last hours that matter one by one, whole hours are added up.
        let hour = Tier.hour.step
        let detailed = (start - definition.staleAfter) / hour * hour
        let reading = definition.kind.pastReading
        if definition.kind.isAdditive {
            let view = store.view(of: .hour, reading)
            let first = definition.totalsBegin(before: frame.start) / 1_000_000
            groups.add(
                try view.select([matcher], from: first, to: detailed - 1),
                view.stretches(from: first, to: detailed - 1))
        }
        let view = store.view(reading)
        groups.add(
            try view.select([matcher], from: detailed, to: end - 1),
            view.stretches(from: detailed, to: end - 1))
        return groups
    }

    /// The labels of series of some definitions with something left in a range.
    func series(
        of definitions: [MetricDefinition], _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [Labels] {
        let names = Set(definitions.flatMap(\.seriesNames))
        return try store.view(.sum).series(matchers, from: from, to: to)
            .filter { names.contains($0.metricName) }
    }
}

extension MetricDefinition.Kind {
    /// How a coarser cell of it is read.
    fileprivate var pastReading: CellReading {
        switch self {
        case .counter, .histogram, .exponentialHistogram: .sum
        case .gauge(.min): .min
        case .gauge(.max), .distinct, .presence: .max
        case .gauge(.last), .gauge(.avg), .gauge(.concurrency): .average
        }
    }
}

extension MetricDefinition {
    /// Milliseconds of the cells in which it is kept when its events go.
    var pastCell: Int64 {
        if kind.isAdditive || Tier.written.blockLength % resolution != 0 { return 10_000 }
        return resolution
    }
}

extension MetricDefinition {
    /// What a store of series is told to drop.
    fileprivate var droppings: [LabelDropping] {
        drops.map {
            LabelDropping(age: $0.after, labels: Set($0.labels), merging: kind.pastMerging)
        }
    }

    /// Labels that what is left of events has no more, each with the time before which that is so, in
    /// milliseconds since 1970; by their names.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func dropped(at now: Int64) -> [(label: String, before: Int64)] {
        var borders: [String: Int64] = [:]
        for dropping in droppings {
            let border = dropping.border(at: now)
            for label in dropping.labels { borders[label] = max(borders[label] ?? .min, border) }
        }
        return borders.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    /// Those that are missing from a time on, nanoseconds since 1970.
    fileprivate func dropped(from time: Int64, at now: Int64) -> [String] {
        dropped(at: now).filter { $0.before > time / 1_000_000 }.map(\.label)
    }
}

extension MetricDefinition.Kind {
    /// How series that become one are made one.
    fileprivate var pastMerging: LabelDropping.Merging {
        switch self {
        case .counter, .histogram, .exponentialHistogram, .gauge(.concurrency): .sum
        case .gauge(.min): .min
        case .gauge(.max), .distinct, .presence: .max
        case .gauge(.last), .gauge(.avg): .average
        }
    }
}
