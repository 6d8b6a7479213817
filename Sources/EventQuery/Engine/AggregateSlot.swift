internal import Compute
internal import Events

/// One state to be kept: several calculations of a query may read the same one.
struct AggregateSlot: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case count
        case sum
        case smallest
        case largest
        case distinct
        case histogram
        case exactQuantiles
    }

    let kind: Kind
    let argument: Expression?
    let filter: Expression?

    /// An empty state.
    ///
    /// - Parameter readings: how it will be asked.
    func makeState(_ readings: [AggregateReading]) -> any AggregateState {
        switch kind {
        case .count: CountState(needsValue: argument != nil, takesAllRows: filter == nil)
        case .sum: SumState()
        case .smallest: ExtremeState(.smallest)
        case .largest: ExtremeState(.largest)
        case .distinct: DistinctState()
        case .histogram: HistogramState()
        case .exactQuantiles:
            ExactQuantileState(
                shares: readings.compactMap { reading in
                    if case .quantile(let share) = reading { share } else { nil }
                })
        }
    }

    /// The state that a calculation needs, and how it is read.
    static func make(
        _ calculation: Calculation, _ definitions: [String: Expression], isExact: Bool
    ) throws(QueryFailure) -> (AggregateSlot, AggregateReading) {
        let (kind, reading): (Kind, AggregateReading)
        switch calculation.aggregate {
        case .count: (kind, reading) = (.count, .plain)
        case .sum: (kind, reading) = (.sum, .sum)
        case .avg: (kind, reading) = (.sum, .average)
        case .min: (kind, reading) = (.smallest, .plain)
        case .max: (kind, reading) = (.largest, .plain)
        case .distinct: (kind, reading) = (.distinct, .plain)
        case .quantile(let share):
            (kind, reading) = (isExact ? .exactQuantiles : .histogram, .quantile(share))
        case .heatmap: (kind, reading) = (.histogram, .histogram)
        case .rateSum, .rateAvg, .rateMax, .concurrency:
            throw .refused(
                "\(calculation.key) cannot be answered yet; use sum, avg or max with a step")
        }
        let slot = AggregateSlot(
            kind: kind, argument: calculation.argument?.substituting(definitions),
            filter: calculation.filter?.substituting(definitions))
        return (slot, reading)
    }

    /// How the state's number for a group comes from those of parts; nil when it is not that simple.
    var combination: LeadingGroups.Combination? {
        switch kind {
        case .count: .sum
        case .largest: .highest
        case .sum, .smallest, .distinct, .histogram, .exactQuantiles: nil
        }
    }

    /// The relative error of what is read; nil when it is exact.
    func error(of reading: AggregateReading) -> Double? {
        if kind == .histogram, case .quantile = reading { return 0.01 }
        return nil
    }
}
