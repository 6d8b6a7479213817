internal import Compute
internal import Events

/// The sources of a question, parted into those of segments whose partials can be kept and the rest.
struct CachedStatistics {
    /// A segment that lies wholly in the question's time range.
    struct WholeSegment {
        let segment: any AnyObject & Sendable
        var sources: [any EventSource]

        /// Buckets of the given width that hold all rows; nil without a width.
        func buckets(of width: Int64?) -> TimeBuckets? {
            guard let width, let low = sources.map(\.timeBounds.lowerBound).min(),
                let high = sources.map(\.timeBounds.upperBound).max()
            else { return nil }
            let rest = low % width
            let origin = low - (rest < 0 ? rest + width : rest)
            return TimeBuckets(
                origin: origin, width: width, count: Int((high - origin) / width) + 1)
        }
    }

    private(set) var whole: [WholeSegment] = []
    private(set) var rest: [any EventSource] = []

    init(_ sources: [any EventSource], _ plan: QueryPlan) {
        guard CachedStatistics.isModest(plan) else {
            rest = sources
            return
        }
        var place: [ObjectIdentifier: Int] = [:]
        var isWhole: [Bool] = []
        for source in sources {
            guard let segment = source.nameOwner, !source.hasDeadRows else {
                rest.append(source)
                continue
            }
            let bounds = source.timeBounds
            let isIn =
                bounds.lowerBound >= plan.timeRange.lowerBound
                && bounds.upperBound < plan.timeRange.upperBound
            if let known = place[ObjectIdentifier(segment)] {
                whole[known].sources.append(source)
                isWhole[known] = isWhole[known] && isIn
            } else {
                place[ObjectIdentifier(segment)] = whole.count
                whole.append(WholeSegment(segment: segment, sources: [source]))
                isWhole.append(isIn)
            }
        }
        for (segment, isWhole) in zip(whole, isWhole) where !isWhole { rest += segment.sources }
        whole = zip(whole, isWhole).filter(\.1).map(\.0)
    }

    /// Whether times and buckets are far enough from the ends of what there is to reckon with them.
    private static func isModest(_ plan: QueryPlan) -> Bool {
        // Relatives may lie in other segments.
        if !plan.needs.isEmpty { return false }
        // How long a span is open depends on where the time range ends.
        return !plan.slots.contains { $0.kind == .openSpans }
            && plan.timeRange.lowerBound >= .min / 4
            && plan.timeRange.upperBound <= .max / 4
            && plan.buckets?.width ?? 0 <= .max / 4
    }
}
