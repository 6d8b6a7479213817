internal import Events
internal import Host
internal import Synchronization

/// Everything done behind the answers: seals, compaction, retention, tidying of the log.
///
/// For one thread at a time, but for the policies.
final class Maintenance: @unchecked Sendable {
    // SENDABLE: `clocks`, `announced` and `apart` are used by the maintaining thread only; the rest
    // has locks.
    let context: StoreContext
    let committer: Committer?
    private var clocks: ClockWatch
    private var announced: Set<DeadRun> = []
    /// Files that could not be made one with others, so that no round tries again.
    private var apart: Set<String> = []
    private let retention = Mutex<RetentionPolicies>({ _, _ in nil })
    private let isClockTrusted = Atomic<Bool>(false)
    private let failure = Mutex<EventStoreError?>(nil)

    init(_ context: StoreContext, _ committer: Committer?) {
        self.context = context
        self.committer = committer
        clocks = ClockWatch(limits: context.limits)
    }

    /// What went wrong in the last round, if anything did.
    var lastFailure: EventStoreError? { failure.withLock { $0 } }

    func setRetention(_ policies: @escaping RetentionPolicies) {
        retention.withLock { $0 = policies }
    }

    func retentionCutoff(_ environment: String, _ dataset: String) -> Int64? {
        guard isClockTrusted.load(ordering: .relaxed) else { return nil }
        let policies = retention.withLock { $0 }
        guard let age = policies(environment, dataset)?.age else { return nil }
        return context.machine.clock.wallNanoseconds() - age
    }

    // MARK: - Rounds

    /// Opens the latest segments before anybody asks, so that the first questions find footers read.
    ///
    /// What cannot be opened says so when it is asked for.
    func openSegments() {
        for environment in context.allEnvironments {
            environment.openSegments(atMost: context.limits.openedFooterEntries)
        }
    }

    /// Does what is due in every environment.
    func runRound() {
        guard committer != nil, context.refusal == nil else { return }
        failure.withLock { $0 = nil }
        let isTrusted = clocks.isTrusted(context.machine.clock)
        isClockTrusted.store(isTrusted, ordering: .relaxed)
        for environment in context.allEnvironments {
            attempt("environment \(environment.name)") { () throws(EventStoreError) in
                try sealIfDue(environment)
                try retain(environment, isTrusted: isTrusted)
                try compact(environment)
            }
        }
        attempt("log") { () throws(EventStoreError) in
            try finishErasures()
            try trimLog()
        }
    }

    /// Seals every head, whether it is due or not.
    func sealAll() {
        failure.withLock { $0 = nil }
        for environment in context.allEnvironments {
            attempt("environment \(environment.name)") { () throws(EventStoreError) in
                try seal(environment)
            }
        }
    }

    private func attempt(_ what: String, _ body: () throws(EventStoreError) -> Void) {
        do throws(EventStoreError) {
            try body()
        } catch {
            failure.withLock { $0 = error }
            if error.code == .readOnly {
                context.refuse(error)
            } else {
                context.notice("\(what): \(error)")
            }
        }
    }

    // MARK: - Sealing

    /// Seals the heads for which it is time, between two steps of something long.
    func sealWhatIsDue() throws(EventStoreError) {
        for environment in context.allEnvironments { try sealIfDue(environment) }
    }

    private func sealIfDue(_ environment: Environment) throws(EventStoreError) {
        if isSealDue(environment) { try seal(environment) }
    }

    private func isSealDue(_ environment: Environment) -> Bool {
        let limits = context.limits
        let now = context.machine.clock.monotonicNanoseconds()
        let written = committer?.writtenBytes ?? 0
        guard let unsealed = environment.unsealedPart else { return false }
        let held = written - min(written, unsealed.logBytesBefore)
        return unsealed.rows >= limits.headRows || unsealed.bytes >= limits.headBytes
            || now - unsealed.arrivedAt >= limits.headAge || held > UInt64(limits.heldLogBytes)
    }

