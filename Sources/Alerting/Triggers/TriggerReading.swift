internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Metrics
internal import SeriesStore

/// Labels that a group of a question has.
typealias TriggerGroup = Labels

/// What a trigger's question answers about one window, and how that is to be taken.
struct TriggerReading {
    /// One group's number, and the numbers beyond which it is wrong or not right again.
    struct Finding {
        /// Nil where the group has events and no number.
        let value: Double?
        let isHit: Bool
        let isClear: Bool
        /// Whether all that the verdict needs is known.
        let isObserved: Bool
    }

    /// Whether there was anything to ask.
    let isKnown: Bool
    /// Groups whose numbers are wrong where all is settled.
    let settledHits: Set<TriggerGroup>
    /// Groups whose numbers are wrong up to the present, of triggers of which late events can only make them
    /// worse.
    let freshHits: Set<TriggerGroup>
    let findings: [TriggerGroup: Finding]
    /// What holds for groups that have no events in the window.
    private let missing: @Sendable (TriggerGroup) -> Finding

    func finding(of group: TriggerGroup) -> Finding { findings[group] ?? missing(group) }

    /// Asks a trigger's question.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970; what is not settled by then counts for triggers to which
    ///     late events can only add.
    ///   - offset: milliseconds before it up to which events are settled.
    ///   - history: of the same hour before; read anew when the hour is another one.
    ///   - isSettled: whether nothing else counts for such triggers either.
    init(
        _ trigger: Trigger, at time: Int64, offset: Int64, history: inout TriggerHistory?,
        isSettled: Bool = false, _ ask: DerivedSeries.Ask
    ) throws {
        let end = time - offset
        var now = try trigger.numbers(from: end - trigger.window, to: end, ask)
        let past = try Past(trigger, until: end, &history, ask)
        let settled = TriggerReading.findings(trigger, now, past)
        settledHits = Set(settled.filter(\.value.isHit).keys)
        if trigger.isGrowing && offset > 0 && !isSettled {
            let fresh = try trigger.numbers(from: time - trigger.window, to: time, ask)
            let found = TriggerReading.findings(trigger, fresh, past)
            freshHits = Set(found.filter(\.value.isHit).keys)
            now.merge(fresh, of: trigger.threshold.comparison)
            findings = TriggerReading.findings(trigger, now, past)
        } else {
            freshHits = []
            findings = settled
        }
        isKnown = now.isKnown
        let nothing = now.isKnown ? trigger.nothing : nil
        missing = { TriggerReading.finding(trigger, nothing, past.bounds(of: $0, trigger)) }
    }

    /// What is found of each group.
    private static func findings(
        _ trigger: Trigger, _ numbers: TriggerNumbers, _ past: Past
    ) -> [TriggerGroup: Finding] {
        var byGroup = numbers.byGroup
        // Without groups there is one, also when nothing happened.
        if !trigger.isGrouped, byGroup.isEmpty, numbers.isKnown {
            byGroup[.empty] = .some(trigger.nothing)
        }
        var findings: [TriggerGroup: Finding] = [:]
        for (group, value) in byGroup {
            findings[group] = finding(trigger, value, past.bounds(of: group, trigger))
        }
        return findings
    }

    private static func finding(
        _ trigger: Trigger, _ value: Double?, _ bounds: (value: Double, recovery: Double)?
    ) -> Finding {
        guard let value, let bounds else {
            return Finding(value: value, isHit: false, isClear: false, isObserved: false)
        }
        let comparison = trigger.threshold.comparison
        return Finding(
            value: value, isHit: comparison.holds(value, bounds.value),
            isClear: !comparison.holds(value, bounds.recovery), isObserved: true)
    }

    /// What a trigger's numbers are compared with.
    private enum Past: Sendable {
        case none
        case numbers(TriggerNumbers)
        case history(TriggerHistory)

        init(
            _ trigger: Trigger, until end: Int64, _ history: inout TriggerHistory?,
            _ ask: DerivedSeries.Ask
        ) throws {
            switch trigger.baseline {
            case nil: self = .none
            case .difference(let offset), .percentage(let offset):
                let end = end - offset
                self = .numbers(try trigger.numbers(from: end - trigger.window, to: end, ask))
            case .sameHour(let weeks):
                let hour = end / TriggerHistory.hourLength
                let known = history?.hour == hour ? history : nil
                let read = try known ?? TriggerHistory(trigger, hour: hour, weeks: weeks, ask)
                history = read
                self = .history(read)
            }
        }

        func bounds(
            of group: TriggerGroup, _ trigger: Trigger
        ) -> (value: Double, recovery: Double)? {
            let threshold = trigger.threshold
            guard let baseline = trigger.baseline else {
                return (threshold.value, threshold.recovery)
            }
            let past: Double?
            switch self {
            case .none: past = nil
            case .numbers(let numbers):
                past = numbers.byGroup[group] ?? (numbers.isKnown ? trigger.nothing : nil)
            case .history(let history): past = history.median(of: group)
            }
            guard let value = baseline.bound(threshold.value, past: past),
                let recovery = baseline.bound(threshold.recovery, past: past)
            else { return nil }
            return (value, recovery)
        }
    }
}

/// The numbers of one window.
struct TriggerNumbers: Sendable {
    var byGroup: [TriggerGroup: Double?] = [:]
    /// Whether there was anything to ask: a dataset that is not there has said nothing.
    var isKnown = false

