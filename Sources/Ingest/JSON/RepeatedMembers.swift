internal import CKernels
internal import Events

/// What followed a value of a key last time, to be compared as bytes and appended without being read.
///
/// Wide events repeat themselves: after the name of a pod come the same forty fields of node, region,
/// version and team each time. The members behind a string are remembered by its key and its code;
/// where the same string comes again and the same bytes follow it, their columns get the codes they
/// got before. Decoding takes a tenth less time for events of a few hundred pods mixed, a fifth less
/// where a body is of one process.
///
/// Remembered within one body: its bytes are compared in place, and its codes are those of one batch.
/// A key for whose values it does not pay loses its credit and is no longer asked.
struct RepeatedMembers: ~Copyable {
    /// The members behind one value of one key.
    private struct Run: BitwiseCopyable {
        var node: Int32 = -1
        var code: UInt32 = 0
        /// Of another number, the run is forgotten.
        var generation: UInt32 = 0
        var count: Int32 = 0
        /// The byte behind the value, where a run of these members began last.
        var start: Cursor
        /// Bytes of all members and the one behind them, without which a number could go on.
        var bytes = 0
    }

    /// A member that was read while there are runs to be recorded.
    private struct Member: BitwiseCopyable {
        var end: Cursor
        var node: Int32
        var field: KnownField
    }

    /// A run that begins with the member of this number.
    private struct Recording: BitwiseCopyable {
        var run: Int
        var node: Int32
        var code: UInt32
        var start: Cursor
        var first: Int
    }

    private static var runCount: Int { 512 }
    private static var membersMax: Int { 32 }
    private static var recordingsMax: Int { 4 }

    // By run, `membersMax` each; only what is used is ever touched.
    private let fields: UnsafeMutablePointer<KnownField>
    private let ends: UnsafeMutablePointer<UInt32>
    private let nodes: UnsafeMutablePointer<Int32>
    private let runs: UnsafeMutablePointer<Run>
    private let members: UnsafeMutablePointer<Member>
    private let recordings: UnsafeMutablePointer<Recording>
    /// Members recorded so far.
    private(set) var recorded = 0
    private var recordingCount = 0
    private var generation: UInt32 = 1
    private var batch = 0

    init(_ nowhere: Cursor) {
        let count = RepeatedMembers.runCount * RepeatedMembers.membersMax
        fields = .allocate(capacity: count)
        ends = .allocate(capacity: count)
        nodes = .allocate(capacity: count)
        runs = .allocate(capacity: RepeatedMembers.runCount)
        runs.initialize(repeating: Run(start: nowhere), count: RepeatedMembers.runCount)
        members = .allocate(capacity: RepeatedMembers.membersMax)
        recordings = .allocate(capacity: RepeatedMembers.recordingsMax)
    }

    deinit {
        fields.deallocate()
        ends.deallocate()
        nodes.deallocate()
        runs.deallocate()
        members.deallocate()
        recordings.deallocate()
    }

    /// Forgets everything: another body, or other keys.
    mutating func removeAll() {
        generation &+= 1
        drop()
    }

    @inline(__always)
    mutating func beginEvent(inBatch number: Int) {
        if batch != number {
            batch = number
            generation &+= 1
        }
        if isRecording { drop() }
    }

    // MARK: - Recording

    var isRecording: Bool {
        @inline(__always) get { recordingCount > 0 }
    }

    /// Records a member that was read and ends at `end`.
    mutating func record(_ field: KnownField, of node: Int32, end: Cursor) {
        members[recorded] = Member(end: end, node: node, field: field)
        recorded += 1
        if recorded == RepeatedMembers.membersMax { keep() }
    }

    /// Gives up what was recorded.
    mutating func drop() {
        recordingCount = 0
        recorded = 0
    }

    /// Keeps what was recorded: the next member is none that can be remembered.
    ///
    /// - Parameter run: one that is about to be followed, and not to be written over.
    mutating func keep(except run: Int = -1) {
        for index in 0..<recordingCount where recordings[index].run != run {
            keep(recordings[index])
        }
        drop()
    }

    private func keep(_ recording: Recording) {
        let count = recorded - recording.first
        if count == 0 { return }
        let base = recording.run * RepeatedMembers.membersMax
        for index in 0..<count {
            let member = members[recording.first + index]
            fields[base + index] = member.field
            nodes[base + index] = member.node
            ends[base + index] = UInt32(truncatingIfNeeded: member.end - recording.start)
        }
        runs[recording.run] = Run(
            node: recording.node, code: recording.code, generation: generation,
            count: Int32(count), start: recording.start,
            bytes: Int(ends[base + count - 1]) + 1)
    }

    // MARK: - Following

    /// Members that stand behind a value as they did last time.
    struct Following {
        let fields: UnsafeBufferPointer<KnownField>
        /// The key of the last one.
        let lastNode: Int32
        /// Where it ends.
        let end: Cursor
    }

    /// The members behind the string of code `code` of key `node`, which ends at `place`, as far as
    /// they are those that followed it last time; nil when none is, and then what follows is recorded.
    mutating func following(_ code: UInt32, of node: Int32, at place: Cursor) -> Following? {
        let index = RepeatedMembers.index(node, code)
        let run = runs[index]
        if run.code == code && run.node == node && run.generation == generation {
            let matched = wf_common_prefix(run.start, place, run.bytes)
            let count = matched == run.bytes ? Int(run.count) : wholeMembers(index, matched)
            if count > 0 {
                if isRecording { keep(except: index) }
                return follow(index, count: count, at: place)
            }
        }
        if recordingCount < RepeatedMembers.recordingsMax {
            recordings[recordingCount] = Recording(
                run: index, node: node, code: code, start: place, first: recorded)
            recordingCount += 1
        }
        return nil
    }

    private mutating func follow(_ index: Int, count: Int, at place: Cursor) -> Following {
        let base = index * RepeatedMembers.membersMax
        let end = Int(ends[base + count - 1])
        runs[index].start = place
        runs[index].count = Int32(count)
        runs[index].bytes = end + 1
        return Following(
            fields: UnsafeBufferPointer(start: fields + base, count: count),
            lastNode: nodes[base + count - 1], end: place + end)
    }

    /// Members of a run that lie whole in its first `bytes` bytes, with the byte behind them.
    private func wholeMembers(_ index: Int, _ bytes: Int) -> Int {
        let base = index * RepeatedMembers.membersMax
        var count = 0
        while count < Int(runs[index].count) && Int(ends[base + count]) < bytes { count += 1 }
        return count
    }

    @inline(__always)
    private static func index(_ node: Int32, _ code: UInt32) -> Int {
        let hash = UInt32(bitPattern: node) &* 0x9E37_79B1 ^ code &* 0x85EB_CA6B
        return Int(hash >> 23)
    }
}