    /// Writes a head into segments: files first, then one edit that says so.
    func seal(_ environment: Environment) throws(EventStoreError) {
        guard let committer else { return }
        let parts = environment.beginSeal(below: committer.durableBelow)
        guard let last = parts.map(\.sequences.upperBound).max() else { return }
        do throws(EventStoreError) {
            var edit = ManifestEdit()
            edit.sealedBelow = last + 1
            try write(edit, parts.map(\.batch), in: environment, finishesSeal: true)
        } catch {
            environment.abandonSeal()
            throw error
        }
    }

    /// Completes an edit with segments of the given events and applies it.
    private func write(
        _ edit: ManifestEdit, _ batches: [EventBatch], in environment: Environment,
        finishesSeal: Bool = false
    ) throws(EventStoreError) {
        let plan: SegmentPlan
        do {
            plan = try SegmentPlan(batches, limits: context.limits)
        } catch {
            throw EventStoreError(wrapping: error)
        }
        try write(edit, plan.parts, in: environment, finishesSeal: finishesSeal)
    }

    private func write(
        _ edit: ManifestEdit, _ parts: [SegmentPlan.Part], in environment: Environment,
        finishesSeal: Bool = false
    ) throws(EventStoreError) {
        var edit = edit
        edit.added = try environment.writeSegments(parts)
        do throws(EventStoreError) {
            try environment.apply(edit, finishesSeal: finishesSeal)
        } catch {
            // After a failed sync the edit may be on disk all the same: the files must stay.
            if error.code != .readOnly { environment.discard(edit.added) }
            throw error
        }
    }

    // MARK: - Compaction

    /// Makes one segment of several small ones of a day, and rewrites those with many dead rows.
    private func compact(_ environment: Environment) throws(EventStoreError) {
        let limits = context.limits
        let state = environment.state
        let byDay = Dictionary(grouping: state.segments.values) { $0.day }
        for (day, segments) in byDay {
            let small =
                segments
                .filter { $0.rows * 2 <= limits.segmentRows && !apart.contains($0.fileName) }
                .sorted { ($0.rows, $0.fileName) < ($1.rows, $1.fileName) }
            var chosen: [SegmentEntry] = []
            var rows = 0
            var bytes: UInt64 = 0
            for segment in small
            where rows + segment.rows <= limits.segmentRows
                && bytes + segment.bytes <= limits.compactionBytes
            {
                chosen.append(segment)
                rows += segment.rows
                bytes += segment.bytes
            }
            let isFull = chosen.count > 1 && rows * 4 > limits.segmentRows * 3
            if chosen.count >= limits.compactionSegments || isFull {
                do throws(EventStoreError) {
                    try rewrite(chosen, day: day, state, in: environment)
                } catch {
                    if error.code == .damaged { apart.formUnion(chosen.map(\.fileName)) }
                    throw error
                }
            }
        }
        for segment in environment.state.segments.values.sorted(by: { $0.fileName < $1.fileName }) {
            let deadRows = state.deadRows(of: segment)
            if deadRows > 0 && deadRows * 100 > segment.rows * limits.deadPercent {
                try rewrite([segment], day: segment.day, environment.state, in: environment)
            }
        }
    }

    /// Puts one segment of the rows that are not dead in the place of several.
    private func rewrite(
        _ segments: [SegmentEntry], day: Int32?, _ state: ManifestState, in environment: Environment
    ) throws(EventStoreError) {
        var edit = ManifestEdit()
        edit.removed = segments.map(\.fileName)
        var sources: [any EventSource] = []
        var names: Set<String> = []
        do {
            for entry in segments {
                guard let segment = try environment.openSegment(entry.fileName) else {
                    preconditionFailure("BUG: a segment of the manifest is not published")
                }
                let dead = state.deadDatasets(of: entry)
                for group in segment.rowGroups {
                    let living = try group.livingRows(dead: dead)
                    if let source = try PickedRows.source(living, of: group) {
                        sources.append(source)
                    }
                }
                names.formUnion(segment.fieldNames)
            }
        } catch {
            throw EventStoreError(wrapping: error)
        }
        // More names than one segment may have: these stay apart.
        if segments.count > 1 && names.count > EventLimits.namesPerDataset { return }
        let parts = sources.isEmpty ? [] : [SegmentPlan.Part(day: day, sources: sources)]
        try write(edit, parts, in: environment)
    }

