internal import CKernels
internal import Events

/// Strings and what followed them last time, to be compared as bytes and appended without being read.
///
/// Wide events repeat themselves: after the name of a pod come the same forty fields of node, region,
/// version and team each time. A string and the members behind it are remembered as bytes and as what
/// their columns got for them; where the same bytes come again, the columns get the same again.
/// Decoding takes a seventh less time for bodies of a thousand events of a few hundred pods mixed, a
/// fifteenth less for bodies of fifty.
///
/// Remembered from body to body. Codes are those of one batch; in the next one values are looked up
/// from the remembered bytes. A key for whose values it does not pay loses its credit and is no longer
/// asked.
struct RepeatedMembers: ~Copyable {
    /// A string of one key and the members behind it.
    private struct Run: BitwiseCopyable {
        /// The key of the string.
        var node: Int32
        /// The key of the last member.
        var lastNode: Int32
        /// Members, that of the string included.
        var count: Int32 = 0
        /// Bytes from the string's first one up to the one behind all members, without which a number
        /// could go on.
        var bytes: Int32 = 0
        /// The generation of codes of which the fields are; −1 of none.
        var generation: Int
    }

    /// A member of a run.
    private struct Member: BitwiseCopyable {
        /// Its key.
        var node: Int32
        /// Where its value begins and ends, from the run's first byte on.
        var start: UInt16
        var end: UInt16
    }

    /// A member that was read while there are runs to be recorded.
    private struct ReadMember: BitwiseCopyable {
        var start: Cursor
        var end: Cursor
        var node: Int32
        var field: KnownField
    }

    /// A run that begins with the member of this number.
    private struct Recording: BitwiseCopyable {
        var run: Int
        var tag: UInt32
        var first: Int
    }

    /// Runs that are remembered, in sets of two that are found by the hash of their string.
    private static var runCount: Int { 1024 }
    private static var membersMax: Int { 32 }
    private static var recordingsMax: Int { 4 }
    /// Bytes that a run takes: itself, its fields, and its bytes, which are asked of it together.
    private static var stride: Int { 1024 }
    private static var fieldsOffset: Int { 32 }
    private static var bytesOffset: Int {
        fieldsOffset + membersMax * MemoryLayout<KnownField>.stride
    }
    private static var bytesMax: Int { stride - bytesOffset }

    /// By run, a part of the hash of its string; 0 for no run.
    private let tags: UnsafeMutablePointer<UInt32>
    /// By set, which of its two runs is to be replaced next.
    private let replaceable: UnsafeMutablePointer<UInt8>
    // By run; only what is used is ever touched.
    private let memory: UnsafeMutableRawPointer
    private let members: UnsafeMutablePointer<Member>

    private let read: UnsafeMutablePointer<ReadMember>
    private let recordings: UnsafeMutablePointer<Recording>
    private var readCount = 0
    private var recordingCount = 0
    /// The builder's generation of codes.
    private var generation = -1

    init() {
        let count = RepeatedMembers.runCount
        tags = .allocate(capacity: count)
        tags.initialize(repeating: 0, count: count)
        replaceable = .allocate(capacity: count / 2)
        replaceable.initialize(repeating: 0, count: count / 2)
        memory = .allocate(byteCount: count * RepeatedMembers.stride, alignment: 64)
        members = .allocate(capacity: count * RepeatedMembers.membersMax)
        read = .allocate(capacity: RepeatedMembers.membersMax)
        recordings = .allocate(capacity: RepeatedMembers.recordingsMax)
    }

    deinit {
        tags.deallocate()
        replaceable.deallocate()
        memory.deallocate()
        members.deallocate()
        read.deallocate()
        recordings.deallocate()
    }

    /// Forgets everything: other keys, or other columns.
    mutating func removeAll() {
        drop()
        tags.update(repeating: 0, count: RepeatedMembers.runCount)
    }

    @inline(__always)
    mutating func beginEvent(_ builder: EventBatchBuilder) {
        generation = builder.codeGeneration
        if isRecording { drop() }
    }

    // MARK: - Parts of a run

    @inline(__always)
    private func run(_ index: Int) -> UnsafeMutablePointer<Run> {
        (memory + index * RepeatedMembers.stride).bindMemory(to: Run.self, capacity: 1)
    }

    @inline(__always)
    private func fields(_ index: Int) -> UnsafeMutablePointer<KnownField> {
        (memory + index * RepeatedMembers.stride + RepeatedMembers.fieldsOffset)
            .bindMemory(to: KnownField.self, capacity: RepeatedMembers.membersMax)
    }

    @inline(__always)
    private func bytes(_ index: Int) -> UnsafeMutablePointer<UInt8> {
        (memory + index * RepeatedMembers.stride + RepeatedMembers.bytesOffset)
            .bindMemory(to: UInt8.self, capacity: RepeatedMembers.bytesMax)
    }

    @inline(__always)
    private func members(_ index: Int) -> UnsafeMutablePointer<Member> {
        members + index * RepeatedMembers.membersMax
    }

    // MARK: - Recording

    var isRecording: Bool {
        @inline(__always) get { recordingCount > 0 }
    }

    /// Members that were read since the first recording under way began.
    var recorded: Int { readCount }

    /// Records a member that was read.
    ///
    /// - Parameter start: the first byte of its value, of a string the one behind the quote.
    mutating func record(_ field: KnownField, of node: Int32, from start: Cursor, to end: Cursor) {
        read[readCount] = ReadMember(start: start, end: end, node: node, field: field)
        readCount += 1
        if readCount == RepeatedMembers.membersMax { keep() }
    }

