internal import Events
internal import Synchronization

/// Decoded columns of row groups, so that a repeated question decodes nothing; bounded in bytes.
///
/// When full, what was not asked for since the last sweep goes first (second chance). Safe from any
/// thread; one lock around a table, never around decoding.
public final class DecodedColumnCache: Sendable {
    struct Key: Hashable {
        var segment: Int
        var column: Int
        var group: Int
    }

    private struct Entry {
        let column: Column
        let bytes: Int
        var isRecent: Bool
    }

    private struct State {
        var entries: [Key: Entry] = [:]
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

    func makeIdentity() -> Int {
        state.withLock { state in
            state.nextIdentity += 1
            return state.nextIdentity
        }
    }

    func column(_ key: Key) -> Column? {
        state.withLock { state in
            guard let index = state.entries.index(forKey: key) else { return nil }
            state.entries.values[index].isRecent = true
            return state.entries.values[index].column
        }
    }

    func insert(_ column: Column, _ key: Key) {
        let bytes = column.laneByteCount
        guard bytes <= bytesMax else { return }
        state.withLock { state in
            guard state.entries[key] == nil else { return }
            state.entries[key] = Entry(column: column, bytes: bytes, isRecent: false)
            state.queue.append(key)
            state.bytes += bytes
            while state.bytes > bytesMax { DecodedColumnCache.evictOne(&state) }
        }
    }

    /// Forgets the columns of a segment that is gone.
    func remove(segment: Int) {
        state.withLock { state in
            for (key, entry) in state.entries where key.segment == segment {
                state.bytes -= entry.bytes
                state.entries[key] = nil
            }
            state.queue.removeAll { $0.segment == segment }
            state.hand = 0
        }
    }

    private static func evictOne(_ state: inout State) {
        while true {
            if state.hand >= state.queue.count {
                state.queue.removeAll { state.entries[$0] == nil }
                state.hand = 0
            }
            let key = state.queue[state.hand]
            state.hand += 1
            guard let index = state.entries.index(forKey: key) else { continue }
            if state.entries.values[index].isRecent {
                state.entries.values[index].isRecent = false
                continue
            }
            state.bytes -= state.entries.values[index].bytes
            state.entries.remove(at: index)
            return
        }
    }
}

extension Column {
    /// Bytes of the lanes, and of the dictionary as its row group's share: all that hold it share it.
    fileprivate var laneByteCount: Int {
        let dictionary = coded?.dictionary.byteCount ?? 0
        return byteCount - dictionary + dictionary / 8 + 128
    }
}
