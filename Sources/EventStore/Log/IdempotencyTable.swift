/// The requests that came with a key, and what they were answered.
///
/// A repeat gets the first answer; a repeat while the first is under way waits for it; the same key
/// with another body is a conflict. The oldest keys go first when there are too many.
struct IdempotencyTable {
    struct Name: Hashable, Sendable {
        let environment: String
        let key: String
    }

    typealias Waiter = @Sendable (Result<[UInt8], EventStoreError>) -> Void

    /// What a request with a key meets.
    enum Meeting {
        /// Nobody had this key: the request goes on, and ends with `finish` or `abandon`.
        case first
        /// The first is under way; the waiter will be called.
        case waiting
        case answered([UInt8])
        case conflict
    }

    private enum Entry {
        case underWay(BodyDigest, waiters: [Waiter])
        case done(Remembered)
    }

    private struct Remembered {
        let saved: SavedKey
        /// By the monotonic clock, nanoseconds: jumps of the wall clock forget nothing.
        let expires: Int64
    }

    private let limits: StoreLimits
    private var entries: [Name: Entry] = [:]
    /// Finished keys by their sequence, ascending; those before `oldest` are gone.
    private var order: [(name: Name, sequence: UInt64)] = []
    private var oldest = 0
    private var bytes = 0
    /// Keys of lower sequences are in a manifest.
    private var savedBelow: UInt64 = 0

    init(limits: StoreLimits) { self.limits = limits }

    /// Keys that are remembered.
    var count: Int { order.count - oldest }

    /// Looks a key up and, when it is new, takes it; `waiter` is kept only for `waiting`.
    mutating func meet(
        _ name: Name, _ digest: BodyDigest, now: Int64, waiter: @escaping Waiter
    ) -> Meeting {
        expire(now: now)
        switch entries[name] {
        case nil:
            entries[name] = .underWay(digest, waiters: [])
            return .first
        case .done(let remembered):
            let saved = remembered.saved.idempotency
            return saved.digest == digest ? .answered(saved.answer) : .conflict
        case .underWay(let first, let waiters):
            guard first == digest else { return .conflict }
            entries[name] = .underWay(digest, waiters: waiters + [waiter])
            return .waiting
        }
    }

    /// The answer to a request that was here before; nil when it is new, under way or conflicts.
    mutating func answer(_ name: Name, _ digest: BodyDigest, now: Int64) -> [UInt8]? {
        expire(now: now)
        guard case .done(let remembered) = entries[name],
            remembered.saved.idempotency.digest == digest
        else { return nil }
        return remembered.saved.idempotency.answer
    }

    /// Remembers a durable request's answer; the waiters given back are to be called with it.
    mutating func finish(_ name: Name, _ saved: SavedKey, now: Int64) -> [Waiter] {
        var waiting: [Waiter] = []
        if case .underWay(_, let waiters) = entries[name] { waiting = waiters }
        remember(name, saved, expires: now + limits.keyAge)
        return waiting
    }

    /// Forgets a request that failed; the waiters given back are to be told.
    mutating func abandon(_ name: Name) -> [Waiter] {
        guard case .underWay(_, let waiters) = entries.removeValue(forKey: name) else { return [] }
        return waiters
    }

    /// Takes a key from the manifest or the log at a start; ascending by sequence.
    ///
    /// `age` is how long ago the request was accepted, in nanoseconds.
    mutating func restore(_ name: Name, _ saved: SavedKey, age: Int64, now: Int64) {
        guard entries[name] == nil, age < limits.keyAge else { return }
        // A wall clock that was set back must not keep a key for ever.
        remember(name, saved, expires: now + limits.keyAge - max(0, age))
    }

    // MARK: - Saving

    /// The finished keys of lower sequences that are in no manifest yet, by environment.
    func unsaved(below sequence: UInt64) -> [String: [SavedKey]] {
        var keys: [String: [SavedKey]] = [:]
        for (name, at) in order[oldest...] where at >= savedBelow && at < sequence {
            guard case .done(let remembered) = entries[name] else { continue }
            keys[name.environment, default: []].append(remembered.saved)
        }
        return keys
    }

    mutating func markSaved(below sequence: UInt64) { savedBelow = max(savedBelow, sequence) }

    /// The names and sequences that are still remembered in an environment.
    func remembered(in environment: String) -> Set<UInt64> {
        Set(order[oldest...].lazy.filter { $0.name.environment == environment }.map(\.sequence))
    }

    // MARK: - Erasing

    /// The finished keys of an environment that hold one of the texts, or whose answers do.
    func sequences(in environment: String, holding texts: [[UInt8]]) -> Set<UInt64> {
        var found: Set<UInt64> = []
        for (name, sequence) in order[oldest...] where name.environment == environment {
            guard case .done(let remembered) = entries[name],
                remembered.saved.idempotency.holds(texts)
            else { continue }
            found.insert(sequence)
        }
        return found
    }

    /// Forgets finished keys: a repeat of their requests is stored again.
    mutating func forget(_ sequences: Set<UInt64>, in environment: String) {
        if sequences.isEmpty { return }
        func goes(_ entry: (name: Name, sequence: UInt64)) -> Bool {
            entry.name.environment == environment && sequences.contains(entry.sequence)
        }
        for entry in order[oldest...] where goes(entry) {
            if case .done(let remembered) = entries.removeValue(forKey: entry.name) {
                bytes -= remembered.saved.byteCount
            }
        }
        order.removeFirst(oldest)
        oldest = 0
        order.removeAll(where: goes)
    }

    // MARK: - Bounds

    private mutating func remember(_ name: Name, _ saved: SavedKey, expires: Int64) {
        entries[name] = .done(Remembered(saved: saved, expires: expires))
        order.append((name, saved.sequence))
        bytes += saved.byteCount
        while count > limits.keys || bytes > limits.keyBytes, oldest < order.count { dropOldest() }
    }

    private mutating func expire(now: Int64) {
        while oldest < order.count, case .done(let remembered) = entries[order[oldest].name],
            remembered.expires <= now
        {
            dropOldest()
        }
    }

    private mutating func dropOldest() {
        if case .done(let remembered) = entries.removeValue(forKey: order[oldest].name) {
            bytes -= remembered.saved.byteCount
        }
        oldest += 1
        if oldest > 1_024 && oldest * 2 > order.count {
            order.removeFirst(oldest)
            oldest = 0
        }
    }
}

/// A key with its answer as the manifest keeps it.
struct SavedKey: Hashable, Sendable {
    let sequence: UInt64
    /// Nanoseconds since 1970.
    let acceptedAt: Int64
    let idempotency: Idempotency

    /// Bytes it takes in memory, about.
    var byteCount: Int { 160 + idempotency.key.utf8.count * 2 + idempotency.answer.count }
}
