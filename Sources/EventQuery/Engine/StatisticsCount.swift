internal import Compute
internal import Events
internal import Synchronization

/// Sources of a question that are counted for themselves: a segment whose partial is to be kept, or
/// all that no partial is kept of.
final class StatisticsPart: Sendable {
    let sources: [any EventSource]
    /// The question, with time buckets of the part's own where its partial is kept.
    let plan: QueryPlan
    /// What the partial is kept for; nil to keep none.
    let segment: (any AnyObject & Sendable)?

    /// A thread's share of the part.
    ///
    /// SENDABLE: who hands it in does not look at it any more.
    private struct Share: @unchecked Sendable {
        let scan: StatisticsScan
    }

    private struct State {
        var shares: [Share] = []
        var sourcesLeft: Int
        /// Bytes of all shares.
        var byteCount = 0
    }

    private let state: Mutex<State>

    init(
        _ sources: [any EventSource], _ plan: QueryPlan,
        keptFor segment: (any AnyObject & Sendable)? = nil
    ) {
        self.sources = sources
        self.plan = plan
        self.segment = segment
        state = Mutex(State(sourcesLeft: sources.count))
    }

    /// Takes what a thread has counted of `sources` of the part; answers all shares when with it
    /// the part is whole.
    func handIn(
        _ scan: StatisticsScan, sources: Int, byteCount: Int
    ) -> (scans: [StatisticsScan], byteCount: Int)? {
        let share = Share(scan: scan)
        let whole = state.withLock { state -> State? in
            state.shares.append(share)
            state.sourcesLeft -= sources
            state.byteCount += byteCount
            guard state.sourcesLeft == 0 else { return nil }
            defer { state = State(sourcesLeft: 0) }
            return state
        }
        return whole.map { ($0.shares.map(\.scan), $0.byteCount) }
    }

    /// What was counted of a part that did not become whole, when all threads have handed in; nil
    /// when that is nothing.
    ///
    /// - Parameter whole: the question, with the time buckets that are wanted.
    func unfinished(for whole: QueryPlan) -> GroupPartial? {
        let scans = state.withLock { $0.shares.map(\.scan) }
        let events = scans.reduce(0) { $0 + $1.events }
        if events == 0 { return nil }
        let partial = plan.merge(scans)
        if plan.buckets == whole.buckets { return partial }
        return SegmentPartial(partial, events: events, buckets: plan.buckets).copy(for: whole)
    }
}

/// One thread's work on a question for statistics.
///
/// Threads take source after source, whatever part it is of, so that many segments of one row group
/// are counted on all threads, as one of many row groups is. Who counts the last source of a part puts
/// the shares of all threads together.
final class StatisticsLane {
    /// What is taken at a time.
    enum Piece {
        /// Counted when the question was asked before.
        case known(SegmentPartial)
        case source(any EventSource, of: StatisticsPart)
    }

    private let plan: QueryPlan
    private let work: SourceQueue
    private let memoryLimit: Int
    private let keep: (SegmentPartial, any AnyObject & Sendable) -> Bool
    /// The part that is being counted.
    private var current: (part: StatisticsPart, scan: StatisticsScan, sources: Int)?
    private(set) var partials = PartialSum()
    private(set) var meta = AnswerMeta()
    /// Bytes that the queue knows this thread to hold.
    private var held = 0

    /// - Parameter keep: keeps the partial of a segment for the next asking; false when it does not.
    init(
        _ plan: QueryPlan, _ work: SourceQueue, memoryLimit: Int,
        keep: @escaping (SegmentPartial, any AnyObject & Sendable) -> Bool
    ) {
        self.plan = plan
        self.work = work
        self.memoryLimit = memoryLimit
        self.keep = keep
    }

    /// Takes pieces until there are no more.
    func run(_ pieces: [Piece]) {
        while let index = work.next() {
            do {
                try take(pieces[index])
            } catch is Interrupted {
                break
            } catch {
                work.fail(QueryFailure(scanning: error))
            }
            noteHeld()
        }
        handIn()
        noteHeld()
    }

    private func take(_ piece: Piece) throws {
        switch piece {
        case .known(let partial):
            meta.events += partial.events
            if partial.events > 0 { partials.add(partial.copy(for: plan)) }
        case .source(let source, let part):
            if current?.part !== part {
                handIn()
                current = (part, StatisticsScan(part.plan), 0)
            }
            try current?.scan.scan(source, work)
            current?.sources += 1
        }
    }

    private func handIn() {
        guard let (part, scan, sources) = current else { return }
        current = nil
        scan.settle()
        meta.events += scan.events
        meta.rowsScanned += scan.rowsScanned
        meta.bytesScanned += scan.bytesScanned
        // They stay held; who puts the part together lets go of them.
        let byteCount = scan.byteCount
        _ = work.hold(partials.byteCount + byteCount - held)
        held = partials.byteCount
        guard let whole = part.handIn(scan, sources: sources, byteCount: byteCount) else { return }
        add(whole.scans, of: part)
        _ = work.hold(-whole.byteCount)
    }

    /// Puts a whole part together and keeps its partial.
    private func add(_ scans: [StatisticsScan], of part: StatisticsPart) {
        let events = scans.reduce(0) { $0 + $1.events }
        guard let segment = part.segment else {
            // By value only when all is there: then few of many groups may do.
            let counted = scans.filter { $0.events > 0 }.flatMap(\.partials)
            for partial in GroupPartial.mergingByCode(counted) { partials.add(partial) }
            return
        }
        let partial = part.plan.merge(scans)
        let counted = SegmentPartial(partial, events: events, buckets: part.plan.buckets)
        let isKept = keep(counted, segment)
        guard events > 0 else { return }
        partials.add(
            isKept || part.plan.buckets != plan.buckets ? counted.copy(for: plan) : partial)
    }

    private func noteHeld() {
        let holds = partials.byteCount + (current?.scan.byteCount ?? 0)
        if work.hold(holds - held) > memoryLimit { work.fail(.outOfMemory(limit: memoryLimit)) }
        held = holds
    }
}

/// Partials with rows, merged now and then so that there are never many.
struct PartialSum {
    private static let partialsMax = 16

    private(set) var partials: [GroupPartial] = []

    mutating func add(_ partial: GroupPartial) {
        partials.append(partial)
        if partials.count >= PartialSum.partialsMax { partials = [.merging(partials)] }
    }

    var byteCount: Int { partials.reduce(0) { $0 + $1.byteCount } }
}
