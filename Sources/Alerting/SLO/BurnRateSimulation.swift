internal import CKernels

/// How often burn-rate alerts fire for a service that only spends what it may.
///
/// Requests come at random, each is bad by itself with one chance, and the alerts are judged every minute
/// by what they are judged by in a server. Fixed by its seed.
public struct BurnRateSimulation: Sendable {
    public struct Result: Sendable {
        /// How often an alert began to fire, of each severity.
        public var pages = 0
        public var tickets = 0
    }

    private let objective: ServiceLevelObjective
    /// Minutes of requests that are kept: those of the longest window.
    private let minutes: Int
    private static let minute: Int64 = 60_000

    public init(_ objective: ServiceLevelObjective) {
        self.objective = objective
        minutes = Int((objective.alerts.map(\.long).max() ?? 0) / BurnRateSimulation.minute)
    }

    /// - Parameters:
    ///   - rate: requests an hour, on average.
    ///   - burn: how many times as many requests are bad as may be.
    ///   - days: that are simulated after as long as the longest window.
    ///   - isBounded: whether the bounds for few events hold, or burn rates alone.
    public func run(
        requestsPerHour rate: Double, burn: Double, days: Int, seed: UInt64, isBounded: Bool = true
    ) -> Result {
        var random = MinuteRandom(seed)
        let share = objective.budget * burn
        // Running totals of each minute's end.
        var totals = [0.0]
        var bads = [0.0]
        var firing = [Bool](repeating: false, count: objective.alerts.count)
        var result = Result()
        for minute in 1...(minutes + days * 1440) {
            // Good and bad ones come independently of one another, as those of a sum that is split do.
            let errors = random.count(rate / 60 * share)
            let requests = random.count(rate / 60 * (1 - share)) + errors
            totals.append(totals[minute - 1] + requests)
            bads.append(bads[minute - 1] + errors)
            func count(_ window: Int64) -> SLOCount {
                let first = max(0, minute - Int(window / BurnRateSimulation.minute))
                return SLOCount(
                    total: totals[minute] - totals[first], bad: bads[minute] - bads[first])
            }
            for (place, alert) in objective.alerts.enumerated() {
                let (long, short) = (count(alert.long), count(alert.short))
                let holds =
                    isBounded
                    ? alert.holds(long: long, short: short, objective)
                    : alert.burns(short, objective) && alert.burns(long, objective)
                if holds && !firing[place] && minute > minutes {
                    if alert.severity == .page { result.pages += 1 } else { result.tickets += 1 }
                }
                firing[place] = holds
            }
        }
        return result
    }
}

/// Random numbers of one seed (SplitMix64).
private struct MinuteRandom {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// From 0 to below 1.
    mutating func next() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ (z >> 31)) >> 11) / 9_007_199_254_740_992
    }

    /// A number of events that come independently of one another (Knuth's product of uniform numbers).
    mutating func count(_ mean: Double) -> Double {
        let limit = wf_exp(-mean)
        var product = next()
        var count = 0.0
        while product > limit {
            product *= next()
            count += 1
        }
        return count
    }
}