    /// Gives up what was recorded.
    mutating func drop() {
        recordingCount = 0
        readCount = 0
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
        guard recording.first < readCount else { return }
        let index = recording.run
        let origin = read[recording.first].start
        var kept = Run(node: read[recording.first].node, lastNode: -1, generation: generation)
        for place in recording.first..<readCount {
            let member = read[place]
            let end = member.end - origin
            if end >= RepeatedMembers.bytesMax { break }
            fields(index)[Int(kept.count)] = member.field
            members(index)[Int(kept.count)] = Member(
                node: member.node, start: UInt16(truncatingIfNeeded: member.start - origin),
                end: UInt16(truncatingIfNeeded: end))
            kept.lastNode = member.node
            kept.count += 1
            kept.bytes = Int32(truncatingIfNeeded: end + 1)
        }
        bytes(index).update(from: origin, count: Int(kept.bytes))
        run(index).pointee = kept
        tags[index] = kept.count > 0 ? recording.tag : 0
    }

    private mutating func begin(recording run: Int, tag: UInt32) {
        guard recordingCount < RepeatedMembers.recordingsMax else { return }
        recordings[recordingCount] = Recording(run: run, tag: tag, first: readCount)
        recordingCount += 1
    }

    // MARK: - Following

    /// Members that stand at a place as they were remembered.
    struct Following {
        /// How many were appended; 0 for none, and then what is read is recorded.
        var count = 0
        /// The key of the last one, and where its value ends.
        var lastNode: Int32 = -1
        var end: Cursor
        /// Whether the string had been remembered.
        var isKnown = false

        /// What it says for remembering what follows strings of the key.
        ///
        /// A new string may come again; one that other members follow than before will hardly be followed
        /// by the same ones for long.
        var credit: Int { count > 0 ? count - membersThatPay : isKnown ? -4 : -1 }
    }

    /// Members that cost as much to look for as to read.
    private static var membersThatPay: Int { 7 }

    /// Appends the string at `place`, the value of the key `node`, and the members behind it, as far as
    /// they are those that were remembered.
    mutating func follow(
        _ text: SoughtValue, of node: Int32, at place: Cursor,
        appendingTo builder: EventBatchBuilder
    ) -> Following {
        let hash = (text.hash &+ UInt64(UInt32(bitPattern: node))) &* 0x9E37_79B9_7F4A_7C15
        let tag = UInt32(truncatingIfNeeded: hash >> 32) | 1
        let set = Int(truncatingIfNeeded: hash >> 23) & (RepeatedMembers.runCount / 2 - 1)
        var following = Following(end: place)
        for way in 0..<2 where tags[set * 2 + way] == tag {
            let index = set * 2 + way
            let run = run(index)
            let matched = wf_common_prefix(bytes(index), place, Int(run.pointee.bytes))
            // A string may begin with another one, but not with that one's closing quote.
            guard matched > text.count, run.pointee.node == node else { continue }
            replaceable[set] = UInt8(1 - way)
            following.isKnown = true
            if matched < Int(run.pointee.bytes) {
                let count = wholeMembers(index, matched)
                if count < RepeatedMembers.membersThatPay {
                    begin(recording: index, tag: tag)
                    return following
                }
                shorten(index, to: count)
            }
            if isRecording { keep(except: index) }
            append(index, to: builder)
            following.count = Int(run.pointee.count)
            following.lastNode = run.pointee.lastNode
            following.end = place + (Int(run.pointee.bytes) - 1)
            return following
        }
        begin(recording: set * 2 + Int(replaceable[set]), tag: tag)
        replaceable[set] ^= 1
        return following
    }

    @inline(__always)
    private func append(_ index: Int, to builder: EventBatchBuilder) {
        let run = run(index).pointee
        if run.generation == generation {
            builder.append(UnsafeBufferPointer(start: fields(index), count: Int(run.count)))
        } else {
            lookUp(index, appendingTo: builder)
        }
    }

    /// Appends a run whose codes are of another batch, and takes the codes of this one.
    private func lookUp(_ index: Int, appendingTo builder: EventBatchBuilder) {
        let (fields, bytes, members) = (fields(index), bytes(index), members(index))
        var isCoded = true
        for number in 0..<Int(run(index).pointee.count) {
            let column = fields[number].column
            if fields[number].isInteger {
                builder.append(fields[number].integer, to: column)
                continue
            }
            let (start, end) = (Int(members[number].start), Int(members[number].end))
            let code: UInt32
            if number == 0 || bytes[start - 1] == JSONByte.quote {
                code = builder.append(
                    UnsafeBufferPointer(start: bytes + start, count: end - 1 - start), to: column)
            } else {
                code = builder.append(bytes[start] == UInt8(ascii: "t"), to: column)
            }
            fields[number] = KnownField(column: column, code: code)
            isCoded = isCoded && code > 0
        }
        run(index).pointee.generation = isCoded ? generation : -1
    }

    /// Members of a run that lie whole in its first `bytes` bytes, with the byte behind them.
    private func wholeMembers(_ index: Int, _ bytes: Int) -> Int {
        let members = members(index)
        var count = 0
        let known = Int(run(index).pointee.count)
        while count < known && Int(members[count].end) < bytes { count += 1 }
        return count
    }

    private func shorten(_ index: Int, to count: Int) {
        let last = members(index)[count - 1]
        let run = run(index)
        run.pointee.count = Int32(truncatingIfNeeded: count)
        run.pointee.lastNode = last.node
        run.pointee.bytes = Int32(last.end) + 1
    }
}
