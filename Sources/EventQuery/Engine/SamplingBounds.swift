internal import Compute
internal import Events

/// How far a calculation over sampled events may be from the same over all events.
public struct SamplingBounds: Hashable, Sendable {
    /// Events that each stand for themselves which would tell as much: (Σ N)²/Σ N²; nil where
    /// weights do not enter.
    public let effectiveCount: Double?
    /// The ends of a 95 % interval; nil where nothing bounds the number on that side.
    public let low: Double?
    public let high: Double?

    public init(effectiveCount: Double?, low: Double?, high: Double?) {
        self.effectiveCount = effectiveCount
        self.low = low
        self.high = high
    }
}

/// The calculations of a plan with what is kept to tell their bounds.
struct BoundsReader {
    /// Of the normal distribution, for 95 %.
    private static let deviations = 1.959964

    private let plan: QueryPlan
    private let partial: GroupPartial
    /// Whether any event stood for others at all.
    let isSampled: Bool

    init(_ plan: QueryPlan, _ partial: GroupPartial) {
        self.plan = plan
        self.partial = partial
        isSampled = partial.states.contains { ($0 as? SamplingState)?.byteCount ?? 0 > 0 }
    }

    /// One a calculation, nil where it is exact; none at all where nothing was sampled.
    func bounds(ofCell cell: Int) -> [SamplingBounds?] {
        guard isSampled else { return [] }
        return plan.calculations.filter { !$0.isHidden }.map { bounds(of: $0, cell) }
            + plan.formulas.map { _ in nil }
    }

    private func bounds(
        of calculation: PlannedCalculation, _ cell: Int
    ) -> SamplingBounds? {
        guard let slot = calculation.samplingSlot,
            let moments = (partial.states[slot] as? SamplingState)?.moments(ofCell: cell),
            moments.excess > 0
        else { return nil }
        let state = partial.states[calculation.slot]
        func number(_ reading: AggregateReading) -> Double? {
            guard case .value(let value) = state.value(ofCell: cell, reading) else { return nil }
            switch value {
            case .int(let number): return Double(number)
            case .float(let number): return number
            default: return nil
            }
        }
        guard let found = number(calculation.reading) else { return nil }
        guard let weight = self.weight(of: state, cell) else {
            // Of different values at least those are there that were met.
            return SamplingBounds(effectiveCount: nil, low: found, high: nil)
        }
        let effective = weight * weight / (moments.excess + weight)
        func interval(_ variance: Double, atLeast least: Double = -.infinity) -> SamplingBounds {
            let reach = BoundsReader.deviations * max(0, variance).squareRoot()
            return SamplingBounds(
                effectiveCount: effective, low: max(least, found - reach), high: found + reach)
        }
        switch calculation.reading {
        case .sum: return interval(moments.valueSquares)
        case .average:
            let spread =
                moments.valueSquares - 2 * found * moments.value + found * found * moments.excess
            return interval(spread / (weight * weight))
        case .quantile(let share):
            // The share of events below a value is off by so much; so are the ranks.
            let reach =
                BoundsReader.deviations * (share * (1 - share) / max(1, effective)).squareRoot()
            return SamplingBounds(
                effectiveCount: effective, low: number(.quantile(max(0, share - reach))),
                high: number(.quantile(min(1, share + reach))))
        case .plain, .histogram, .binned: return interval(moments.excess, atLeast: 0)
        }
    }

    /// How many events a calculation is about.
    private func weight(of state: any AggregateState, _ cell: Int) -> Double? {
        switch state {
        case let state as SumState: Double(state.count(ofCell: cell))
        case let state as HistogramState: Double(state.total(ofCell: cell))
        case let state as CountState: Double(state.count(ofCell: cell))
        default: nil
        }
    }
}

extension AggregateSlot {
    /// The state that tells the bounds of a calculation; nil for those that sampling does not move.
    ///
    /// Exact percentiles are of the events that are there: their state answers no other share.
    func samplingSlot(_ reading: AggregateReading) -> AggregateSlot? {
        // Of a row's relatives some may be missing: nothing is said of how many.
        if manyRelation != nil { return nil }
        let ofNumbers: Bool
        switch kind {
        case .count, .distinct: ofNumbers = false
        case .sum: ofNumbers = true
        case .histogram:
            guard case .quantile = reading else { return nil }
            ofNumbers = true
        default: return nil
        }
        return AggregateSlot(
            kind: .sampling(ofNumbers: ofNumbers), argument: argument, filter: filter)
    }
}