    /// Takes the worse number of each group.
    fileprivate mutating func merge(
        _ other: TriggerNumbers, of comparison: TriggerThreshold.Comparison
    ) {
        isKnown = isKnown || other.isKnown
        byGroup.merge(other.byGroup) { first, second in
            guard let first else { return second }
            guard let second else { return first }
            return comparison.isUpwards ? max(first, second) : min(first, second)
        }
    }
}

// MARK: - Asking

extension Trigger {
    var isGrouped: Bool {
        if case .statistics(let statistics) = query.shape { return !statistics.groupBy.isEmpty }
        return false
    }

    /// The labels of its groups, in their order.
    public var labelNames: [String] {
        guard case .statistics(let statistics) = query.shape else { return [] }
        return statistics.groupBy.map(Trigger.label)
    }

    /// The label that a group's key is.
    static func label(of key: GroupKey) -> String {
        MetricDefinition.labelName(ofField: key.name)
    }

    /// The question about a stretch of time, milliseconds since 1970.
    ///
    /// - Parameter step: milliseconds; nil for one number of each group.
    private func question(from: Int64, to: Int64, step: Int64? = nil) -> Query {
        var query = query
        query.timeRange = .between(
            .absolute(from.nanosecondsOfMilliseconds), .absolute(to.nanosecondsOfMilliseconds))
        query.step = step.map { .every($0.nanosecondsOfMilliseconds) }
        query.sort = [SortKey(column, descending: threshold.comparison.isUpwards)]
        query.limit = QueryLimits.rowsMax
        guard case .statistics(var statistics) = query.shape else { return query }
        // Values that are one label are one group; elements of an array are looked at one by one.
        for place in statistics.groupBy.indices where !statistics.groupBy[place].isEach {
            statistics.groupBy[place].expression = statistics.groupBy[place].expression.asText
        }
        query.shape = .statistics(statistics)
        return query
    }

    /// The numbers of one window.
    ///
    /// - Throws: `RuleFailure` when there are more groups than are looked at.
    fileprivate func numbers(
        from: Int64, to: Int64, _ ask: DerivedSeries.Ask
    ) throws -> TriggerNumbers {
        let table = try ask(question(from: from, to: to))
        guard let place = table.calculationNames.firstIndex(of: column) else {
            return TriggerNumbers()
        }
        guard table.rows.count < QueryLimits.rowsMax else {
            throw RuleFailure("the query has \(QueryLimits.rowsMax) groups or more")
        }
        var numbers = TriggerNumbers(isKnown: true)
        for row in table.rows {
            numbers.byGroup[labels(of: row)] = .some(row.values[place].finite)
        }
        return numbers
    }

    fileprivate func labels(of row: StatisticsTable.Row) -> TriggerGroup {
        guard case .statistics(let statistics) = query.shape else { return .empty }
        return Labels(
            zip(statistics.groupBy, row.group).map { key, value in
                Label(Trigger.label(of: key), ExpressionEvaluator.text(value))
            })
    }
}

extension TriggerHistory {
    /// Milliseconds.
    static let hourLength: Int64 = 3_600_000
    fileprivate static let week: Int64 = 168 * hourLength

    /// Reads the same hour of the weeks before: its whole windows, or of longer ones the one that ends
    /// with it.
    fileprivate init(
        _ trigger: Trigger, hour: Int64, weeks: Int, _ ask: DerivedSeries.Ask
    ) throws {
        let (length, window) = (TriggerHistory.hourLength, trigger.window)
        // Buckets of time begin at multiples of their length.
        let first = (hour * length + window - 1) / window * window
        let count = ((hour + 1) * length - first) / window
        self.init(
            hour: hour, weeks: weeks, windows: Int(max(1, count)), nothing: trigger.nothing)
        for week in 1...Int64(weeks) {
            // Seven days need not be a whole number of windows.
            let shift = week * TriggerHistory.week
            if count > 0 {
                let begin = (hour * length - shift + window - 1) / window * window
                add(try trigger.numbers(from: begin, windows: count, ask))
            } else {
                let end = (hour + 1) * length - shift
                let numbers = try trigger.numbers(from: end - window, to: end, ask)
                add(numbers.byGroup.compactMapValues { $0.map { [$0] } })
            }
        }
    }
}

extension Trigger {
    /// The numbers of windows side by side, of groups that have events in them.
    fileprivate func numbers(
        from: Int64, windows: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [TriggerGroup: [Double]] {
        let table = try ask(question(from: from, to: from + windows * window, step: window))
        guard let place = table.calculationNames.firstIndex(of: column) else { return [:] }
        guard table.rows.count <= AlertingLimits.baselineGroups else {
            throw RuleFailure(
                "the baseline has more than \(AlertingLimits.baselineGroups) groups")
        }
        var found: [TriggerGroup: [Double]] = [:]
        for entry in table.series {
            guard let value = entry.row.values[place].finite else { continue }
            found[labels(of: entry.row), default: []].append(value)
        }
        return found
    }
}

extension AggregateValue {
    /// The number that it is; nil for anything else.
    fileprivate var finite: Double? {
        switch self {
        case .value(.int(let value)): Double(value)
        case .value(.float(let value)): value
        default: nil
        }
    }
}
