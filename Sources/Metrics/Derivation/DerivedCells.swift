internal import Compute
internal import EventQuery
internal import Events
internal import SeriesStore

/// One metric over a stretch of cells, as the query engine counts it.
///
/// A cell is a stretch of the events' own time. Everything is counted anew from the events that are
/// stored, so that late ones, deleted ones and new definitions need nothing of their own.
struct DerivedCells {
    /// When the cells are.
    let frame: Frame
    /// By the labels without name and bound.
    private(set) var groups: [Group] = []

    /// Cells side by side.
    struct Frame: Equatable {
        /// Nanoseconds since 1970: the start of the first cell.
        let start: Int64
        /// Nanoseconds of one cell.
        let width: Int64
        let count: Int
        /// Milliseconds since 1970 up to which the last cell is read before it ends; nil when it has ended.
        var openEnd: Int64?

        var end: Int64 { start + Int64(count) * width }

        /// Where a cell begins, milliseconds since 1970.
        func begin(ofCell cell: Int) -> Int64 { (start + Int64(cell) * width) / 1_000_000 }

        /// Where its sample stands, milliseconds since 1970.
        func end(ofCell cell: Int) -> Int64 {
            let end = begin(ofCell: cell + 1)
            return openEnd.map { min($0, end) } ?? end
        }
    }

    struct Group {
        /// The values of the labels; nil for all that have no series of their own.
        let labels: [String]?
        /// What there was before the first cell.
        var before: MetricNumbers?
        /// The time of the last event before the first cell, nanoseconds since 1970.
        var lastBefore: Int64?
        /// What each cell that has events says, by cell ascending.
        var cells: [(cell: Int, numbers: MetricNumbers)] = []
        /// Cells at whose ends it is not known what there was, by their beginnings ascending.
        var blurred: [Range<Int>] = []
    }

    /// Puts a group in the place of another one, or adds it.
    mutating func replace(_ group: Group, at place: Int?) {
        if let place { groups[place] = group } else { groups.append(group) }
    }

    /// - Parameter ask: answers a query that is about statistics.
    init(
        _ definition: MetricDefinition, _ frame: Frame, _ ask: DerivedSeries.Ask
    ) throws {
        self.frame = frame
        // Fast path: each event is looked at once. Where there are more combinations than series, it has to
        // be known first which of them came first.
        if try count(definition, ask) { return }
        groups = []
        let admitted = try AdmittedSeries(
            definition, from: frame.start, until: frame.end, ask)
        var places: [[String]: Int] = [:]
        for (labels, span) in admitted.spans where span.lowerBound < frame.start {
            places[labels] = groups.count
            let last = span.upperBound < frame.start ? span.upperBound : nil
            groups.append(Group(labels: labels, lastBefore: last))
        }
        try addEarlier(definition, admitted, places, ask)
        // So many cells a query that its answer is not too long.
        let share = MetricsLimits.pointsPerQuery / max(1, admitted.spans.count)
        try forEachPart(max(60, min(MetricsLimits.cellsPerQuery, share))) { part in
            let table = try definition.table(
                part.start, part.end, step: frame.width, admitted, ask)
            for entry in table.series {
                let place = places[entry.row.labels] ?? groups.count
                if place == groups.count {
                    places[entry.row.labels] = place
                    groups.append(Group(labels: entry.row.labels))
                }
                add(entry, to: place)
            }
        }
        if let filter = admitted.overflowFilter { try addOverflow(definition, filter, ask) }
    }

    /// Counts every event once: those before the first cell, then those in the cells.
    ///
    /// False when not all combinations of labels have a series.
    private mutating func count(
        _ definition: MetricDefinition, _ ask: DerivedSeries.Ask
    ) throws -> Bool {
        var places: [[String]: Int] = [:]
        let first = definition.eventsBegin(before: frame.start)
        // Where totals begin again events before tell only which series there are.
        let hasTotals =
            definition.kind.isAdditive && first == definition.totalsBegin(before: frame.start)
        if first < frame.start {
            guard
                let before = try TimedCounts(
                    definition, first, frame.start, hasNumbers: hasTotals, ask)
            else { return false }
            for (labels, span) in before.spans {
                places[labels] = groups.count
                groups.append(Group(labels: labels, lastBefore: span.upperBound))
            }
            for row in before.table.rows where hasTotals {
                if let place = places[row.labels] { groups[place].before = row.numbers }
            }
        }
        guard try countCells(definition, &places, ask) else { return false }
        guard !hasTotals, !groups.isEmpty,
            let from = definition.reach(before: frame.start), from < frame.start
        else { return true }
        for row in try definition.table(from, frame.start, .all, ask).rows {
            if let place = places[row.labels] { groups[place].before = row.numbers }
        }
        return true
    }

    private mutating func countCells(
        _ definition: MetricDefinition, _ places: inout [[String]: Int],
        _ ask: DerivedSeries.Ask
    ) throws -> Bool {
        var known = places.count
        var cells = min(
            MetricsLimits.cellsPerQuery,
            MetricsLimits.pointsPerQuery / MetricsLimits.groupsPerQuery)
        if frame.count > cells {
            // How many groups there are says how many cells one answer may have.
            guard
                let all = try TimedCounts(
                    definition, frame.start, frame.end, hasNumbers: false, ask)
            else { return false }
            known += all.spans.keys.count { places[$0] == nil }
            let share = MetricsLimits.pointsPerQuery / max(1, known)
            cells = max(60, min(MetricsLimits.cellsPerQuery, share))
        }
        var isWhole = known <= definition.seriesLimit
        try forEachPart(cells) { part in
            guard isWhole,
                let counted = try TimedCounts(
                    definition, part.start, part.end, step: frame.width, hasNumbers: true, ask)
            else {
                isWhole = false
                return
            }
            for entry in counted.table.series {
                let place = places[entry.row.labels] ?? groups.count
                if place == groups.count {
                    places[entry.row.labels] = place
                    groups.append(Group(labels: entry.row.labels))
                }
                add(entry, to: place)
            }
            let more = counted.spans.keys.count { places[$0] == nil }
            isWhole = places.count + more <= definition.seriesLimit
        }
        return isWhole
    }

