internal import Compute
internal import EventQuery
internal import Events
internal import SeriesStore

/// What the query engine counts of a metric for one combination of labels.
struct MetricNumbers: Equatable {
    /// One a calculation that is a number.
    var numbers: [Double]
    /// Of an exponential histogram.
    var counts: ExponentialCounts?

    mutating func add(_ other: MetricNumbers) {
        for index in numbers.indices { numbers[index] += other.numbers[index] }
        if let more = other.counts {
            if counts == nil { counts = more } else { counts?.add(more) }
        }
    }
}

/// What the query engine counts for a metric in one stretch of time.
struct MetricTable {
    struct Row {
        /// The values of the labels; empty where an event has none.
        let labels: [String]
        var numbers: MetricNumbers
    }

    /// Over all of the time.
    let rows: [Row]
    /// By the starts of cells that have events, ascending; nanoseconds since 1970.
    let series: [(time: Int64, row: Row)]

    /// Takes an answer's groups for labels; those that become one are added up.
    init(_ table: StatisticsTable, _ labels: ([FieldValue]) -> [String]) {
        var known: [[FieldValue]: [String]] = [:]
        func group(_ row: StatisticsTable.Row) -> [String] {
            if let found = known[row.group] { return found }
            let values = labels(row.group)
            known[row.group] = values
            return values
        }
        var all = GroupSums()
        for row in table.rows { all.add(row, to: group(row)) }
        rows = all.rows
        var series: [(time: Int64, row: Row)] = []
        var cell = GroupSums()
        var time: Int64?
        for entry in table.series {
            if let time, entry.time != time {
                series += cell.rows.map { (time, $0) }
                cell = GroupSums()
            }
            time = entry.time
            cell.add(entry.row, to: group(entry.row))
        }
        if let time { series += cell.rows.map { (time, $0) } }
        self.series = series
    }
}

/// Rows of a table, of which those of one group become one; those without any value are left out.
private struct GroupSums {
    private(set) var rows: [MetricTable.Row] = []
    private var places: [[String]: Int] = [:]

    mutating func add(_ row: StatisticsTable.Row, to labels: [String]) {
        guard let numbers = MetricNumbers(row.values) else { return }
        guard let place = places[labels] else {
            places[labels] = rows.count
            rows.append(MetricTable.Row(labels: labels, numbers: numbers))
            return
        }
        rows[place].numbers.add(numbers)
    }
}

extension MetricNumbers {
    /// The numbers among the values of an answer; nil when nothing but missing ones are there.
    init?(_ values: [AggregateValue]) {
        numbers = []
        var isMissing = true
        for value in values {
            switch value {
            case .exponential(let counts):
                self.counts = counts
                isMissing = isMissing && counts.count == 0
            case .value(.missing): numbers.append(0)
            case .value(let value):
                numbers.append(value.sampleNumber)
                isMissing = false
            case .histogram: preconditionFailure("BUG: no metric asks for a heatmap")
            }
        }
        if isMissing { return nil }
    }
}

extension FieldValue {
    /// As the value of a sample: a text that is no number says that the series has ended.
    fileprivate var sampleNumber: Double {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .int(let value): Double(value)
        case .float(let value): value
        case .string("NaN"): .nan
        case .string("+Inf"): .infinity
        case .string("-Inf"): -.infinity
        case .string, .missing: StaleMarker.value
        }
    }
}
