internal import Metrics
internal import Synchronization

/// The totals that scrapers are told of metrics which cannot be counted over all events, since each was
/// scraped first.
///
/// They are in memory alone: after a start they begin again, as those of any scraped program do.
final class ScrapedTotals: Sendable {
    private let totals = Mutex<[String: [MetricDefinition: RunningTotals]]>([:])
    /// Of metrics that took too long the time from which on they are counted again, nanoseconds since 1970.
    private let pauses = Mutex<[String: [MetricDefinition: Int64]]>([:])

    /// The totals of some definitions of an environment, of all that are kept there, up to a time in
    /// nanoseconds since 1970.
    ///
    /// Those that cannot be counted within the time that `ask` has are left out for a while, and then begin
    /// again: so the others are told, and what is spent in vain is bounded.
    func totals(
        of definitions: [MetricDefinition], in environment: String, now: Int64,
        _ ask: DerivedSeries.Ask
    ) throws -> [MetricDefinition: RunningTotals] {
        let known = totals.withLock { $0[environment] } ?? [:]
        var paused = pauses.withLock { $0[environment] } ?? [:]
        paused = paused.filter { $0.value > now }
        var found: [MetricDefinition: RunningTotals] = [:]
        for definition in definitions where paused[definition] == nil {
            var running = known[definition] ?? RunningTotals(at: now)
            do {
                try running.advance(definition, to: now, ask)
                found[definition] = running
            } catch let error as PromQLError where error.code == .timeout {
                paused[definition] = now + ServiceLimits.scrapedPauseNanoseconds
            }
        }
        let waiting = paused
        pauses.withLock { $0[environment] = waiting.isEmpty ? nil : waiting }
        let new = found
        return totals.withLock { totals in
            // Of two scrapes at once the one that counted further stays.
            let kept = new.merging(totals[environment] ?? [:]) { ours, theirs in
                ours.counted < theirs.counted ? theirs : ours
            }
            totals[environment] = kept.filter { new[$0.key] != nil }
            return totals[environment] ?? [:]
        }
    }
}

extension ScrapedTotals: Erasable {
    /// Forgets the totals of an environment, whose labels may have the texts: they begin again.
    func erase(_ texts: [String], in environment: String) {
        totals.withLock { $0[environment] = nil }
    }
}