    private func forEachPart(_ cells: Int, _ body: (Frame) throws -> Void) rethrows {
        var first = 0
        while first < frame.count {
            let count = min(cells, frame.count - first)
            try body(
                Frame(
                    start: frame.start + Int64(first) * frame.width, width: frame.width,
                    count: count))
            first += count
        }
    }

    private mutating func add(_ entry: (time: Int64, row: MetricTable.Row), to place: Int) {
        let cell = Int((entry.time - frame.start) / frame.width)
        groups[place].cells.append((cell, entry.row.numbers))
    }

    /// Adds what there was before the first cell, and when.
    private mutating func addEarlier(
        _ definition: MetricDefinition, _ admitted: AdmittedSeries, _ places: [[String]: Int],
        _ ask: DerivedSeries.Ask
    ) throws {
        let kinds: [MetricDefinition.Kind] = [.gauge(.last), .presence]
        guard !places.isEmpty, definition.kind.isAdditive || kinds.contains(definition.kind) else {
            return
        }
        try addLastTimes(definition, places, ask)
        guard let from = definition.reach(before: frame.start), from < frame.start else { return }
        for row in try definition.table(from, frame.start, admitted, ask).rows {
            if let place = places[row.labels] { groups[place].before = row.numbers }
        }
    }

    /// Adds when the last event before the first cell was.
    private mutating func addLastTimes(
        _ definition: MetricDefinition, _ places: [[String]: Int], _ ask: DerivedSeries.Ask
    ) throws {
        if places.values.allSatisfy({ groups[$0].lastBefore != nil }) { return }
        // Of combinations with events in the range as well it is not known when the last one before was;
        // it matters when the series had not ended at the first cell.
        let (recent, overflows) = frame.start.subtractingReportingOverflow(
            definition.staleAfter * 1_000_000)
        let first = max(overflows ? .min : recent, definition.eventsBegin(before: frame.start))
        let spans = try definition.spans(first, frame.start, ask)
        for (labels, span) in spans {
            if let place = places[labels] { groups[place].lastBefore = span.upperBound }
        }
    }

    private mutating func addOverflow(
        _ definition: MetricDefinition, _ filter: Expression, _ ask: DerivedSeries.Ask
    ) throws {
        var group = Group(labels: nil)
        if let from = definition.reach(before: frame.start) {
            let rows = try definition.overflowTable(from, frame.start, filter, ask).rows
            group.before = rows.first?.numbers
            if group.before != nil { group.lastBefore = frame.start - 1 }
        }
        let place = groups.count
        groups.append(group)
        try forEachPart(MetricsLimits.cellsPerQuery) { part in
            let table = try definition.overflowTable(
                part.start, part.end, step: frame.width, filter, ask)
            for entry in table.series { add(entry, to: place) }
        }
    }
}

extension DerivedCells {
    /// Of each cell whether any group had an event at most five minutes before its end.
    var isObserved: [Bool] {
        var lasts = [Int64?](repeating: nil, count: frame.count)
        for group in groups {
            for (cell, _) in group.cells { lasts[cell] = frame.end(ofCell: cell) }
        }
        var last = groups.compactMap(\.lastBefore).max().map { $0 / 1_000_000 }
        return lasts.enumerated().map { cell, found in
            last = found ?? last
            return last.map {
                frame.end(ofCell: cell) - $0 <= DerivedSamples.presenceReach
            } ?? false
        }
    }
}

extension MetricDefinition {
    /// From when on what was before the first cell matters: of what only grows from the beginning, of a
    /// gauge as long as its last value holds; nil where it does not.
    fileprivate func reach(before start: Int64) -> Int64? {
        if kind.isAdditive { return totalsBegin(before: start) }
        guard kind == .gauge(.last) else { return nil }
        let (time, overflows) = start.subtractingReportingOverflow(staleAfter * 1_000_000)
        return overflows ? .min : time
    }

    static let overflowLabel = "otel_metric_overflow"

    /// The labels of a group's series; without values there are none.
    func seriesLabels(_ group: [String]?, _ part: Part, le: String? = nil) -> Labels {
        var all = [Label(MetricDefinition.overflowLabel, "true")]
        if let group { all = zip(labels, group).map { Label($0.name, $1) } }
        let stem = part == .created ? familyName : name
        all.append(Label(Labels.metricName, stem + part.suffix))
        if let le { all.append(Label("le", le)) }
        return Labels(all)
    }

    /// The series of one part for a group, each with the place of its number.
    func series(of group: [String]?, _ part: Part) -> [(labels: Labels, place: Int)] {
        switch part {
        case .whole, .count, .created: return [(seriesLabels(group, part), 0)]
        case .sum: return [(seriesLabels(group, part), 1)]
        case .bucket:
            let bounded = bounds.enumerated().map { index, bound in
                (seriesLabels(group, part, le: NumberText.openMetrics(bound)), index + 2)
            }
            return bounded + [(seriesLabels(group, part, le: "+Inf"), 0)]
        }
    }
}
