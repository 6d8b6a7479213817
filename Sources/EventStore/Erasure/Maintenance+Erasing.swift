internal import Bytes
internal import Events
internal import Host

extension Maintenance {
    /// Erases events from the segments, then what else holds them.
    func erase(_ erasure: Erasure) throws(EventStoreError) -> ErasureReceipt {
        guard let committer else {
            throw context.refusal ?? EventStoreError(.readOnly, "the store is open to read")
        }
        guard let environment = context.findOrMakeEnvironment(erasure.environment) else {
            throw EventStoreError(.tooLarge, "too many environments")
        }
        // What was acknowledged before is synced when the writer is between two groups.
        committer.perform { _ in }
        // After a failed sync, what was not acknowledged may come back with the log when it is next read.
        if let refusal = context.refusal { throw refusal }
        try seal(environment)
        let plan = try ErasurePlan(erasure, environment)
        var edit = ManifestEdit()
        edit.removed = plan.rewritten.map(\.entry.fileName)
        let keys = context.withKeys {
            $0.sequences(in: environment.name, holding: erasure.texts)
        }
        edit.forgottenKeys = keys.union(environment.state.sequences(holding: erasure.texts))
            .sorted()
        edit.receipts = [
            ErasureReceipt(
                id: erasure.id, condition: erasure.condition, digest: erasure.digest,
                erasedAt: context.machine.clock.wallNanoseconds(), events: plan.events,
                segments: edit.removed.compactMap { Filenames.segmentNumber($0) }.sorted(),
                isFinished: false)
        ]
        try apply(plan, edit, in: environment)
        let forgotten = Set(edit.forgottenKeys)
        context.withKeys { $0.forget(forgotten, in: environment.name) }
        context.cache.removeAll()
        environment.removeFiles(edit.removed)
        for _ in 0..<Maintenance.finishAttempts where !environment.state.unfinishedErasures.isEmpty
        {
            try finishErasures()
        }
        return environment.state.receipts.last { $0.id == erasure.id } ?? edit.receipts[0]
    }

    /// A record that is synced only meanwhile can hold one round of tidying back; not several.
    private static let finishAttempts = 8

    /// Writes the new files, sealing what is due between two of them, then makes the edit.
    private func apply(
        _ plan: ErasurePlan, _ edit: ManifestEdit, in environment: Environment
    ) throws(EventStoreError) {
        var edit = edit
        do throws(EventStoreError) {
            for segment in plan.rewritten where !segment.sources.isEmpty {
                let part = SegmentPlan.Part(day: segment.entry.day, sources: segment.sources)
                edit.added += try environment.writeSegments([part])
                try sealWhatIsDue()
            }
            try environment.apply(edit)
        } catch {
            // After a failed sync the edit may be on disk all the same: the files must stay.
            if error.code == .readOnly {
                context.refuse(error)
            } else {
                environment.discard(edit.added)
            }
            throw error
        }
    }

    /// Empties the log of what was erased, and the manifests of the edits that knew it.
    ///
    /// The log is one for all environments, so all are sealed and every file before now goes.
    func finishErasures() throws(EventStoreError) {
        let unfinished = context.allEnvironments.filter { !$0.state.unfinishedErasures.isEmpty }
        guard let committer, !unfinished.isEmpty else { return }
        let start = try committer.perform { log in
            Result { () throws(EventStoreError) in try log.rotate() }
        }.get()
        for environment in context.allEnvironments { try seal(environment) }
        try trimLog()
        guard committer.perform({ $0.firstSequence }) >= start else { return }
        for environment in unfinished { try environment.finishErasures() }
    }
}

/// Which segments an erasure writes anew, and of what.
private struct ErasurePlan {
    /// Events that go, those that retention had let go of not counted.
    private(set) var events = 0
    private(set) var rewritten: [(entry: SegmentEntry, sources: [any EventSource])] = []

    init(_ erasure: Erasure, _ environment: Environment) throws(EventStoreError) {
        do {
            try self.init(asking: erasure, environment)
        } catch {
            throw EventStoreError(wrapping: error)
        }
    }

    private init(asking erasure: Erasure, _ environment: Environment) throws {
        let state = environment.state
        let entries = state.segments.values.sorted { $0.fileName < $1.fileName }
        var groups: [[SegmentRowGroup]] = []
        for entry in entries {
            guard let segment = try environment.openSegment(entry.fileName) else {
                preconditionFailure("BUG: a segment of the manifest is not published")
            }
            groups.append(segment.rowGroups)
        }
        var found = try erasure.rows(groups.flatMap { $0 })[...]
        for (entry, groups) in zip(entries, groups) {
            let rows = Array(found.prefix(groups.count))
            found = found.dropFirst(groups.count)
            if rows.allSatisfy({ $0?.isEmpty ?? true }) { continue }
            let dead = state.deadDatasets(of: entry)
            var sources: [any EventSource] = []
            for (group, rows) in zip(groups, rows) {
                let living = try group.livingRows(dead: dead)
                var kept = living
                if let rows { kept.subtract(rows) }
                events += living.population - kept.population
                if let source = try PickedRows.source(kept, of: group) { sources.append(source) }
            }
            rewritten.append((entry, sources))
        }
    }
}

extension Environment {
    /// Removes files that readers may still have open, and makes that durable.
    ///
    /// Only files whose handles were opened: what could still be opened would not be found.
    fileprivate func removeFiles(_ names: [String]) {
        for name in names { try? machine.files.remove(directory + "/" + name) }
        try? machine.files.synchronizeDirectory(directory)
    }

    /// Notes that nothing is left of what was erased, and writes the manifest without its past.
    fileprivate func finishErasures() throws(EventStoreError) {
        var edit = ManifestEdit()
        edit.receipts = state.unfinishedErasures.map { receipt in
            var receipt = receipt
            receipt.isFinished = true
            return receipt
        }
        try apply(edit)
        try openManifest().forgetPast()
    }
}

extension ManifestState {
    /// The saved keys that hold one of the texts, or whose answers do.
    fileprivate func sequences(holding texts: [[UInt8]]) -> [UInt64] {
        keys.values.filter { $0.idempotency.holds(texts) }.map(\.sequence)
    }
}
