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
        case latest
        case histogram
        case exponential
        case exactQuantiles
        case openSpans
        /// What tells how far another state's numbers may be off.
        case sampling(ofNumbers: Bool)
    }

    /// What of the time buckets of a group a calculation speaks of.
    enum Span {
        /// Each for itself, or all as one.
        case bucket
        /// The difference from one to the next.
        case difference
        /// Spans that are open in it, from this one or an earlier one.
        case open
    }

    let kind: Kind
    /// Whether the state reckons with the events' times.
    var needsTimes: Bool { kind == .openSpans || kind == .latest }
    let argument: Expression?
    let filter: Expression?

    /// An empty state.
    ///
    /// - Parameters:
    ///   - readings: how it will be asked.
    ///   - frame: when spans are looked at.
    func makeState(
        _ readings: [AggregateReading], _ frame: @autoclosure () -> OpenSpanState.Frame
    ) -> any AggregateState {
        switch kind {
        case .count: CountState(needsValue: argument != nil, takesAllRows: filter == nil)
        case .sum: SumState()
        case .smallest: ExtremeState(.smallest)
        case .largest: ExtremeState(.largest)
        case .distinct: DistinctState()
        case .latest: LatestState()
        case .histogram: HistogramState()
        case .exponential: ExponentialState()
        case .openSpans: OpenSpanState(frame())
        case .sampling(let ofNumbers): SamplingState(needsNumbers: ofNumbers)
        case .exactQuantiles:
            ExactQuantileState(
                shares: readings.compactMap { reading in
                    if case .quantile(let share) = reading { share } else { nil }
                })
        }
    }

    /// The state that a calculation needs, and how it is read.
    static func make(
        _ calculation: Calculation, _ definitions: [String: Expression], _ options: QueryOptions
    ) -> (AggregateSlot, AggregateReading, Span) {
        let (kind, reading): (Kind, AggregateReading)
        var span = Span.bucket
        var argument = calculation.argument
        switch calculation.aggregate {
        case .count: (kind, reading) = (.count, .plain)
        case .sum: (kind, reading) = (.sum, .sum)
        case .avg: (kind, reading) = (.sum, .average)
        case .min: (kind, reading) = (.smallest, .plain)
        case .max: (kind, reading) = (.largest, .plain)
        case .distinct: (kind, reading) = (.distinct, .plain)
        case .latest: (kind, reading) = (.latest, .plain)
        case .exponentialHistogram: (kind, reading) = (.exponential, .histogram)
        case .quantile(let share):
            (kind, reading) = (options.isExact ? .exactQuantiles : .histogram, .quantile(share))
        case .heatmap:
            let bins = options.heatmapBins[calculation.key]
            (kind, reading) = (.histogram, bins.map { .binned($0) } ?? .histogram)
            if let bins { argument = argument.map(bins.bin) }
        case .rateSum: (kind, reading, span) = (.sum, .sum, .difference)
        case .rateAvg: (kind, reading, span) = (.sum, .average, .difference)
        case .rateMax: (kind, reading, span) = (.largest, .plain, .difference)
        case .concurrency:
            (kind, reading, span) = (.openSpans, .plain, .open)
            argument = options.naming.value(of: \.duration)
        }
        let slot = AggregateSlot(
            kind: kind, argument: argument?.substituting(definitions),
            filter: calculation.filter?.substituting(definitions).requiringRelatives)
        return (slot, reading, span)
    }

    /// The relation of which an event may have several that the slot takes, one after the other.
    var manyRelation: Relation? {
        [argument, filter].compactMap { $0?.fields.compactMap(\.relation).first(where: \.isMany) }
            .first
    }

    /// How the state's number for a group comes from those of parts; nil when it is not that simple.
    var combination: LeadingGroups.Combination? {
        switch kind {
        case .count: .sum
        case .largest: .highest
        case .sum, .smallest, .distinct, .latest, .histogram, .exponential, .exactQuantiles,
            .openSpans, .sampling:
            nil
        }
    }

    /// The relative error of what is read; nil when it is exact.
    func error(of reading: AggregateReading) -> Double? {
        if kind == .histogram, case .quantile = reading { return 0.01 }
        return nil
    }
}
