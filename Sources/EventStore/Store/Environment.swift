internal import Events
internal import Host
internal import Synchronization

/// One tenant's events: its head, its segments, its manifest.
///
/// Readers and the writer share `published` under one short lock; the manifest and the files belong
/// to the thread that maintains the store.
final class Environment: @unchecked Sendable {
    // SENDABLE: `manifest`, `reading` and `nextFileNumber` are used by the maintaining thread only,
    // and before and after it runs by the one that opens and closes the store.
    let name: String
    let directory: String
    let machine: Machine
    private let limits: StoreLimits
    private let cache: DecodedColumnCache
    private let unsealed: UnsealedCount
    private(set) var manifest: Manifest?
    private var reading: Manifest.Reading
    private var nextFileNumber: UInt64

    private struct Published {
        var head = HeadList()
        var handles: [String: SegmentHandle] = [:]
        var segments: [StoredSegment] = []
        var erasures = 0
    }

    private let published = Mutex(Published())
    /// Taken before `published`, and held while batches are taken: what was kept is at every moment
    /// in one of both.
    private let growth = Mutex(HeadGrowth())

    init(
        _ name: String, in store: StoreContext, reading: Manifest.Reading, highestFile: UInt64
    ) {
        self.name = name
        directory = store.directory(ofEnvironment: name)
        machine = store.machine
        limits = store.limits
        cache = store.cache
        unsealed = store.unsealed
        self.reading = reading
        nextFileNumber = max(reading.state.nextFileNumber, highestFile + 1)
        publish(reading.state)
    }

    /// What the manifest says, written or only read.
    var state: ManifestState { manifest?.state ?? reading.state }

    /// Whether there is a manifest on disk, of this process or an earlier one.
    var hasManifest: Bool { manifest != nil || reading.exists }

    // MARK: - Reading

    /// Monotonic nanoseconds at which a question last took a snapshot.
    private let askedAt = Atomic<Int64>(-Environment.askedFor)

    /// How soon small batches are to be merged: sooner while more questions are to be expected.
    var mergePace: HeadList.MergePace {
        let idle = machine.clock.monotonicNanoseconds() - askedAt.load(ordering: .relaxed)
        return idle < Environment.askedFor ? .eager : .thrifty
    }

    /// Nanoseconds after a question for which more are expected.
    private static let askedFor: Int64 = 1_000_000_000

    func noteQuestion() {
        askedAt.store(machine.clock.monotonicNanoseconds(), ordering: .relaxed)
    }

    func snapshot() -> EventStoreSnapshot {
        endGrowth()
        return published.withLock { published in
            EventStoreSnapshot(
                head: published.head.parts.map(\.batch), segments: published.segments)
        }
    }

    /// A number that is another one after events were erased.
    var erasures: Int { published.withLock { $0.erasures } }

    /// The segments alone, and how many batches the head has.
    func withoutHead() -> (segments: [StoredSegment], headBatches: Int) {
        published.withLock { ($0.segments, $0.head.parts.count) }
    }

    /// The events of runs alone, of segments that are there.
    func snapshot(of runs: [DeadRun]) -> EventStoreSnapshot {
        let handles = published.withLock { $0.handles }
        let wanted = Dictionary(grouping: runs, by: \.fileName)
        let segments = wanted.sorted { $0.key < $1.key }.compactMap { fileName, runs in
            handles[fileName].map { handle in
                let others = Set(handle.entry.datasets.map(\.name)).subtracting(runs.map(\.dataset))
                return StoredSegment(handle, dead: others)
            }
        }
        return EventStoreSnapshot(head: [], segments: segments)
    }

    /// Lets a witness of retention know what is gone by now.
    func settle(_ witness: any RetentionWitness) {
        let state = state
        witness.settle(name) { runs in
            runs.allSatisfy { state.segments[$0.fileName] == nil || state.dead.contains($0) }
        }
    }

    /// Looks at the head under the lock, when nothing grows beside it.
    func withHead<Result: Sendable>(_ body: (HeadList) -> Result) -> Result {
        endGrowth()
        return published.withLock { body($0.head) }
    }