    // MARK: - Retention

    /// Buries what is past its policy; while the clock is not trusted it only says what would go.
    private func retain(
        _ environment: Environment, isTrusted: Bool
    ) throws(EventStoreError) {
        let policies = retention.withLock { $0 }
        let plan = RetentionPlan(
            environment.state, now: context.machine.clock.wallNanoseconds()
        ) { policies(environment.name, $0) }
        if plan.dead.isEmpty { return }
        guard isTrusted else {
            let new = plan.dead.filter { announced.insert($0).inserted }
            if !new.isEmpty {
                let names = Set(new.map(\.dataset)).sorted().joined(separator: ", ")
                context.notice("retention waits; \(new.count) runs would go, of \(names)")
            }
            return
        }
        announced = []
        let most = context.limits.runsPerDrop
        for start in stride(from: 0, to: plan.dead.count, by: most) {
            // The rest goes in the next round: a head that is due does not wait for it.
            if start > 0 && context.allEnvironments.contains(where: isSealDue) { return }
            try drop(Array(plan.dead[start..<min(start + most, plan.dead.count)]), of: environment)
        }
    }

    /// Buries runs, after whoever wants to keep what was counted of them.
    private func drop(
        _ runs: [DeadRun], of environment: Environment
    ) throws(EventStoreError) {
        var edit = ManifestEdit()
        edit.dead = runs
        guard let witness = context.witness else { return try environment.apply(edit) }
        do {
            try witness.prepare(environment.snapshot(of: runs), runs, of: environment.name)
        } catch {
            throw EventStoreError(wrapping: error)
        }
        do throws(EventStoreError) {
            try environment.apply(edit)
        } catch {
            // After a failed sync nobody knows whether they are gone, before the next start.
            if error.code != .readOnly { environment.settle(witness) }
            throw error
        }
        environment.settle(witness)
    }

    // MARK: - Log

    /// Removes log files all of whose records are in segments, after their keys are in manifests.
    func trimLog() throws(EventStoreError) {
        guard let committer else { return }
        // In this order: what is published meanwhile has a higher sequence than the first figure.
        var needed = committer.durableBelow
        for environment in context.allEnvironments {
            needed = min(needed, environment.firstSequence ?? needed)
        }
        let from = needed
        let end = committer.perform { $0.removableBelow(from) }
        if end == 0 { return }
        // What was read at the start may not be durable: manifests are written anew before.
        for environment in context.allEnvironments where environment.hasManifest {
            _ = try environment.openManifest()
        }
        try saveKeys(below: end)
        try committer.perform { log in
            Result { () throws(EventStoreError) in try log.removeFiles(below: end) }
        }.get()
    }

    /// Writes keys that only the log holds into their manifests.
    func saveKeys(below sequence: UInt64) throws(EventStoreError) {
        let unsaved = context.withKeys { $0.unsaved(below: sequence) }
        for (name, keys) in unsaved.sorted(by: { $0.key < $1.key }) {
            guard let environment = context.findOrMakeEnvironment(name) else { continue }
            let remembered = context.withKeys { $0.remembered(in: name) }
            try environment.openManifest().keepKeys(remembered)
            var edit = ManifestEdit()
            edit.keys = keys
            try environment.apply(edit)
        }
        context.withKeys { $0.markSaved(below: sequence) }
    }
}

extension ManifestState {
    /// The datasets of a segment that no query sees.
    func deadDatasets(of segment: SegmentEntry) -> Set<String> {
        Set(dead.lazy.filter { $0.fileName == segment.fileName }.map(\.dataset))
    }

    /// Rows of a segment that no query sees.
    fileprivate func deadRows(of segment: SegmentEntry) -> Int {
        segment.datasets.reduce(0) { sum, run in
            let death = DeadRun(fileName: segment.fileName, dataset: run.name)
            return dead.contains(death) ? sum + run.rows : sum
        }
    }
}
