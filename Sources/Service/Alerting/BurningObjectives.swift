internal import Alerting
internal import EventQuery
internal import EventStore
internal import Metrics

/// What the burn-rate alerts of one environment look at, counted from round to round.
///
/// It is begun anew when what was counted may no longer be so: SLOs or the fields that they are about are
/// defined otherwise, events were erased, or came in a way that does not tell when they happened.
struct BurningObjectives {
    /// What was counted holds as long as this stays the same.
    private struct Basis: Equatable {
        let objectives: [ServiceLevelObjective]
        let columns: [Definitions.Document]
        let erasures: Int
    }

    private(set) var tally: BurnTally?
    /// Why the last counting failed; nil when it did not.
    private(set) var failure: (any Error)?
    private var basis: Basis?
    /// Minutes of which events came after they were counted, by their beginnings.
    private var late: Set<Int64> = []

    /// Takes note of what arrived.
    mutating func note(_ arrivals: Arrivals) {
        guard let end = tally?.end else { return }
        let minute: Int64 = 60_000_000_000
        for cell in arrivals.cells(of: minute, before: end * 1_000_000) {
            late.insert(cell / 1_000_000)
        }
        // Events that are in segments before anybody looked cannot be told from others.
        if arrivals.missed > 0 || late.count > ServiceLimits.lateMinutesMax { tally = nil }
    }

    /// Counts what is new of settled events; `now` in milliseconds since 1970.
    mutating func count(
        _ environment: String, _ metrics: DerivedMetrics, at now: Int64,
        _ cancellation: QueryCancellation
    ) {
        let current = Basis(
            objectives: metrics.levels.objectives(of: environment),
            columns: metrics.levels.definitions.definitions(of: environment).all(.derivedColumns),
            erasures: metrics.service.store.erasures(environment: environment))
        if basis != current || tally == nil {
            tally = BurnTally(current.objectives)
            basis = current
            late = []
        }
        do {
            failure = nil
            try tally?.advance(to: now - DerivedSeries.settling, late: late) {
                try metrics.cells(of: $0, in: environment, $1, width: $2, cancellation)
            }
        } catch {
            failure = error
            tally = nil
        }
        late = []
    }
}