    /// Of the oldest record that still needs the log.
    var firstSequence: UInt64? {
        growth.withLock { growth in
            let first = published.withLock { $0.head.firstSequence }
            guard let grown = growth.firstSequence else { return first }
            return min(first ?? grown, grown)
        }
    }

    /// What of the head no seal is writing: rows, bytes, and the oldest of it; nil when there is none.
    var unsealedPart: (rows: Int, bytes: Int, arrivedAt: Int64, logBytesBefore: UInt64)? {
        growth.withLock { growth in
            let head = published.withLock { published in
                (published.head.restRows, published.head.restBytes, published.head.oldestUnsealed)
            }
            let arrived = [head.2?.arrivedAt] + growth.parts.map(\.arrivedAt)
            let before = [head.2?.logBytesBefore] + growth.parts.map(\.logBytesBefore)
            guard let oldest = arrived.compactMap({ $0 }).min(),
                let logged = before.compactMap({ $0 }).min()
            else { return nil }
            return (head.0 + growth.rows, head.1 + growth.byteCount, oldest, logged)
        }
    }

    // MARK: - Head

    func append(_ parts: [HeadList.Part]) {
        changeHead { head in for part in parts { head.append(part) } }
    }

    /// Counts events that a growing batch was given and that are safe now.
    func keepRecord(_ grown: HeadGrowth.Part) {
        growth.withLock { growth in
            grown.batch.keepRecord()
            growth.add(grown)
            unsealed.add(rows: grown.rows, bytes: grown.byteCount)
        }
    }

    /// Makes the growing batches part of the head, or one of them.
    func endGrowth(of batch: (any GrowingBatch)? = nil) {
        growth.withLock { take(&$0) { batch == nil || batch === $0 } }
    }

    private func take(_ growth: inout HeadGrowth, _ isWanted: (any GrowingBatch) -> Bool) {
        // Fast path: nothing has come since the last look.
        if growth.parts.isEmpty { return }
        let before = (growth.rows, growth.byteCount)
        let parts = growth.take(isWanted)
        changeHead { head in for part in parts { head.append(part) } }
        unsealed.add(rows: growth.rows - before.0, bytes: growth.byteCount - before.1)
    }

    private func changeHead(_ body: (inout HeadList) -> Void) {
        published.withLock { published in
            let before = (published.head.rows, published.head.byteCount)
            body(&published.head)
            unsealed.add(
                rows: published.head.rows - before.0, bytes: published.head.byteCount - before.1)
        }
    }

    /// Puts one batch in the place of a run of small ones; false when there is no such run.
    func mergeOnce() -> Bool {
        let pace = mergePace
        // Who asks next then waits for a few milliseconds' events only.
        if pace == .eager { endGrowth() }
        let found = published.withLock { published -> (Range<Int>, [HeadList.Part])? in
            published.head.mergeableRun(pace).map { ($0, Array(published.head.parts[$0])) }
        }
        guard let (run, parts) = found else { return false }
        let merged = EventBatch(merging: parts.map(\.batch))
        changeHead { head in
            // A seal may have finished meanwhile and moved what comes after it.
            guard let start = head.parts.firstIndex(where: { $0.batch === parts[0].batch }) else {
                return
            }
            head.replace(start..<start + run.count, merged: merged, of: parts)
        }
        return true
    }

    // MARK: - Manifest

    /// The manifest, written anew by this process; makes directory and file if need be.
    func openManifest() throws(EventStoreError) -> Manifest {
        if let manifest { return manifest }
        if !reading.exists {
            try callMachine { () throws(HostError) in
                try machine.files.createDirectory(directory)
                let parent = directory.dropLast(directory.utf8.count - lastSlash(directory))
                try machine.files.synchronizeDirectory(String(parent))
            }
        }
        let manifest = try Manifest(machine, directory: directory, limits: limits, from: reading)
        self.manifest = manifest
        return manifest
    }

