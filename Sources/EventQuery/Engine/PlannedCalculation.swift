internal import Compute
internal import Events

/// A calculation and the state that answers it.
struct PlannedCalculation: Sendable {
    let name: String
    let slot: Int
    let reading: AggregateReading
    let isHidden: Bool
    let span: AggregateSlot.Span
    /// The state that tells how far it may be off; nil where it cannot.
    let samplingSlot: Int?
}

extension Statistics {
    /// The calculations over the states that they need, of which several share one.
    ///
    /// - Parameter tellsBounds: whether states are kept that tell how far calculations may be off.
    func planned(
        _ definitions: [String: Expression], _ options: QueryOptions, tellsBounds: Bool
    ) -> (slots: [AggregateSlot], calculations: [PlannedCalculation]) {
        var slots: [AggregateSlot] = []
        var planned: [PlannedCalculation] = []
        for calculation in calculations {
            let (slot, reading, span) = AggregateSlot.make(calculation, definitions, options)
            let sampling = tellsBounds && span == .bucket ? slot.samplingSlot(reading) : nil
            planned.append(
                PlannedCalculation(
                    name: calculation.key, slot: slots.place(of: slot), reading: reading,
                    isHidden: calculation.isHidden, span: span,
                    samplingSlot: sampling.map { slots.place(of: $0) }))
        }
        return (slots, planned)
    }

    /// The formulas over calculations alone: those that they speak of are put in their places.
    var plannedFormulas: [Formula] {
        var known: [String: Expression] = [:]
        return formulas.map { formula in
            let expression = formula.expression.substituting(known)
            known[formula.name] = expression
            return Formula(name: formula.name, expression: expression)
        }
    }
}

extension Query {
    /// Differences between time buckets need some, also where no series is asked for.
    var stepOfRates: Step? {
        guard case .statistics(let statistics) = shape else { return nil }
        let rates: [Aggregate] = [.rateSum, .rateAvg, .rateMax]
        return statistics.calculations.contains { rates.contains($0.aggregate) } ? .automatic : nil
    }
}

extension [AggregateSlot] {
    /// Where a state stands, which is added when it is not there.
    fileprivate mutating func place(of slot: AggregateSlot) -> Int {
        if let place = firstIndex(of: slot) { return place }
        append(slot)
        return count - 1
    }
}
