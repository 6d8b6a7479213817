internal import Compute
internal import Events
internal import Synchronization

/// What was counted of sealed segments, so that a question that is asked again, as by a dashboard,
/// pays only for what is new.
///
/// A segment never changes, so its partial for a question holds as long as it lives. The question's
/// time range is no part of the key: only segments that lie in it wholly have a partial here, with
/// time buckets of their own. Bounded in bytes; the one that was not asked for longest goes first.
final class PartialCache: Sendable {
    /// What of a plan decides about the partial of a segment that lies in its time range.
    struct Question: Hashable {
        let datasets: Set<String>?
        let conditions: [Expression]
        let groupBy: [GroupKey]
        let slots: [AggregateSlot]
        let readings: [AggregateReading]
        let isUnweighted: Bool
        let sample: EventSample?
        /// Of time buckets, nanoseconds.
        let bucketWidth: Int64?

        init(_ plan: QueryPlan) {
            datasets = plan.datasets
            conditions = plan.conditions
            // What a key is called does not matter.
            groupBy = plan.groupBy.map {
                GroupKey(name: "", expression: $0.expression, isEach: $0.isEach)
            }
            slots = plan.slots
            readings = plan.calculations.map(\.reading)
            isUnweighted = plan.query.isUnweighted
            sample = plan.sample
            bucketWidth = plan.buckets?.width
        }
    }

    private struct Key: Hashable {
        let segment: ObjectIdentifier
        let question: Question
    }

    private struct Entry {
        // An identity stays one only while its object lives.
        weak var segment: (any AnyObject & Sendable)?
        let partial: SegmentPartial
        let bytes: Int
        var lastUse: Int
    }

    private struct State: ~Copyable {
        var entries: [Key: Entry] = [:]
        var bytes = 0
        var uses = 0
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes held now, about.
    var byteCount: Int { state.withLock { $0.bytes } }

    /// Forgets everything.
    func removeAll() {
        state.withLock { state in
            state.entries = [:]
            state.bytes = 0
        }
    }

    func partial(of segment: any AnyObject & Sendable, for question: Question) -> SegmentPartial? {
        let key = Key(segment: ObjectIdentifier(segment), question: question)
        return state.withLock { state in
            guard var entry = state.entries[key], entry.segment === segment else { return nil }
            state.uses += 1
            entry.lastUse = state.uses
            state.entries[key] = entry
            return entry.partial
        }
    }

    /// Keeps a partial, unless it alone would take an eighth of all room; answers whether it does.
    func insert(
        _ partial: SegmentPartial, of segment: any AnyObject & Sendable, for question: Question
    ) -> Bool {
        let bytes = partial.byteCount
        guard bytes <= bytesMax / 8 else { return false }
        let key = Key(segment: ObjectIdentifier(segment), question: question)
        state.withLock { state in
            state.uses += 1
            let entry = Entry(
                segment: segment, partial: partial, bytes: bytes, lastUse: state.uses)
            if let old = state.entries.updateValue(entry, forKey: key) { state.bytes -= old.bytes }
            state.bytes += bytes
            if state.bytes > bytesMax { PartialCache.makeRoom(&state, bytesMax) }
        }
        return true
    }

    /// Forgets segments that are gone, then what was not asked for longest, down to three quarters,
    /// so that not each insertion has to look.
    private static func makeRoom(_ state: inout State, _ bytesMax: Int) {
        let byAge = state.entries.sorted { a, b in
            (a.value.segment != nil ? 1 : 0, a.value.lastUse)
                < (b.value.segment != nil ? 1 : 0, b.value.lastUse)
        }
        for (key, entry) in byAge {
            if entry.segment != nil && state.bytes <= bytesMax / 4 * 3 { return }
            state.bytes -= entry.bytes
            state.entries[key] = nil
        }
    }
}

/// What a question counts in one segment.
///
/// SENDABLE: nothing changes it any more, but reading it may put states in order: each reader has
/// it alone.
final class SegmentPartial: @unchecked Sendable {
    /// Rows that met the conditions.
    let events: Int
    private let partial: GroupPartial
    private let buckets: TimeBuckets?
    private let reading = Mutex(())

    init(_ partial: GroupPartial, events: Int, buckets: TimeBuckets?) {
        self.partial = partial
        self.events = events
        self.buckets = buckets
    }

    /// Bytes held, about.
    var byteCount: Int { reading.withLock { _ in partial.byteCountAlone + 1024 } }

    /// A copy whose time buckets are those of a plan.
    func copy(for plan: QueryPlan) -> GroupPartial {
        reading.withLock { _ in
            guard let buckets, let wanted = plan.buckets else { return partial.copy() }
            let first = (buckets.origin - wanted.origin) / buckets.width
            return partial.copy(buckets: (wanted.count, Int(first)))
        }
    }
}
