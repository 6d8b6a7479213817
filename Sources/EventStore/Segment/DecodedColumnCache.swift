internal import Bytes
internal import Events
internal import Synchronization

/// Decoded columns of row groups and the dictionaries of their segments, so that a repeated question
/// decodes nothing; bounded in bytes.
///
/// When full, the oldest goes first, unless it was asked for since it was last looked at (second
/// chance). Safe from any thread; one lock around a table, never around decoding.
public final class DecodedColumnCache: Sendable {
    struct Key: Hashable {
        var segment: Int
        var column: Int
        var part: Part
    }

    /// What is kept of a column of a segment.
    enum Part: Hashable {
        case rowGroup(Int)
        /// The codes of a row group whose dictionary was not needed.
        case codes(Int)
        /// The rows that a presence block at an offset of the file names; of any column, hence of 0.
        case presence(Int)
        /// What tells which strings a row group may hold.
        case filter(Int)
        case dictionary
        case dictionaryIndex
        case dictionaryPage(Int)
    }

    private enum Content {
        case column(Column)
        case codes(CodeArray)
        case presence(Bitmap)
        case filter(StringFilter)
        case dictionary(ValueDictionary)
        case pages(DictionaryPages)
        case strings(StringListCodec.List)
    }

    private struct Entry {
        let content: Content
        let bytes: Int
        var isRecent: Bool
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// The keys of all entries, each once, from `hand` on; those before are gone.
        var queue: [Key] = []
        var hand = 0
        var bytes = 0
        var nextIdentity = 0
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    /// Holds at most about `bytesMax` bytes of columns and their dictionaries.
    public init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes held now.
    public var byteCount: Int { state.withLock { $0.bytes } }

    /// Places in the queue, those of evicted keys included.
    var queueLength: Int { state.withLock { $0.queue.count } }

    func makeIdentity() -> Int {
        state.withLock { state in
            state.nextIdentity += 1
            return state.nextIdentity
        }
    }

    func column(_ key: Key) -> Column? {
        if case .column(let column) = content(key) { column } else { nil }
    }

    func dictionary(_ key: Key) -> ValueDictionary? {
        if case .dictionary(let dictionary) = content(key) { dictionary } else { nil }
    }

    func codes(_ key: Key) -> CodeArray? {
        if case .codes(let codes) = content(key) { codes } else { nil }
    }

    func presence(_ key: Key) -> Bitmap? {
        if case .presence(let rows) = content(key) { rows } else { nil }
    }

    func filter(_ key: Key) -> StringFilter? {
        if case .filter(let filter) = content(key) { filter } else { nil }
    }

    func pages(_ key: Key) -> DictionaryPages? {
        if case .pages(let pages) = content(key) { pages } else { nil }
    }

    func strings(_ key: Key) -> StringListCodec.List? {
        if case .strings(let strings) = content(key) { strings } else { nil }
    }

    private func content(_ key: Key) -> Content? {
        state.withLock { state in
            guard let index = state.entries.index(forKey: key) else { return nil }
            state.entries.values[index].isRecent = true
            return state.entries.values[index].content
        }
    }

    func insert(_ column: Column, _ key: Key) {
        _ = insert(.column(column), key, bytes: column.laneByteCount)
    }

    func insert(_ codes: CodeArray, _ key: Key) {
        _ = insert(.codes(codes), key, bytes: codes.count * codes.width + 128)
    }

    func insert(_ presence: Bitmap, _ key: Key) {
        _ = insert(.presence(presence), key, bytes: presence.words.count * 8 + 128)
    }

    func insert(_ filter: StringFilter, _ key: Key) {
        _ = insert(.filter(filter), key, bytes: filter.byteCount + 128)
    }

    func insert(_ pages: DictionaryPages, _ key: Key) {
        let bytes = pages.pages.reduce(pages.plain.byteCount) { $0 + $1.first.count + 128 }
        _ = insert(.pages(pages), key, bytes: bytes)
    }

    func insert(_ strings: StringListCodec.List, _ key: Key) {
        let bytes = strings.text.count + strings.offsets.count * 4 + 128
        _ = insert(.strings(strings), key, bytes: bytes)
    }

    /// Keeps a dictionary, and answers the one to use: the first that was kept.
    func insert(_ dictionary: ValueDictionary, _ key: Key) -> ValueDictionary {
        let kept = insert(.dictionary(dictionary), key, bytes: dictionary.byteCount + 128)
        if case .dictionary(let first) = kept { return first }
        return dictionary
    }

    private func insert(_ content: Content, _ key: Key, bytes: Int) -> Content {
        guard bytes <= bytesMax else { return content }
        return state.withLock { state in
            if let known = state.entries[key] { return known.content }
            state.entries[key] = Entry(content: content, bytes: bytes, isRecent: false)
            state.queue.append(key)
            state.bytes += bytes
            while state.bytes > bytesMax { DecodedColumnCache.evictOne(&state) }
            return content
        }
    }

    /// Forgets the columns of a segment that is gone.
    func remove(segment: Int) {
        state.withLock { state in
            for (key, entry) in state.entries where key.segment == segment {
                state.bytes -= entry.bytes
                state.entries[key] = nil
            }
            state.queue.removeFirst(state.hand)
            state.queue.removeAll { $0.segment == segment }
            state.hand = 0
        }
    }

    /// Forgets everything.
    func removeAll() {
        state.withLock { state in
            state.entries = [:]
            state.queue = []
            state.hand = 0
            state.bytes = 0
        }
    }

    /// Takes the first of the queue that nobody asked for since it joined it.
    private static func evictOne(_ state: inout State) {
        while true {
            let key = state.queue[state.hand]
            state.hand += 1
            if state.hand * 2 > state.queue.count {
                state.queue.removeFirst(state.hand)
                state.hand = 0
            }
            guard let index = state.entries.index(forKey: key) else {
                preconditionFailure("BUG: a key in the queue that has no entry")
            }
            if state.entries.values[index].isRecent {
                state.entries.values[index].isRecent = false
                state.queue.append(key)
                continue
            }
            state.bytes -= state.entries.values[index].bytes
            state.entries.remove(at: index)
            return
        }
    }
}

extension Column {
    /// Bytes of the lanes, without a sorted dictionary: that is the segment's, and kept for itself.
    fileprivate var laneByteCount: Int {
        let dictionary = coded?.dictionary
        return byteCount - (dictionary?.isSorted ?? false ? dictionary?.byteCount ?? 0 : 0) + 128
    }
}
