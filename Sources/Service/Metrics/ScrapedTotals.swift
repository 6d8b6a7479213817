internal import Metrics
internal import Synchronization

/// The totals that scrapers are told of metrics which cannot be counted over all events, since each was
/// scraped first.
///
/// They are in memory alone: after a start they begin again, as those of any scraped program do.
final class ScrapedTotals: Sendable {
    private let totals = Mutex<[String: [MetricDefinition: RunningTotals]]>([:])

    /// The totals of some definitions of an environment, of all that are kept there, up to a time in
    /// nanoseconds since 1970.
    ///
    /// Throws what `ask` does.
    func totals(
        of definitions: [MetricDefinition], in environment: String, now: Int64,
        _ ask: DerivedSeries.Ask
    ) throws -> [MetricDefinition: RunningTotals] {
        let known = totals.withLock { $0[environment] } ?? [:]
        var found: [MetricDefinition: RunningTotals] = [:]
        for definition in definitions {
            var running = known[definition] ?? RunningTotals(at: now)
            try running.advance(definition, to: now, ask)
            found[definition] = running
        }
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
