import Compute

extension Query {
    /// The most rows answered, with the default where the query names none.
    public var rowLimit: Int { limit ?? QueryLimits.rowsDefault }

    /// The most values answered for each field of a `bubbleup`.
    public var comparedValuesMax: Int {
        min(limit ?? QueryLimits.comparedValuesDefault, QueryLimits.comparedValuesMax)
    }

    /// The same query about a time that does not move: what `now` means is put in its place.
    ///
    /// - Parameter now: nanoseconds since 1970.
    public func fixed(at now: Int64) -> Query {
        func fixed(_ point: TimePoint) -> TimePoint {
            guard case .beforeNow(let offset) = point else { return point }
            let (time, overflow) = now.subtractingReportingOverflow(offset)
            return .absolute(overflow ? (offset > 0 ? .min : .max) : time)
        }
        var query = self
        switch timeRange {
        case .last(let length):
            query.timeRange = .between(fixed(.beforeNow(length)), fixed(.beforeNow(0)))
        case .between(let start, let end):
            query.timeRange = .between(fixed(start), fixed(end))
        }
        return query
    }

    /// The order of the answer, with the default where the query names none.
    ///
    /// Events: newest first. Statistics: the first calculation that is shown and has an order (a
    /// histogram has none), else the first formula, highest first. Ties, and answers without a sort key, go by group key, ascending.
    public var effectiveSort: [SortKey] {
        if !sort.isEmpty { return sort }
        switch shape {
        case .events: return [SortKey("timestamp", descending: true)]
        case .statistics(let statistics):
            let shown = statistics.calculations.first { !$0.isHidden && $0.aggregate.hasOrder }
            let name = shown?.key ?? statistics.formulas.first?.name
            return name.map { [SortKey($0, descending: true)] } ?? []
        case .bubbleUp: return []
        }
    }
}

extension Aggregate {
    /// Whether it is a value: a histogram is none.
    fileprivate var hasOrder: Bool { self != .heatmap && self != .exponentialHistogram }
}
