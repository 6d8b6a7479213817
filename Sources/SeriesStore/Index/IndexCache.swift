internal import Synchronization

/// Indexes of blocks that were read lately, as many as a bound of bytes allows.
final class IndexCache: Sendable {
    private struct Entry {
        let index: BlockIndex
        var used: UInt64
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        var bytes = 0
        var clock: UInt64 = 0
    }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The index of the block with this identity.
    func find(_ identity: UInt64) -> BlockIndex? {
        state.withLock { state in
            state.clock += 1
            state.entries[identity]?.used = state.clock
            return state.entries[identity]?.index
        }
    }

    /// Forgets everything.
    func removeAll() {
        state.withLock { state in
            state.entries = [:]
            state.bytes = 0
        }
    }

    /// Keeps an index; those not used for longest go.
    func insert(_ index: BlockIndex, _ identity: UInt64) {
        guard index.byteCount <= bytesMax else { return }
        state.withLock { state in
            state.clock += 1
            let before = state.entries.updateValue(
                Entry(index: index, used: state.clock), forKey: identity)
            state.bytes += index.byteCount - (before?.index.byteCount ?? 0)
            while state.bytes > bytesMax,
                let oldest = state.entries.min(by: { $0.value.used < $1.value.used })
            {
                state.entries[oldest.key] = nil
                state.bytes -= oldest.value.index.byteCount
            }
        }
    }
}