    /// Makes an edit durable, then visible together with its segments.
    func apply(_ edit: ManifestEdit, finishesSeal: Bool = false) throws(EventStoreError) {
        let manifest = try openManifest()
        try manifest.append(edit)
        publish(manifest.state, finishesSeal: finishesSeal)
    }

    private func publish(_ state: ManifestState, finishesSeal: Bool = false) {
        var dead: [String: Set<String>] = [:]
        for run in state.dead { dead[run.fileName, default: []].insert(run.dataset) }
        published.withLock { published in
            var handles: [String: SegmentHandle] = [:]
            for (name, entry) in state.segments {
                handles[name] =
                    published.handles[name]
                    ?? SegmentHandle(
                        entry, files: machine.files, directory: directory, cache: cache)
            }
            for (name, handle) in published.handles where handles[name] == nil {
                handle.markObsolete()
            }
            published.handles = handles
            published.erasures =
                state.receipts.count + state.receipts.count { $0.isFinished }
            published.segments = handles.sorted { $0.key < $1.key }
                .map { StoredSegment($0.value, dead: dead[$0.key] ?? []) }
                .filter { $0.rows > 0 }
            guard finishesSeal else { return }
            let before = (published.head.rows, published.head.byteCount)
            published.head.finishSeal()
            unsealed.add(
                rows: published.head.rows - before.0, bytes: published.head.byteCount - before.1)
        }
    }

    // MARK: - Files

    /// Writes the parts of a plan as segment files with durable names.
    func writeSegments(_ plan: [SegmentPlan.Part]) throws(EventStoreError) -> [SegmentEntry] {
        let manifest = try openManifest()
        let storage = SegmentStorage(machine: machine, directory: directory)
        var entries: [SegmentEntry] = []
        do throws(EventStoreError) {
            for part in plan {
                nextFileNumber += 1
                entries.append(try storage.write(part, number: nextFileNumber - 1))
            }
        } catch {
            discard(entries)
            throw error
        }
        do throws(EventStoreError) {
            try storage.synchronizeDirectory()
        } catch {
            // As with the log: what the directory holds now is unknown until it is read anew.
            let reason = EventStoreError(
                .readOnly, "a sync of an environment's directory failed", cause: error.cause)
            manifest.stop(reason)
            throw reason
        }
        return entries
    }

    /// Removes files that no edit will name.
    func discard(_ entries: [SegmentEntry]) {
        for entry in entries { try? machine.files.remove(directory + "/" + entry.fileName) }
    }

    /// Takes everything out of the head that is durable in the log.
    func beginSeal(below sequence: UInt64) -> [HeadList.Part] {
        growth.withLock { growth in
            take(&growth) { _ in true }
            return published.withLock { $0.head.beginSeal(below: sequence) }
        }
    }

    func abandonSeal() { published.withLock { $0.head.abandonSeal() } }

    /// Opens the files with the latest events, as far as they can be, until their footers have so
    /// many entries.
    func openSegments(atMost most: Int) {
        let handles = published.withLock { Array($0.handles.values) }
        let latest = handles.sorted {
            $0.entry.timeBounds.upperBound > $1.entry.timeBounds.upperBound
        }
        var entries = 0
        for handle in latest where entries < most {
            entries += (try? handle.open())?.footer.entryCount ?? 0
        }
    }

    /// The open segment of a file that the manifest names.
    func openSegment(_ fileName: String) throws -> Segment? {
        try published.withLock { $0.handles[fileName] }?.open()
    }
}

private func lastSlash(_ path: String) -> Int {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map {
        path.utf8.distance(from: path.utf8.startIndex, to: $0)
    } ?? 0
}

/// Rows and bytes of all heads together.
final class UnsealedCount: Sendable {
    private let rowCount = Atomic<Int>(0)
    private let byteSum = Atomic<Int>(0)

    var rows: Int { rowCount.load(ordering: .relaxed) }
    var bytes: Int { byteSum.load(ordering: .relaxed) }

    func add(rows: Int, bytes: Int) {
        rowCount.wrappingAdd(rows, ordering: .relaxed)
        byteSum.wrappingAdd(bytes, ordering: .relaxed)
    }
}
