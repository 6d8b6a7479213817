internal import Compute
internal import Events
internal import Host

extension QueryEngine {
    /// The options with bins for each heatmap of a query, if bins are asked for.
    ///
    /// Bins that are to fit cost a look at the numbers before they are counted: the lowest, the highest,
    /// and where all but a hundredth of them lie.
    func fittingHeatmaps(
        of query: Query, over sources: [any EventSource], now: Int64, _ deadline: Int64,
        _ options: QueryOptions, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> QueryOptions {
        guard let wanted = options.heatmap, case .statistics(let statistics) = query.shape else {
            return options
        }
        var options = options
        for calculation in statistics.calculations where calculation.aggregate == .heatmap {
            var bins: NumberBins?
            if let range = wanted.range {
                bins = NumberBins(
                    from: range.low, to: range.high, count: wanted.bins,
                    isLogarithmic: !wanted.isLinear)
                if bins == nil {
                    throw .refused(
                        "the bins of a heatmap cannot reach from \(range.low) to \(range.high)")
                }
            } else {
                let question = query.spread(of: calculation, isLogarithmic: !wanted.isLinear)
                var asked = options
                (asked.heatmap, asked.wantsTotals) = (nil, false)
                let plan = try findingRelatives(
                    try QueryPlan(question, now: now, options: asked), sources, deadline, asked,
                    cancellation)
                let answer = try self.statistics(plan, sources, deadline, asked, cancellation)
                bins =
                    answer.statistics.flatMap { wanted.bins(fitting: $0) } ?? wanted.binsOfNothing
            }
            options.heatmapBins[calculation.key] = bins
        }
        return options
    }
}

extension Query {
    /// The question how far the numbers of a heatmap reach; positive ones on a logarithmic scale.
    fileprivate func spread(of calculation: Calculation, isLogarithmic: Bool) -> Query {
        let argument = calculation.argument ?? .literal(.missing)
        let isWanted = Expression.compare(
            isLogarithmic ? .greater : .greaterOrEqual, argument,
            .literal(isLogarithmic ? .int(0) : .float(-.greatestFiniteMagnitude)))
        let number = Expression.call(.if, [isWanted, argument])
        var question = self
        question.shape = .statistics(
            Statistics(
                calculations: [
                    Calculation(.min, of: number, where: calculation.filter, alias: "low"),
                    Calculation(.max, of: number, where: calculation.filter, alias: "high"),
                    Calculation(
                        .quantile(0.005), of: number, where: calculation.filter, alias: "p005"),
                    Calculation(
                        .quantile(0.995), of: number, where: calculation.filter, alias: "p995"),
                ]))
        (question.sort, question.limit, question.step) = ([], nil, nil)
        question.compareOffset = nil
        return question
    }
}

extension HeatmapOptions {
    /// Bins for a heatmap without numbers, so that it has its matrix like any other.
    fileprivate var binsOfNothing: NumberBins? {
        NumberBins(from: 1, to: 10, count: 1, isLogarithmic: !isLinear)
    }

    /// Bins for numbers of which this is known; nil when there are none.
    ///
    /// On a linear scale a few numbers far beyond all others would leave one bin for these: then the
    /// bins end near the others, and the bin above or below them holds the rest.
    fileprivate func bins(fitting table: StatisticsTable) -> NumberBins? {
        let numbers = (table.rows.first?.values ?? []).map { value -> Double? in
            switch value {
            case .value(.int(let number)): return Double(number)
            case .value(.float(let number)): return number
            default: return nil
            }
        }
        guard numbers.count == 4, var low = numbers[0], var high = numbers[1] else { return nil }
        if isLinear, let p005 = numbers[2], let p995 = numbers[3], p005 < p995 {
            let reach = p995 - p005
            // Percentiles are within 1 %, so they leave nothing out by themselves.
            if high - p995 > 2 * reach { high = p995 + reach / 10 }
            if p005 - low > 2 * reach { low = p005 - reach / 10 }
        }
        return NumberBins(fitting: low, high, most: bins, isLogarithmic: !isLinear)
    }
}
