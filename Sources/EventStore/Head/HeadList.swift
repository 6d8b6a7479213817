internal import Events

/// The events of an environment that are not in segments yet: immutable batches in their order.
///
/// The writer appends at the end, the merger replaces runs of small batches by one, a seal takes the
/// whole list as it is and removes it when its segments stand.
struct HeadList: Sendable {
    /// One batch and the records it came from.
    struct Part: Sendable {
        let batch: EventBatch
        /// Of the first and the last record with rows in the batch.
        let sequences: ClosedRange<UInt64>
        /// Nanoseconds of the monotonic clock at which the oldest of them arrived.
        let arrivedAt: Int64
        /// Bytes the log had taken before the oldest of them.
        let logBytesBefore: UInt64
        let byteCount: Int

        init(
            batch: EventBatch, sequences: ClosedRange<UInt64>, arrivedAt: Int64,
            logBytesBefore: UInt64
        ) {
            self.batch = batch
            self.sequences = sequences
            self.arrivedAt = arrivedAt
            self.logBytesBefore = logBytesBefore
            byteCount = batch.byteCount
        }
    }

    private(set) var parts: [Part] = []
    /// Parts at the front that a seal is writing: nobody touches them.
    private(set) var sealing = 0
    private(set) var rows = 0
    /// Rows that were in the head before the first one that is: what arrives has a place that sealing
    /// and merging do not change.
    private(set) var rowsBefore: UInt64 = 0
    private(set) var byteCount = 0

    var isEmpty: Bool { parts.isEmpty }
    /// Of the oldest record that still needs the log.
    var firstSequence: UInt64? { parts.map(\.sequences.lowerBound).min() }
    /// Rows and bytes that no seal is writing.
    private(set) var restRows = 0
    private(set) var restBytes = 0
    /// The oldest part that no seal is writing.
    var oldestUnsealed: Part? { sealing < parts.count ? parts[sealing] : nil }

    mutating func append(_ part: Part) {
        parts.append(part)
        count(part, sign: 1)
    }

    private mutating func count(_ part: Part, sign: Int) {
        rows += sign * part.batch.rows
        byteCount += sign * part.byteCount
        restRows += sign * part.batch.rows
        restBytes += sign * part.byteCount
    }

    // MARK: - Sealing

    /// Marks the parts whose records are all below `sequence` as being sealed and gives them out.
    mutating func beginSeal(below sequence: UInt64) -> [Part] {
        precondition(sealing == 0, "BUG: two seals of one head")
        sealing = sealable(below: sequence)
        for part in parts[..<sealing] {
            restRows -= part.batch.rows
            restBytes -= part.byteCount
        }
        return Array(parts[..<sealing])
    }

    /// How many parts at the front have no record at `sequence` or later, and none at or after the
    /// first one of the parts behind them: batches that grew side by side have records in turn, and
    /// what is sealed is all that came before some record.
    private func sealable(below sequence: UInt64) -> Int {
        var first = [UInt64](repeating: sequence, count: parts.count + 1)
        for index in parts.indices.reversed() {
            first[index] = min(first[index + 1], parts[index].sequences.lowerBound)
        }
        var count = 0
        var last: UInt64 = 0
        for index in parts.indices {
            last = max(last, parts[index].sequences.upperBound)
            if last < first[index + 1] { count = index + 1 }
        }
        return count
    }

    /// Removes the parts of the seal, which are in segments now.
    mutating func finishSeal() {
        for part in parts[..<sealing] {
            rows -= part.batch.rows
            rowsBefore += UInt64(part.batch.rows)
            byteCount -= part.byteCount
        }
        parts.removeFirst(sealing)
        sealing = 0
    }

    /// Takes the mark back: the seal failed.
    mutating func abandonSeal() {
        sealing = 0
        restRows = rows
        restBytes = byteCount
    }

    // MARK: - Merging

    /// How soon small batches are made one.
    enum MergePace {
        /// While nobody asks: late, so that each event is merged once or twice.
        case thrifty
        /// While questions are asked, each of which meets every batch: a few of each size stay.
        case eager

        /// Batches of one size that make a merge worth its work.
        fileprivate var count: Int { self == .thrifty ? 64 : 8 }
        /// Rows below which batches are of one size.
        ///
        /// Thrifty: bodies of fifty events are merged twice, larger ones once; what is a quarter of a
        /// full batch, as batches that have grown, stays until it is sealed.
        /// Eager: eight times as many from size to size.
        fileprivate var sizes: [Int] {
            let most = EventLimits.rowsPerBatch / 2
            return self == .thrifty ? [64, 4_096, most / 2] : [64, 512, 4_096, most]
        }
    }

    /// Bytes of one merged batch, about.
    static let mergedBytes = 64 << 20

    /// A run of neighbours to be made one.
    func mergeableRun(_ pace: MergePace) -> Range<Int>? {
        for size in pace.sizes {
            if let run = run(below: size, pace) { return run }
        }
        return nil
    }

    /// The first run of batches with fewer rows than `size` that is long or fills a batch.
    private func run(below size: Int, _ pace: MergePace) -> Range<Int>? {
        var start = sealing
        var rows = 0
        var bytes = 0
        for index in sealing..<parts.count {
            let part = parts[index]
            let isSmall = part.batch.rows < size
            let fits =
                rows + part.batch.rows <= EventLimits.rowsPerBatch
                && bytes + part.byteCount <= HeadList.mergedBytes
            if isSmall && fits {
                rows += part.batch.rows
                bytes += part.byteCount
                continue
            }
            let run = start..<index
            if run.count >= (isSmall ? 2 : pace.count) { return run }
            start = isSmall ? index : index + 1
            rows = isSmall ? part.batch.rows : 0
            bytes = isSmall ? part.byteCount : 0
        }
        let last = start..<parts.count
        return last.count >= pace.count ? last : nil
    }

    /// Puts the merged batch in the place of `run`, unless a seal has begun to write it.
    mutating func replace(_ run: Range<Int>, merged: EventBatch, of merging: [Part]) {
        guard run.lowerBound >= sealing, run.upperBound <= parts.count, let first = merging.first,
            let last = merging.last, parts[run.lowerBound].batch === first.batch,
            parts[run.upperBound - 1].batch === last.batch
        else { return }
        let low = merging.map(\.sequences.lowerBound).min() ?? first.sequences.lowerBound
        let high = merging.map(\.sequences.upperBound).max() ?? last.sequences.upperBound
        let part = Part(
            batch: merged, sequences: low...high,
            arrivedAt: merging.map(\.arrivedAt).min() ?? first.arrivedAt,
            logBytesBefore: merging.map(\.logBytesBefore).min() ?? first.logBytesBefore)
        for old in parts[run] { count(old, sign: -1) }
        parts.replaceSubrange(run, with: [part])
        count(part, sign: 1)
    }
}
