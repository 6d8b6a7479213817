import Compute

extension Query {
    /// The most rows answered, with the default where the query names none.
    public var rowLimit: Int { limit ?? QueryLimits.rowsDefault }

    /// The most values answered for each field of a `bubbleup`.
    public var comparedValuesMax: Int {
        min(limit ?? QueryLimits.comparedValuesDefault, QueryLimits.comparedValuesMax)
    }

    /// The order of the answer, with the default where the query names none.
    ///
    /// Events: newest first. Statistics: the first calculation that has an order (a heatmap has
    /// none), highest first. Ties, and answers without a sort key, go by group key, ascending.
    public var effectiveSort: [SortKey] {
        if !sort.isEmpty { return sort }
        switch shape {
        case .events: return [SortKey("timestamp", descending: true)]
        case .statistics(let statistics):
            let first = statistics.calculations.first { $0.aggregate != .heatmap }
            return first.map { [SortKey($0.key, descending: true)] } ?? []
        case .bubbleUp: return []
        }
    }
}
